#!/usr/bin/env bash
# Installs what is missing, builds, and shows a lost doorbell: the machine that
# hangs, why it hangs, and the same schedule under a protocol that holds.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

show_lost_doorbell() {
  local belfry="$BELFRY_ROOT/build/dev/bin/belfry"
  say "A CPU is taken offline while a doorbell is latched: Linux 3.0 hangs"
  "$belfry" scenario run lost-ipi --profile linux-3.0 --explain --expect hang
  say "The same scenario under Belfry's own protocol"
  "$belfry" scenario run lost-ipi --profile belfry --expect holds
}

install_packages Build
# The tests' preset, so that whoever runs both builds once.
build dev belfry belfry-node belfry-coordinator
show_lost_doorbell
