#!/usr/bin/env python3
"""Torture for a long time, with an eye on what its processes take.

    bench/soak.py [--belfry BELFRY] [--out DIR] [-- ARGUMENTS OF belfry torture]

Default: build/release/bin/belfry, DIR soak/, and 30 minutes of 8 CPUs with a process
killed every 20 s. Every five seconds it reads from /proc what each process of the
cluster takes: memory (PSS), threads, descriptors; and asks how long a waiting call
takes. DIR gets all of it (samples.csv), the torture's own words (torture.txt) and
five plots (soak.svg). At the end it says how far the last third is from the second:
the first is for warming up. Exit code: the torture's.
"""
import argparse
import csv
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EVERY = 5.0
DEFAULT = ["--duration", "30m", "--kill-interval", "20s"]
MEASURES = {"pss_kb": "memory, PSS, kB", "threads": "threads",
            "fds": "descriptors", "p50_us": "waiting call, p50, µs",
            "p99_us": "waiting call, p99, µs"}


def processes(state_dir):
    """The cluster's living processes: name to pid."""
    found = {}
    for proc in Path("/proc").glob("[0-9]*"):
        try:
            words = (proc / "cmdline").read_text().split("\0")
        except OSError:
            continue
        program = Path(words[0]).name
        if not program.startswith("belfry-") or not any(state_dir in w for w in words):
            continue
        number = words[words.index("--cpu") + 1] if "--cpu" in words else ""
        found[f"cpu {number}" if number else "coordinator"] = int(proc.name)
    return found


def taken(pid):
    """Memory, threads and descriptors; nothing when it has just been killed."""
    proc = Path(f"/proc/{pid}")
    try:
        pss = re.search(r"^Pss:\s+(\d+)", (proc / "smaps_rollup").read_text(), re.M)
        status = (proc / "status").read_text()
        return {"pss_kb": int(pss[1]),
                "threads": int(re.search(r"^Threads:\s+(\d+)", status, re.M)[1]),
                "fds": len(os.listdir(proc / "fd"))}
    except (OSError, TypeError):
        return None


def latency(belfry, state_dir):
    """Of a hundred waiting calls beside all that goes on; nothing unless all are
    completed: one that is refused, for its CPU is offline, takes no time at all."""
    result = subprocess.run(
        [belfry, "--state-dir", state_dir, "call", "1", "nop", "--from", "0",
         "--count", "100", "--timeout", "4s", "-o", "json"],
        capture_output=True, text=True, check=False)
    try:
        answer = json.loads(result.stdout)["results"][0]
        if int(answer.get("completed", 0)) != 100:
            return None
        return {key: float(answer[name].rstrip("s")) * 1e6
                for key, name in (("p50_us", "p50"), ("p99_us", "p99"))}
    except (ValueError, KeyError, IndexError):
        return None


def plot(samples, path):
    """Small pictures over one another; a line for each process."""
    width, height, left = 860, 170, 70
    names = sorted({name for _, name, _, _ in samples})
    end = max(at for at, *_ in samples)
    parts = []
    for row, (measure, title) in enumerate(MEASURES.items()):
        top = row * (height + 40) + 24
        mine = [(at, name, value) for at, name, what, value in samples if what == measure]
        most = max((value for *_, value in mine), default=1) * 1.1 or 1
        parts.append(f'<text x="{left}" y="{top - 6}">{title}</text>'
                     f'<rect x="{left}" y="{top}" width="{width}" height="{height}" '
                     'fill="none" stroke="#bbb"/>')
        for tick in (0, most / 2, most):
            y = top + height * (1 - tick / most)
            parts.append(f'<text x="{left - 6}" y="{y + 4:.0f}" text-anchor="end">'
                         f'{tick:,.0f}</text>')
        for i, name in enumerate(names):
            points = " ".join(
                f"{left + width * at / end:.1f},{top + height * (1 - value / most):.1f}"
                for at, of, value in mine if of == name)
            colour = f"hsl({360 * i // max(len(names), 1)} 60% 45%)"
            parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}"/>')
        parts.append(f'<text x="{left + width}" y="{top + height + 16}" '
                     f'text-anchor="end">{end / 60:.0f} min</text>')
    total = len(MEASURES) * (height + 40) + 20
    path.write_text(f'<svg xmlns="http://www.w3.org/2000/svg" width="{width + left + 20}" '
                    f'height="{total}" font-family="sans-serif" font-size="12">'
                    f'<rect width="100%" height="100%" fill="white"/>{"".join(parts)}</svg>\n')


def report(samples):
    """The last third beside the second, over all processes."""
    end = max(at for at, *_ in samples)
    for measure, title in MEASURES.items():
        thirds = [[value for at, _, what, value in samples
                   if what == measure and low <= at / end < high]
                  for low, high in ((1 / 3, 2 / 3), (2 / 3, 1.01))]
        if all(thirds):
            second, last = (statistics.median(values) for values in thirds)
            print(f"{title:22} median {second:10,.1f} then {last:10,.1f} "
                  f"({100 * (last / second - 1):+.1f} %)")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--belfry", default="build/release/bin/belfry")
    parser.add_argument("--out", default="soak", type=Path)
    parser.add_argument("arguments", nargs="*", help="of belfry torture, after --")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    # Torture has a cluster of its own, in a directory that it makes there.
    parent = tempfile.TemporaryDirectory(prefix="belfry-soak-")
    with open(options.out / "torture.txt", "w", encoding="utf-8") as words:
        torture = subprocess.Popen(
            [options.belfry, "torture", *(options.arguments or DEFAULT)],
            stdout=words, stderr=subprocess.STDOUT, env={**os.environ, "TMPDIR": parent.name})
        samples, start = [], time.monotonic()
        while torture.poll() is None:
            at = time.monotonic() - start
            for name, pid in processes(parent.name).items():
                samples += [(at, name, what, value)
                            for what, value in (taken(pid) or {}).items()]
            for state in Path(parent.name).iterdir():
                samples += [(at, "0 to 1", what, value) for what, value
                            in (latency(options.belfry, str(state)) or {}).items()]
            time.sleep(max(0.0, start + at + EVERY - time.monotonic()))
    with open(options.out / "samples.csv", "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["seconds", "process", "measure", "value"])
        writer.writerows([f"{at:.1f}", *rest] for at, *rest in samples)
    if samples:
        plot(samples, options.out / "soak.svg")
    print((options.out / "torture.txt").read_text(encoding="utf-8").rstrip()[-2500:])
    if samples:
        report(samples)
    return torture.returncode


if __name__ == "__main__":
    sys.exit(main())
