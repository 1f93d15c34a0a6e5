#!/usr/bin/env bash
# systemd takes the units without a word, and they give away little.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

if ! command -v systemd-analyze >/dev/null; then
  say "SKIPPED: no systemd-analyze here (Debian's package: systemd)"
  exit 77
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for unit in "$BELFRY_ROOT"/deploy/systemd/*.service; do
  name="$(basename "$unit")"
  copy="$work/${name/@./@3.}"
  # Nothing of ours is installed where the test runs.
  sed 's#^ExecStart=/usr/bin/belfry-.*#ExecStart=/bin/true#' "$unit" >"$copy"
  # An unknown key is only a warning, so that there must be no output either.
  complaints="$(systemd-analyze verify --recursive-errors=no --man=no "$copy" 2>&1)" ||
    die 1 "$name: ${complaints:-not accepted}"
  [[ -z $complaints ]] || die 1 "$name: $complaints"
  # Of 100; a service that protects nothing has 96.
  systemd-analyze security --no-pager --offline=yes --threshold=20 "$copy" >"$work/security" ||
    die 1 "$name: $(tail -n 1 "$work/security")"
  say "$name: $(tail -n 1 "$work/security")"
done
