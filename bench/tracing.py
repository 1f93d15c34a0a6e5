#!/usr/bin/env python3
"""What tracing costs: calls from one CPU's process to another's, with the trace kept
and without, in turns, in one run.

    bench/tracing.py [BELFRY]     default: build/release/bin/belfry

Two machines stand side by side, and only the one that is measured works. A pair of
turns gives one ratio; their median and quartiles are printed: of calls a second, and
of the processor time that both processes take for a call. Last, of that time, the
least of all turns: what other work on the host disturbs least.
"""
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

PAIRS = 41
CALLS = {"waiting": (["--count", "1000"], 1000),
         "asynchronous": (["--nowait", "--count", "15000"], 15000)}


class Machine:
    def __init__(self, belfry, events):
        self.belfry = belfry
        self.dir = tempfile.TemporaryDirectory(prefix="belfry-tracing-")
        self.run("up", "--cpus", "2", "--detach", "--trace-events", str(events))
        cpus = json.loads(self.run("status", "-o", "json"))["cluster"]["cpus"]
        self.nodes = [cpu["pid"] for cpu in cpus]

    def run(self, *arguments):
        command = [self.belfry, "--state-dir", self.dir.name, *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout

    def processor_ns(self):
        return sum(int(task.read_text().split()[0]) for pid in self.nodes
                   for task in Path(f"/proc/{pid}/task").glob("*/schedstat"))

    def call(self, arguments, count):
        """Calls a second, and the processor's µs for one."""
        before = self.processor_ns()
        result = json.loads(self.run("call", "1", "nop", "--from", "0", "-o", "json",
                                     "--timeout", "1m", *arguments))["results"][0]
        done = int(result.get("completed", 0)) + int(result.get("queued", 0))
        assert done == count, result
        return (count / float(result["duration"].rstrip("s")),
                (self.processor_ns() - before) / count / 1000)

    def down(self):
        self.run("down")
        self.dir.cleanup()


def report(kind, unit, pairs):
    ratios = [traced / untraced for traced, untraced in pairs]
    low, median, high = statistics.quantiles(ratios, n=4)
    traced, untraced = (statistics.median(column) for column in zip(*pairs))
    print(f"{kind:12} {unit:10} {traced:10,.1f} traced {untraced:10,.1f} not: "
          f"{median:.3f} of it ({low:.3f} to {high:.3f}, {len(pairs)} pairs)")


def report_least(kind, pairs):
    traced, untraced = (min(column) for column in zip(*pairs))
    print(f"{kind:12} {'least us':10} {traced:10,.1f} traced {untraced:10,.1f} not: "
          f"{traced / untraced:.3f} of it")


def main():
    here = Path(__file__).resolve().parent
    belfry = sys.argv[1] if len(sys.argv) > 1 else here / "../build/release/bin/belfry"
    belfry = str(Path(belfry).resolve(strict=True))
    on, off = Machine(belfry, 16384), Machine(belfry, 0)
    try:
        for kind, call in CALLS.items():
            for machine in (on, off):  # fills the ring, and opens the link
                machine.call(*call)
            rates, times = [], []
            for pair in range(PAIRS):
                order = (on, off) if pair % 2 == 0 else (off, on)
                taken = {machine: machine.call(*call) for machine in order}
                rates.append((taken[on][0], taken[off][0]))
                times.append((taken[on][1], taken[off][1]))
            report(kind, "calls/s", rates)
            report(kind, "us/call", times)
            report_least(kind, times)
    finally:
        on.down()
        off.down()


if __name__ == "__main__":
    main()
