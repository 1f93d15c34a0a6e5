#!/usr/bin/env python3
"""Measures lab/latencies.textproto: how long messages take between processes.

    belfry up --detach
    belfry trace record -o run.trace --duration 14s &
    for i in 1 2 3 4; do
      for cpu in 0 1 2 3; do belfry call 0-3 nop --count 150 --from $cpu; done
      belfry cpu cycle 1-3 --count 20
    done
    wait
    belfry trace show run.trace -o json | bench/latencies.py > lab/latencies.textproto

All processes run on one host, so that their clocks are one. What a trace does not
show is taken from what it does: `request` and `attach` travel as `control` does,
and `driver` is how much longer the end of a round takes, which is journaled, than what is
only published.
"""
import json
import sys
from collections import defaultdict
from datetime import datetime, timezone

QUANTILES = (("min_ns", 0.0), ("p50_ns", 0.5), ("p90_ns", 0.9), ("p99_ns", 0.99),
             ("max_ns", 1.0))


def ns_of(event):
    """2026-01-01T00:00:00.123456789Z as ns."""
    text = event["time"].rstrip("Z")
    whole, _, fraction = text.partition(".")
    seconds = datetime.fromisoformat(whole).replace(tzinfo=timezone.utc).timestamp()
    return int(seconds) * 1_000_000_000 + int(fraction.ljust(9, "0") or 0)


def call_of(event):
    """A call's name: its target counts the calls of each source from 1."""
    at_source = event["name"] in ("csd_queue_cpu", "csd_done")
    target = event.get("about_cpu") if at_source else event.get("cpu")
    return target, event.get("src_cpu"), event.get("src_incarnation"), event.get("seq")


class Meter:
    """Reads the events in order; a later one ends what an earlier one began."""

    def __init__(self):
        self.taken = defaultdict(list)
        self.begun = {}

    def begin(self, what, key, event):
        self.begun.setdefault((what, key), ns_of(event))

    def end(self, lane, what, key, event, keep=False):
        begun = self.begun.get((what, key))
        if begun is None:
            return
        if not keep:
            del self.begun[(what, key)]
        self.taken[lane].append(max(1, ns_of(event) - begun))

    def see(self, event):
        name, cpu, call = event["name"], event.get("cpu"), call_of(event)
        if name == "csd_queue_cpu":
            self.begin("call", call, event)
        elif name == "csd_enqueued":
            self.end("data", "call", call, event)
            self.begin("ring", call, event)
        elif name == "ipi_latched":
            self.end("ring", "ring", call, event)
            self.begin("pending", cpu, event)
        elif name == "call_function_single_entry":
            self.end("self", "pending", cpu, event)
        elif name == "csd_function_exit":
            self.begin("answer", call, event)
        elif name == "csd_done":
            self.end("reply", "answer", call, event)
        elif name == "stop_publish":
            # The end of a round is journaled before it is published.
            lane = "journaled" if event.get("detail") == "NONE" else "up"
            self.end(lane, "acked", event.get("value"), event)
            self.begin("state", (event.get("value"), event.get("detail")), event)
        elif name == "stop_state":
            key = (event.get("value"), event.get("detail"))
            self.end("control", "state", key, event, keep=True)
        elif name == "stop_ack":
            # The last of them counts: it is the one that is waited for.
            self.begun[("acked", event.get("value"))] = ns_of(event)


def main():
    meter = Meter()
    for event in json.load(sys.stdin)["events"]:
        meter.see(event)
    taken = meter.taken
    up = sorted(taken["up"])
    if not up:
        sys.exit("the trace shows no stop_machine")
    taken["driver"] = [max(1, ns - up[len(up) // 2]) for ns in taken["journaled"]]
    taken["request"] = taken["attach"] = taken["control"]
    print("# proto-file: proto/belfry/v1/scenario.proto")
    print("# proto-message: belfry.v1.LatencyModel")
    print("#\n# Measured by bench/latencies.py, which says how.")
    for lane in ("data", "reply", "ring", "self", "control", "up", "attach", "request",
                 "driver"):
        values = sorted(taken[lane])
        if not values:
            sys.exit(f"the trace shows nothing of lane {lane}")
        row = " ".join(f"{name}: {values[round(q * (len(values) - 1))]}"
                       for name, q in QUANTILES)
        print(f'latencies {{ lane: "{lane}" {row} }}  # of {len(values)}')


if __name__ == "__main__":
    main()
