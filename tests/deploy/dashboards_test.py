"""The Grafana boards: current, complete, and with queries that Prometheus takes.

    dashboards_test.py ROOT
    dashboards_test.py --self-test ROOT       plants violations and expects them found
    dashboards_test.py --print-queries ROOT   each query as one line of JSON, for a test
                                              that puts them to a real Prometheus
"""

import copy
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile

# What Grafana puts in their place.
VALUES = {"$__rate_interval": "1m", "$__range": "15m", "$cluster": "belfry", "$cpu": "1"}

# Functions of PromQL in which a counter may stand.
OF_COUNTERS = ("rate", "increase", "changes")


def generator(root):
    path = root / "deploy/grafana/dashboards.py"
    spec = importlib.util.spec_from_file_location("dashboards", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["dashboards"] = module
    spec.loader.exec_module(module)
    return module


def with_values(expr):
    for variable, value in VALUES.items():
        expr = expr.replace(variable, value)
    return expr


class Metrics:
    """The names there are, by docs/METRICS.md and the recording rules."""

    def __init__(self, root):
        text = (root / "docs/METRICS.md").read_text()
        node, coordinator = (text.split(f"\n## On {who}\n")[1].split("\n## ")[0]
                             for who in ("every node", "the coordinator"))
        on_node, on_coordinator = map(self.rows_of, (node, coordinator))
        self.types = {**on_node, **on_coordinator}
        self.shared = set(on_node) & set(on_coordinator)
        rules = (root / "deploy/prometheus/rules.yml").read_text()
        self.recorded = set(re.findall(r"- record: (\S+)", rules))

    @staticmethod
    def rows_of(section):
        return {name: kind for names, kind in
                re.findall(r"^\| (`belfry_.*?`) \| (\w+) \|", section, re.M)
                for name in re.findall(r"`(\w+)`", names)}

    def wrong_in(self, expr):
        """What is wrong with the selectors of an expression."""
        for name, labels in re.findall(r"([\w:]*belfry_[\w:]+|\bALERTS)(?:\{([^}]*)\})?", expr):
            if 'job="$cluster"' not in labels:
                yield f"{name} without job=\"$cluster\""
            if name in self.recorded or name == "ALERTS":
                continue
            base = name if name in self.types else re.sub("_(bucket|sum|count)$", "", name)
            kind = self.types.get(base)
            if kind is None:
                yield f"{name} is not in docs/METRICS.md"
            elif base in self.shared and "role=" not in labels:
                yield f"{name} without role: nodes and coordinator have it"
            elif kind != "gauge" and not re.search(
                    rf"({'|'.join(OF_COUNTERS)})\({re.escape(name)}\b", expr):
                yield f"{name} is a {kind} and stands in no rate()"


def wrong_in_panel(panel, metrics):
    for field in ("title", "description"):
        if not panel.get(field):
            yield f"no {field}"
    if not panel["fieldConfig"]["defaults"].get("unit"):
        yield "no unit"
    if not panel.get("targets"):
        yield "no target"
    for part in [panel, *panel.get("targets", [])]:
        if part.get("datasource", {}).get("uid") != "${datasource}":
            yield "not from ${datasource}"
    for target in panel.get("targets", []):
        yield from metrics.wrong_in(target["expr"])
    position = panel["gridPos"]
    if position["x"] + position["w"] > 24:
        yield "wider than the page"


def overlapping(panels):
    seen = {}
    for panel in panels:
        at = panel["gridPos"]
        for x in range(at["x"], at["x"] + at["w"]):
            for y in range(at["y"], at["y"] + at["h"]):
                if seen.setdefault((x, y), panel["title"]) != panel["title"]:
                    yield f"'{panel['title']}' covers '{seen[x, y]}'"
                    return


def wrong_in_board(board, metrics):
    if board.get("id", "") is not None:
        yield "id must be null"
    if not board.get("uid"):
        yield "no uid"
    if board.get("schemaVersion") != 39:
        yield "schemaVersion must be 39"
    if board.get("editable") is not False:
        yield "must not be editable: it is provisioned"
    if "__inputs" in board:
        yield "__inputs are of exports, not of provisioned boards"
    names = [variable["name"] for variable in board["templating"]["list"]]
    if names[:2] != ["datasource", "cluster"]:
        yield "its first variables must be datasource and cluster"
    text = json.dumps([board["panels"], board["annotations"]])
    used = set(re.findall(r"\$\{?([a-z]\w*)", text)) - {"__field"}
    for name in sorted(used - set(names)):
        yield f"no variable {name}"
    yield from overlapping(board["panels"])
    for annotation in board["annotations"]["list"]:
        for message in metrics.wrong_in(annotation["expr"]):
            yield f"{annotation['name']}: {message}"
    for panel in board["panels"]:
        for message in wrong_in_panel(panel, metrics):
            yield f"{panel.get('title')}: {message}"


def refused_by_promtool(boards):
    """Each expression as a recording rule: promtool reads no queries."""
    expressions = [expr for board in boards.values() for expr in
                   [target["expr"] for panel in board["panels"]
                    for target in panel.get("targets", [])]
                   + [annotation["expr"] for annotation in board["annotations"]["list"]]]
    rules = [{"record": f"panel:query:{i}", "expr": with_values(expr)}
             for i, expr in enumerate(expressions)]
    with tempfile.NamedTemporaryFile("w", suffix=".yml") as file:
        json.dump({"groups": [{"name": "panels", "rules": rules}]}, file)
        file.flush()
        done = subprocess.run(["promtool", "check", "rules", file.name],
                              capture_output=True, text=True)
    if done.returncode != 0:
        yield f"promtool check rules:\n{done.stdout}{done.stderr}"
    for rule in rules:
        if "$" in rule["expr"]:
            yield f"a variable without a value: {rule['expr']}"


def boards_of(root):
    folder = root / "deploy/grafana/dashboards"
    return {path.name: json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))}


