#!/usr/bin/env bash
# A Docker engine of our own, for tests where the machine runs none. It has its own
# network namespace, cgroup mounts and data folder, so that neither the host's network
# nor its engine, if any, is touched. Needs root.
#
#   deploy/engine.sh start DIR             prints the DOCKER_HOST to export
#   deploy/engine.sh exec DIR COMMAND...   runs it with that DOCKER_HOST, and where
#                                          published ports can be reached
#   deploy/engine.sh stop DIR              ends it; images and volumes stay in DIR
#
# Its containers reach each other, but nothing outside: images are made with
# deploy/local-images.sh.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

usage() { die 2 "usage: deploy/engine.sh start|stop DIR, or exec DIR COMMAND..."; }

answers() { DOCKER_HOST="$host" docker info >/dev/null 2>&1; }

# Runs in the engine's namespaces. `ip netns exec` gives a fresh /sys, without cgroups.
mount_cgroups_and_serve() {
  local controllers controller
  # Those of version 1 that the host uses; none where it has version 2.
  controllers="$(awk '!/^#/ && $2 > 0 { print $1 }' /proc/cgroups)"
  if [[ -z $controllers ]]; then
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
  else
    mount -t tmpfs -o mode=755 cgroups /sys/fs/cgroup
    for controller in $controllers; do
      mkdir "/sys/fs/cgroup/$controller"
      mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/$controller"
    done
    mkdir /sys/fs/cgroup/systemd
    mount -t cgroup -o none,name=systemd cgroup /sys/fs/cgroup/systemd
  fi
  echo 1 >/proc/sys/net/ipv4/ip_forward
  exec dockerd --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    --host "$host" --storage-driver overlay2
}

start() {
  local tool
  ((EUID == 0)) || die 1 "an engine needs root"
  for tool in dockerd docker docker-compose iptables ip; do
    command -v "$tool" >/dev/null ||
      die 1 "no $tool here; Debian's packages: docker.io docker-compose iptables iproute2"
  done
  # What a Unix socket's name may have.
  ((${#host} - 7 < 108)) || die 2 "$dir is too long a name for an engine's socket"
  if ! answers; then
    mkdir -p "$dir"
    [[ -e /run/netns/$namespace ]] || ip netns add "$namespace"
    ip netns exec "$namespace" ip link set lo up
    setsid ip netns exec "$namespace" bash "${BASH_SOURCE[0]}" serve "$dir" \
      >"$dir/log" 2>&1 </dev/null &
    for _ in {1..150}; do
      answers && break
      kill -0 $! 2>/dev/null || break
      sleep 0.2
    done
    answers || die 1 "the engine did not start: $(tail -n 1 "$dir/log")"
  fi
  printf '%s\n' "$host"
}

stop() {
  local pid=""
  [[ -f $dir/pid ]] && pid="$(<"$dir/pid")"
  # A number of old may be another process by now.
  if [[ -n $pid && "$(cat "/proc/$pid/comm" 2>/dev/null)" == dockerd ]]; then
    kill "$pid"
    for _ in {1..150}; do
      [[ -e /proc/$pid ]] || break
      sleep 0.2
    done
    [[ ! -e /proc/$pid ]] || die 1 "the engine does not end: process $pid, $dir/log"
  fi
  [[ ! -e /run/netns/$namespace ]] || ip netns del "$namespace"
  # The engine leaves its cgroups, empty.
  find /sys/fs/cgroup/*/docker -depth -type d -exec rmdir {} \; 2>/dev/null || true
}

(($# >= 2)) || usage
verb=$1
dir="$(realpath -m "$2")"
shift 2
host="unix://$dir/docker.sock"
namespace="belfry-$(cksum <<<"$dir" | cut -d' ' -f1)"
case $verb in
  start) start ;;
  stop) stop ;;
  serve) mount_cgroups_and_serve ;;
  exec)
    (($#)) || usage
    [[ -e /run/netns/$namespace ]] || die 1 "no engine runs in $dir"
    DOCKER_HOST="$host" exec ip netns exec "$namespace" "$@" ;;
  *) usage ;;
esac
