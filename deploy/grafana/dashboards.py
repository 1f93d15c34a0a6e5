#!/usr/bin/env python3
"""Writes the Grafana boards: dashboards/*.json, which are checked in.

    dashboards.py            write them
    dashboards.py --check    say which are not current

Python and not JSON by hand, for the boards to be short enough to be read: here
stands what each shows; layout, variables and datasource are the same for all.
"""

import dataclasses
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}

# The pseudo CPU of the canary has a queue, but is none of the machine.
CPUS = 'job="$cluster", role="coordinator", cpu!="canary"'
COORDINATOR = 'job="$cluster", role="coordinator"'
NODES = 'job="$cluster", role="node"'
ONE = 'job="$cluster", role="coordinator", cpu="$cpu"'
ONE_NODE = 'job="$cluster", role="node", cpu="$cpu"'

STATES = [("absent", "text"), ("offline", "blue"), ("going_up", "yellow"),
          ("online", "green"), ("going_down", "orange"), ("crashed", "red")]


@dataclasses.dataclass
class Target:
    expr: str
    legend: str = ""
    # Nothing to be seen is what a healthy machine shows.
    may_be_empty: bool = False


@dataclasses.dataclass
class Panel:
    kind: str
    title: str
    description: str
    unit: str
    targets: list
    width: int = 12
    height: int = 8
    defaults: dict = dataclasses.field(default_factory=dict)
    options: dict = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Board:
    name: str  # of the file; the uid is belfry-NAME
    title: str
    panels: list
    one_cpu: bool = False


def rate(selector):
    return f"rate({selector}[$__rate_interval])"


def total_rate(selector, by=""):
    return f"sum{f' by ({by})' if by else ''} ({rate(selector)})"


def quantile(q, histogram, labels, by=""):
    by = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {total_rate(f'{histogram}_bucket{{{labels}}}', by)})"


def average(histogram, labels, by, window="$__rate_interval"):
    def part(suffix):
        return f"sum by ({by}) (rate({histogram}_{suffix}{{{labels}}}[{window}]))"
    return f"{part('sum')} / {part('count')}"


def age(timestamp, labels):
    """Seconds since then; 0 where the timestamp is 0, which means never."""
    series = f"{timestamp}{{{labels}}}"
    return f"(time() - {series}) * ({series} > bool 0)"


def state_number(labels):
    """The one-hot belfry_cpu_state as a number that STATES can name."""
    return "max by (cpu) (" + " or ".join(
        f'belfry_cpu_state{{{labels}, state="{state}"}} * {number}'
        for number, (state, _) in enumerate(STATES)) + ")"


STATE_NAMES = {"mappings": [{"type": "value", "options": {
    str(number): {"text": state, "color": color, "index": number}
    for number, (state, color) in enumerate(STATES)}}]}
RED_ABOVE_ZERO = {"thresholds": {"mode": "absolute", "steps": [
    {"color": "green", "value": None}, {"color": "red", "value": 1}]}}
RED_ABOVE_5_S = {"thresholds": {"mode": "absolute", "steps": [
    {"color": "green", "value": None}, {"color": "red", "value": 5}]}}
BACKGROUND = {"colorMode": "background", "graphMode": "none", "textMode": "value_and_name"}
OPEN_CPU = {"links": [{"title": "CPU ${__field.labels.cpu}",
                       "url": "/d/belfry-cpu?var-cpu=${__field.labels.cpu}"
                              "&${cluster:queryparam}&${datasource:queryparam}"
                              "&${__url_time_range}"}]}


def stat(title, description, unit, expr, defaults=None, width=6, legend=""):
    return Panel("stat", title, description, unit, [Target(expr, legend)], width, 4,
                 defaults or {}, BACKGROUND)


def graph(title, description, unit, *targets, **more):
    return Panel("timeseries", title, description, unit,
                 [Target(*target) for target in targets], **more)


