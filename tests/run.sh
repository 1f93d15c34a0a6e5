#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests: everything in preset dev,
# then the tests labelled unit and smoke under AddressSanitizer, and smoke under
# ThreadSanitizer.
#
#   tests/run.sh           all of it
#   tests/run.sh --quick   preset dev only
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

presets=(dev asan tsan)
case "${1:-}" in
  "") ;;
  --quick) presets=(dev) ;;
  *) die 2 "usage: tests/run.sh [--quick]" ;;
esac

install_packages
# Each preset is tested as soon as it is built. The first that fails is the last,
# so that what stands at the end is always ctest's own summary.
for preset in "${presets[@]}"; do
  build "$preset"
  say "Testing preset $preset"
  (cd "$BELFRY_ROOT" && ctest --preset "$preset")
done
