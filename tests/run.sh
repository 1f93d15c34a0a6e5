#!/usr/bin/env bash
# Installs what is missing, builds, and runs all tests: everything in preset dev,
# then the tests labelled unit and smoke under AddressSanitizer, and those labelled
# threads and smoke under ThreadSanitizer.
#
#   tests/run.sh           all of it
#   tests/run.sh --quick   preset dev only, without the containers
#   tests/run.sh --image   the tests in containers only, on an image that the
#                          Dockerfile has built from source
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

presets=(dev asan tsan)
flags=()
case "${1:-}" in
  "") ;;
  --quick) presets=(dev) flags=(--label-exclude containers) ;;
  --image)
    presets=(dev) flags=(--label-regex containers)
    export BELFRY_IMAGE_FROM_SOURCE=1 ;;
  *) die 2 "usage: tests/run.sh [--quick | --image]" ;;
esac

install_packages Build Tests
# Only root can run an engine of its own; without one those tests say what they miss.
if [[ ${1:-} != --quick ]] && ((EUID == 0)) && ! docker info >/dev/null 2>&1; then
  install_packages Containers
fi
# Each preset is tested as soon as it is built. The first that fails is the last,
# so that what stands at the end is always ctest's own summary.
for preset in "${presets[@]}"; do
  build "$preset"
  say "Testing preset $preset"
  (cd "$BELFRY_ROOT" && ctest --preset "$preset" "${flags[@]}")
done