OVERVIEW = Board("overview", "Belfry: is anything leaking?", [
    stat("CPUs online", "CPUs in the view, as the coordinator has it.", "none",
         f"sum(belfry_cpu_online{{{CPUS}}})"),
    stat("Calls pending", "Calls in all queues. It rises and falls; what matters is whether "
         "the oldest gets older.", "none",
         'sum(job:belfry_calls_pending:sum{job="$cluster"})'),
    stat("Oldest call", "How long the oldest call of all queues has waited.", "s",
         f"max({age('belfry_queue_head_timestamp_seconds', CPUS)})", RED_ABOVE_5_S),
    stat("Queues stranded", "Online, a call older than 5 s, and no doorbell pending: nobody "
         "will ring. Runbook: BelfryQueueStranded.", "none",
         'count(cpu:belfry_queue_head_age:seconds{job="$cluster", cpu!="canary"} > 5'
         f" and on (job, cpu) belfry_cpu_online{{{CPUS}}} == 1"
         f" and on (job, cpu) belfry_doorbell_latched{{{CPUS}}} == 0) or vector(0)",
         RED_ABOVE_ZERO),
    Panel("stat", "CPUs", "The state of each CPU, as the coordinator knows it: also of one "
          "whose process is gone. Click one for its own board.", "none",
          [Target(state_number(COORDINATOR), "CPU {{cpu}}")], 24, 5,
          {**STATE_NAMES, **OPEN_CPU}, BACKGROUND),
    Panel("state-timeline", "CPU states over time", "Hotplug as it happened. Cycles shorter "
          "than a scrape interval are not seen here; the board on hotplug counts them.",
          "none", [Target(state_number(COORDINATOR), "CPU {{cpu}}")], 12, 8, STATE_NAMES,
          {"mergeValues": True, "showValue": "never"}),
    graph("Pending calls by CPU", "Length of each CPU's queue, as last reported: it stays "
          "visible when the process is gone.", "none",
          (f"sum by (cpu) (belfry_queue_depth{{{CPUS}}})", "CPU {{cpu}}")),
    graph("Oldest call by CPU", "Age of the oldest call of each queue; 0 where it is empty. A "
          "straight line upwards is a leak.", "s",
          (f"max by (cpu) ({age('belfry_queue_head_timestamp_seconds', CPUS)})",
           "CPU {{cpu}}"), defaults=RED_ABOVE_5_S),
    graph("What a leak leaves", "Waiting calls over their time, calls that came online with "
          "their CPU, and processes that died. All are 0 on a healthy machine.", "none",
          (f"sum(belfry_waiters_stuck{{{COORDINATOR}}})", "waiters stuck"),
          (f"sum(increase(belfry_calls_carried_total{{{NODES}}}[$__rate_interval]))",
           "calls carried"),
          (f"sum(increase(belfry_cpu_crashes_total{{{COORDINATOR}}}[$__rate_interval]))",
           "crashes")),
    Panel("table", "Alerts that fire", "Each has a page in docs/runbooks. Empty when all is "
          "well.", "none",
          [Target('count by (alertname, cpu, severity) '
                  '(ALERTS{job="$cluster", alertstate="firing"})', "", True)], 24, 6),
])

CALLS = Board("calls", "Belfry: calls and doorbells", [
    graph("Calls by outcome", "Issued = completed + refused + lost + outstanding. A gap that "
          "stays open is a leak.", "ops",
          *((total_rate(f"belfry_calls_{outcome}_total{{{NODES}}}"), outcome)
            for outcome in ("issued", "completed", "refused", "lost"))),
    graph("Outstanding calls", "Issued, and neither answered nor given up.", "none",
          (f"sum by (cpu) (belfry_calls_outstanding{{{NODES}}})", "to CPU {{cpu}}")),
    Panel("heatmap", "How long calls take", "From issue to answer. Two bands apart: some "
          "calls wait for something.", "s",
          [Target("sum by (le) (increase(belfry_call_duration_seconds_bucket"
                  f"{{{NODES}}}[$__rate_interval]))", "{{le}}")], 12, 8, {},
          {"calculate": False, "yAxis": {"unit": "s"}, "color": {"scheme": "Oranges"}}),
    graph("Quantiles of the same", "By whether the caller waits.", "s",
          *((quantile(q, "belfry_call_duration_seconds", NODES, "kind"), f"{name} {{{{kind}}}}")
            for q, name in ((0.5, "median"), (0.99, "99 %")))),
    graph("Doorbells", "Sent: rung. Suppressed: not due, the queue was not empty. Taken: "
          "interrupts. Coalesced: one was pending already. Dropped: pending, and never "
          "taken; that is how a queue gets stranded.", "ops",
          *((total_rate(f"belfry_doorbells_{fate}_total{{{NODES}}}"), fate)
            for fate in ("sent", "suppressed", "taken", "coalesced", "dropped"))),
    graph("Oldest outstanding call", "By the CPU that it was sent to. It ends when the call "
          "is answered or given up.", "s",
          (f"max by (cpu) ({age('belfry_outstanding_oldest_timestamp_seconds', NODES)})",
           "to CPU {{cpu}}"), defaults=RED_ABOVE_5_S),
    graph("Refused, by errno", "A call to a CPU that is offline is refused with ENXIO: that "
          "is part of hotplug, and no fault.", "ops",
          (total_rate(f"belfry_calls_refused_total{{{NODES}}}", "errno"), "{{errno}}")),
    graph("Lost, by reason", "Calls whose outcome will never be known: their target's "
          "process died.", "ops",
          (total_rate(f"belfry_calls_lost_total{{{NODES}}}", "reason"), "{{reason}}")),
])

