#!/usr/bin/env bash
# The tests in containers: an engine, the images, then containers_test.
#
#   containers.sh BUILD_DIR [ARGUMENT...]   the arguments are containers_test's
#
# The engine is the one that answers; else, for root, one of our own. The image holds
# BUILD_DIR's programs; with BELFRY_IMAGE_FROM_SOURCE=1, those that the Dockerfile builds.
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/../../deploy/lib.sh"
deploy="$BELFRY_ROOT/deploy"
build="$1"
shift

skip() {
  say "SKIPPED: $*"
  exit 77
}

work="$(mktemp -d)"
in_engine=()
finish() {
  docker image rm -f belfry-test belfry-programs >/dev/null 2>&1 || true
  ((!${#in_engine[@]})) || bash "$deploy/engine.sh" stop "$work/engine"
  rm -rf "$work"
}
trap finish EXIT

if ! docker info >/dev/null 2>&1; then
  ((EUID == 0)) || skip "no Docker engine answers, and only root can run one"
  [[ -x /usr/sbin/dockerd ]] || skip "no Docker engine answers, and there is no dockerd (Debian's package: docker.io)"
  # Debian's client beside Debian's engine: it can do BuildKit.
  export PATH="/usr/sbin:/usr/bin:$PATH"
  in_engine=(bash "$deploy/engine.sh" exec "$work/engine")
  DOCKER_HOST="$(bash "$deploy/engine.sh" start "$work/engine")" || skip "no Docker engine can run here"
  export DOCKER_HOST
fi
if command -v docker-compose >/dev/null; then
  compose=docker-compose
elif docker compose version >/dev/null 2>&1; then
  compose="docker compose"
else
  skip "no docker-compose here (Debian's package: docker-compose)"
fi

export DOCKER_BUILDKIT=1
start=$SECONDS
if [[ -n ${BELFRY_IMAGE_FROM_SOURCE:-} ]]; then
  bash "$deploy/local-images.sh" base
  quietly "$work/logs/build.log" docker build --tag belfry-test \
    --file "$deploy/Dockerfile" "$BELFRY_ROOT"
else
  # The last stage is the Dockerfile's own; the one that compiles is left out.
  bash "$deploy/image-root.sh" "$build/bin" "$work/root-of-image"
  tar -C "$work" -c root-of-image | docker import - belfry-programs >/dev/null
  quietly "$work/logs/build.log" docker build --tag belfry-test \
    --build-arg BUILD=belfry-programs --file "$deploy/Dockerfile" "$work/logs"
fi
bash "$deploy/local-images.sh" services
say "Images in $((SECONDS - start)) s; belfry has $(docker image inspect \
  --format '{{.Size}}' belfry-test | numfmt --to=iec)"

"${in_engine[@]}" env "COMPOSE=$compose" IMAGE=belfry-test \
  "$build/tests/containers/containers_test" "$@"
