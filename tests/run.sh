#!/usr/bin/env bash
# Installs what is missing, builds preset dev, and runs all tests.
#
#   tests/run.sh               all of them
#   tests/run.sh --quick       without those in containers
#   tests/run.sh --sanitizers  the tests labelled unit and smoke under Address- and
#                              UndefinedBehaviorSanitizer, then those labelled
#                              threads and smoke under ThreadSanitizer
#   tests/run.sh --image       the tests in containers only, on an image that the
#                              Dockerfile has built from source
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../deploy/lib.sh"

presets=(dev)
flags=()
containers=yes
case "${1:-}" in
  "") ;;
  --quick) flags=(--label-exclude containers) containers= ;;
  --sanitizers) presets=(asan tsan) containers= ;;
  --image)
    flags=(--label-regex containers)
    export BELFRY_IMAGE_FROM_SOURCE=1 ;;
  *) die 2 "usage: tests/run.sh [--quick | --sanitizers | --image]" ;;
esac

install_packages Build Tests
# Only root can run an engine of its own; without one those tests say what they miss.
if [[ $containers ]] && ((EUID == 0)) && ! docker info >/dev/null 2>&1; then
  install_packages Containers
fi
# The sanitizers' presets take the command line from preset dev.
[[ ${presets[0]} == dev ]] || build dev
# Each preset is tested as soon as it is built. The first that fails is the last,
# so that what stands at the end is always ctest's own summary.
for preset in "${presets[@]}"; do
  build "$preset"
  say "Testing preset $preset"
  (cd "$BELFRY_ROOT" && ctest --preset "$preset" "${flags[@]}")
done
