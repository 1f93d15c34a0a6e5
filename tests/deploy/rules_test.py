"""The alert rules: valid, tested both ways, and each with a page.

    rules_test.py ROOT
    rules_test.py --self-test ROOT   plants violations and expects them found
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile


def run(*command, cwd=None):
    """What a tool complains of; nothing when it is content."""
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if result.returncode != 0:
        yield f"{' '.join(command)}:\n{result.stdout}{result.stderr}"


def alerts_of(rules):
    return re.findall(r"^\s*- alert: (\w+)$", rules.read_text(), re.M)


def cases_of(tests):
    """(alert, it fires) for each case of the two forms in which they stand."""
    text = tests.read_text()
    silent = re.findall(r"alertname: (\w+), exp_alerts: \[\]", text)
    firing = re.findall(r"alertname: (\w+)\n\s*exp_alerts:\n\s*- exp_labels", text)
    return {(name, False) for name in silent} | {(name, True) for name in firing}


def uncovered(root):
    folder = root / "deploy/prometheus"
    alerts = alerts_of(folder / "rules.yml")
    cases = cases_of(folder / "rules_test.yml")
    pages = {path.stem for path in (root / "docs/runbooks").glob("Belfry*.md")}
    if not alerts:
        yield "rules.yml: no alerts found"
    for alert in alerts:
        if (alert, True) not in cases:
            yield f"{alert}: no case in which it fires"
        if (alert, False) not in cases:
            yield f"{alert}: no case in which it is silent"
        if alert not in pages:
            yield f"{alert}: no page docs/runbooks/{alert}.md"
    for page in sorted(pages - set(alerts)):
        yield f"docs/runbooks/{page}.md: no such alert"
    text = (folder / "rules.yml").read_text()
    for alert in alerts:
        if f"runbook_url: docs/runbooks/{alert}.md" not in text:
            yield f"{alert}: its runbook_url does not lead to its page"


def violations(root):
    folder = root / "deploy/prometheus"
    yield from run("promtool", "check", "rules", "rules.yml", cwd=folder)
    yield from run("promtool", "check", "config", "prometheus.yml", cwd=folder)
    yield from run("promtool", "test", "rules", "rules_test.yml", cwd=folder)
    if shutil.which("amtool"):
        yield from run("amtool", "check-config", "alertmanager.yml", cwd=folder)
    yield from uncovered(root)


# (file, text, what takes its place, what must be said of it)
PLANTED = [
    ("deploy/prometheus/rules.yml", "> 5\n", ">> 5\n", "parse error"),
    ("deploy/prometheus/rules.yml", "head_age:seconds > 5", "head_age:seconds > 500",
     "BelfryQueueStranded"),
    ("deploy/prometheus/rules.yml", 'belfry_doorbell_latched{role="coordinator"} == 0',
     'belfry_doorbell_latched{role="coordinator"} >= 0', "FAILED"),
    ("deploy/prometheus/rules_test.yml", "alertname: BelfryCpuCrashed, exp_alerts: []",
     "alertname: BelfryCpuCrashed,  exp_alerts: []", "no case in which it is silent"),
    ("docs/runbooks/BelfryCpuCrashed.md", None, None, "no page"),
    ("deploy/prometheus/alertmanager.yml", "receiver: canary", "receiver: nobody", "nobody"),
]


def undetected(root):
    for name, old, new, expected in PLANTED:
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch)
            for folder in ("deploy/prometheus", "docs/runbooks"):
                shutil.copytree(root / folder, copy / folder)
            path = copy / name
            if old is None:
                path.unlink()
            else:
                text = path.read_text()
                assert old in text, f"{name} no longer has {old!r}"
                path.write_text(text.replace(old, new, 1))
            said = "\n".join(violations(copy))
            if name.endswith("alertmanager.yml") and not shutil.which("amtool"):
                continue
            if expected not in said:
                yield f"{name}: {old!r} -> {new!r} was not found; said:\n{said}"


def main():
    root = pathlib.Path(sys.argv[-1])
    check = undetected if sys.argv[1] == "--self-test" else violations
    found = list(check(root))
    print("\n".join(found) if found else "all is well")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
