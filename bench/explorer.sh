#!/usr/bin/env bash
# How fast the explorer searches, beside SPIN on a model of the same bug that was
# written for it by hand: states a second on one core, in one run.
#
#   bench/explorer.sh [BELFRY]     default: build/release/bin/belfry
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
belfry="$(realpath "${1:-$here/../build/release/bin/belfry}")"
for tool in spin gcc python3 "$belfry"; do
  command -v "$tool" >/dev/null ||
    { echo "explorer.sh: $tool is missing (Debian: spin, gcc, python3)" >&2; exit 1; }
done
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

cd "$work"
spin -DDRAIN=1 -DCALLS=20 -a "$here/spin/lost_ipi.pml"
gcc -O2 -DSAFETY -DNOFAIR -o pan pan.c
./pan -m1000000 >spin.txt
"$belfry" explore lost-ipi --profile linux-3.16 --calls 1 --until any --threads 1 -o json \
  >any.json 2>/dev/null || true
"$belfry" explore lost-ipi --profile linux-3.16 --calls 3 --threads 1 -o json \
  >reduced.json 2>/dev/null || true
python3 - <<'PY'
import json, re
text = open("spin.txt").read()
assert "errors: 0" in text, text
states = float(re.search(r"([\d.e+]+) states, stored", text).group(1))
seconds = float(re.search(r"elapsed time ([\d.]+) seconds", text).group(1))
spin = states / max(seconds, 0.01)
print(f"{'SPIN, by hand':32} {states:12,.0f} states {seconds:7.2f} s {spin:12,.0f} states/s")
for name, file in (("belfry, every invariant", "any.json"),
                   ("belfry, with reductions", "reduced.json")):
    report = json.load(open(file))
    rate = report["states_per_s"]
    moves = int(report["transitions"]) / report["duration_s"]
    print(f"{name:32} {int(report['states']):12,} states {report['duration_s']:7.2f} s "
          f"{rate:12,.0f} states/s  {rate / spin:.2f} of SPIN "
          f"{moves:12,.0f} moves/s")
PY