HOTPLUG = Board("hotplug-and-stop-machine", "Belfry: hotplug and stop_machine", [
    graph("Operations", "CPUs that went up and down.", "ops",
          (total_rate(f'belfry_hotplug_operations_total{{{COORDINATOR}, result="0"}}',
                      "direction"), "{{direction}}")),
    graph("Operations that failed", "By errno. Refusals of the last CPU (EBUSY) are among "
          "them.", "none",
          ("sum by (direction, result) (increase(belfry_hotplug_operations_total"
           f'{{{COORDINATOR}, result!="0"}}[$__rate_interval]))',
           "{{direction}}: {{result}}", True)),
    graph("How long operations take", "From request to end; waiting for the hotplug lock is "
          "part of it.", "s",
          *((quantile(q, "belfry_hotplug_operation_duration_seconds", COORDINATOR,
                      "direction"), f"{name} {{{{direction}}}}")
            for q, name in ((0.5, "median"), (0.99, "99 %")))),
    graph("Operation under way", "Since when it has run. It keeps the hotplug lock: all "
          "others wait.", "s",
          ("max by (cpu) ("
           f"{age('belfry_hotplug_in_progress_start_timestamp_seconds', COORDINATOR)})",
           "CPU {{cpu}}")),
    graph("Rounds of stop_machine", "While a round runs, every CPU stands still.", "s",
          *((quantile(q, "belfry_stop_machine_duration_seconds", COORDINATOR), name)
            for q, name in ((0.5, "median"), (0.9, "90 %"), (0.99, "99 %")))),
    graph("Phases of a round, on average", "From the publication of a state to its last "
          "ack: the longest is where a CPU is late.", "s",
          (average("belfry_stop_machine_phase_duration_seconds", COORDINATOR, "phase"),
           "{{phase}}")),
    Panel("bargauge", "Steps, on average", "What the CPUs ran on their way up and down, over "
          "the time shown.", "s",
          [Target(average("belfry_hotplug_step_duration_seconds", NODES, "step", "$__range"),
                  "{{step}}")], 12, 8, {}, {"orientation": "horizontal"}),
    graph("Rounds given up", "By reason, before they ran. The operation is told and rolled "
          "back.", "none",
          ("sum by (reason) (increase(belfry_stop_machine_aborted_total"
           f"{{{COORDINATOR}}}[$__rate_interval]))", "{{reason}}")),
])

ONE_CPU = Board("cpu", "Belfry: one CPU", [
    stat("State", "As the coordinator knows it.", "none", state_number(ONE), STATE_NAMES,
         legend="CPU {{cpu}}"),
    stat("Doorbell pending", "1 while the pending bit is set: it will be taken when the CPU "
         "unmasks.", "none", f"max(belfry_doorbell_latched{{{ONE}}})"),
    stat("Oldest call", "How long the oldest call of its queue has waited.", "s",
         f"max({age('belfry_queue_head_timestamp_seconds', ONE)})", RED_ABOVE_5_S),
    stat("Processes lost", "How often its process died or was cut off in the time shown.",
         "none", f"sum(increase(belfry_cpu_crashes_total{{{ONE}}}[$__range]))",
         RED_ABOVE_ZERO),
    graph("Pending calls by function", "What is in its queue. Shown while its process lives.",
          "none", (f"sum by (func) (belfry_calls_pending{{{ONE_NODE}}})", "{{func}}")),
    graph("Calls to it, by sender", "Who keeps it busy.", "ops",
          (total_rate(f"belfry_calls_issued_total{{{ONE_NODE}}}", "src_cpu"),
           "from CPU {{src_cpu}}")),
    graph("Its doorbells", "Sent and suppressed by others; taken, coalesced and dropped by "
          "itself.", "ops",
          *((total_rate(f"belfry_doorbells_{fate}_total{{{ONE_NODE}}}"), fate)
            for fate in ("sent", "suppressed", "taken", "coalesced", "dropped"))),
    graph("Its waiting calls", "How long the oldest call has lasted for whose answer this CPU "
          "waits, and how many are over their time.", "none",
          (f"max({age('belfry_waiter_oldest_timestamp_seconds', ONE)})", "oldest, seconds"),
          (f"sum(belfry_waiters_stuck{{{ONE}}})", "stuck")),
    graph("Drained on the way down", "Calls that it ran in a drain, by phase; late ones ran "
          "when it was offline already.", "ops",
          (total_rate(f"belfry_calls_flushed_total{{{ONE_NODE}}}", "phase"), "{{phase}}"),
          (total_rate(f"belfry_calls_ran_offline_total{{{ONE_NODE}}}"), "late")),
    graph("Block I/O", "Completions taken as interrupts: emulated load.", "ops",
          (total_rate(f"belfry_io_completions_total{{{ONE_NODE}}}"), "completions")),
], one_cpu=True)