def wrong_in_all(boards, metrics):
    if not boards:
        yield "no boards"
    uids = [board.get("uid") for board in boards.values()]
    if len(set(uids)) != len(uids):
        yield "two boards with one uid"
    for name, board in boards.items():
        for message in wrong_in_board(board, metrics):
            yield f"{name}: {message}"
    yield from refused_by_promtool(boards)


def not_current(root):
    folder = root / "deploy/grafana/dashboards"
    made = dict(generator(root).files())
    there = {path.name: path.read_text() for path in folder.glob("*.json")}
    for name in sorted(set(made) | set(there)):
        if made.get(name) != there.get(name):
            yield f"{name}: not current; run deploy/grafana/dashboards.py"


def violations(root):
    yield from not_current(root)
    yield from wrong_in_all(boards_of(root), Metrics(root))


def panel_of(board):
    return board["panels"][0]


def set_expr(expr):
    return lambda board: panel_of(board)["targets"][0].update(expr=expr)


# (what is done to a good board, what must be said of it)
PLANTED = [
    (lambda board: board.update(id=7), "id must be null"),
    (lambda board: board.update(uid=""), "no uid"),
    (lambda board: board.update(schemaVersion=16), "schemaVersion"),
    (lambda board: board.update(editable=True), "editable"),
    (lambda board: board.update(__inputs=[]), "__inputs"),
    (lambda board: board["templating"]["list"].pop(0), "first variables"),
    (lambda board: panel_of(board).update(title=""), "no title"),
    (lambda board: panel_of(board).update(description=""), "no description"),
    (lambda board: panel_of(board)["fieldConfig"]["defaults"].update(unit=""), "no unit"),
    (lambda board: panel_of(board).update(targets=[]), "no target"),
    (lambda board: panel_of(board).update(datasource={"uid": "mine"}), "${datasource}"),
    (lambda board: panel_of(board)["gridPos"].update(w=25), "wider"),
    (lambda board: panel_of(board)["gridPos"].update(h=9), "covers"),
    (set_expr("belfry_epoch"), 'without job="$cluster"'),
    (set_expr('belfry_bells{job="$cluster"}'), "is not in docs/METRICS.md"),
    (set_expr('belfry_doorbell_latched{job="$cluster"}'), "without role"),
    (set_expr('belfry_calls_carried_total{job="$cluster"}'), "stands in no rate()"),
    (set_expr('sum(belfry_epoch{job="$cluster"}'), "promtool"),
    (set_expr('belfry_epoch{job="$cluster", instance="$instance"}'), "no variable instance"),
]


def undetected(root):
    metrics = Metrics(root)
    good = boards_of(root)
    for number, (damage, expected) in enumerate(PLANTED):
        boards = copy.deepcopy(good)
        damage(boards["overview.json"])
        said = "\n".join(wrong_in_all(boards, metrics))
        if expected not in said:
            yield f"violation {number}: '{expected}' was not said, but:\n{said}"
    missing = {name: text for name, text in good.items() if name != "cpu.json"}
    missing["again.json"] = missing["calls.json"]
    if "two boards with one uid" not in "\n".join(wrong_in_all(missing, metrics)):
        yield "two boards with one uid were not found"


def print_queries(root):
    for board in generator(root).BOARDS:
        for panel in board.panels:
            for target in panel.targets:
                print(json.dumps({
                    "board": board.name, "panel": panel.title,
                    "expr": with_values(target.expr),
                    "must_have_data": not target.may_be_empty}))


def main():
    root = pathlib.Path(sys.argv[-1])
    if sys.argv[1] == "--print-queries":
        print_queries(root)
        return 0
    check = undetected if sys.argv[1] == "--self-test" else violations
    found = list(check(root))
    print("\n".join(found) if found else "all is well")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
