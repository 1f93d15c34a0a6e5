#!/usr/bin/env bash
# docker-compose takes the files, and not one that is wrong.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"

if command -v docker-compose >/dev/null; then
  compose=(docker-compose)
elif docker compose version >/dev/null 2>&1; then
  compose=(docker compose)
else
  say "SKIPPED: no docker-compose here (Debian's package: docker-compose)"
  exit 77
fi

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for file in "$BELFRY_ROOT"/deploy/compose*.yaml; do
  complaints="$("${compose[@]}" -f "$file" config -q 2>&1)" ||
    die 1 "$(basename "$file"): $complaints"
  sed 's/^    networks:/    netwroks:/' "$file" >"$work/wrong.yaml"
  ! "${compose[@]}" -f "$work/wrong.yaml" config -q 2>/dev/null ||
    die 1 "$(basename "$file"): an unknown key was not found"
  say "$(basename "$file"): accepted"
done