BOARDS = [OVERVIEW, CALLS, HOTPLUG, ONE_CPU]

# Marked on every graph: a process that died, came, or came again.
NEW_PROCESS = (f"sum by (cpu) (changes(belfry_cpu_incarnation{{{COORDINATOR}}}"
               "[$__rate_interval])) > 0")


def query_variable(name, label, query, regex=""):
    return {"name": name, "label": label, "type": "query", "datasource": DATASOURCE,
            "definition": query, "query": {"query": query, "refId": name}, "regex": regex,
            "refresh": 2, "sort": 3, "multi": False, "includeAll": False, "hide": 0}


def variables_of(board):
    variables = [
        {"name": "datasource", "label": "Data Source", "type": "datasource",
         "query": "prometheus", "hide": 0},
        query_variable("cluster", "Cluster", "label_values(belfry_build_info, job)")]
    if board.one_cpu:
        variables.append(query_variable(
            "cpu", "CPU", f"label_values(belfry_cpu_online{{{COORDINATOR}}}, cpu)",
            r"/^\d+$/"))
    return variables


def target_json(target, ref, panel):
    instant = panel.kind in ("table", "bargauge")
    return {"refId": ref, "datasource": DATASOURCE, "expr": target.expr,
            "legendFormat": target.legend, "instant": instant, "range": not instant,
            "format": panel.kind if panel.kind in ("table", "heatmap") else "time_series"}


def panel_json(panel, number, position):
    return {
        "id": number, "type": panel.kind, "title": panel.title,
        "description": panel.description, "datasource": DATASOURCE,
        "gridPos": {"x": position[0], "y": position[1], "w": panel.width, "h": panel.height},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0, **panel.defaults},
                        "overrides": []},
        "options": panel.options,
        "targets": [target_json(target, chr(ord("A") + i), panel)
                    for i, target in enumerate(panel.targets)]}


def positions(panels):
    """Left to right; a panel that no longer fits begins a new row."""
    x = y = row_height = 0
    for panel in panels:
        if x + panel.width > 24:
            x, y, row_height = 0, y + row_height, 0
        yield x, y
        x, row_height = x + panel.width, max(row_height, panel.height)


def board_json(board):
    return {
        "id": None, "uid": f"belfry-{board.name}", "title": board.title, "tags": ["belfry"],
        "schemaVersion": 39, "version": 1, "editable": False, "graphTooltip": 1,
        "timezone": "browser", "refresh": "5s", "time": {"from": "now-15m", "to": "now"},
        "links": [{"type": "dashboards", "title": "Belfry", "tags": ["belfry"],
                   "asDropdown": True, "includeVars": True, "keepTime": True}],
        "annotations": {"list": [
            {"name": "a process died or came", "datasource": DATASOURCE, "enable": True,
             "iconColor": "red", "expr": NEW_PROCESS, "titleFormat": "CPU {{cpu}}",
             "step": "5s"}]},
        "templating": {"list": variables_of(board)},
        "panels": [panel_json(panel, number, position) for number, (panel, position) in
                   enumerate(zip(board.panels, positions(board.panels)), 1)]}


def files():
    """Name and text of each file."""
    for board in BOARDS:
        yield f"{board.name}.json", json.dumps(board_json(board), indent=2) + "\n"


def main():
    stale = False
    for name, text in files():
        path = HERE / "dashboards" / name
        if "--check" not in sys.argv:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            print(f"{name}: not current; run deploy/grafana/dashboards.py")
            stale = True
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
