#!/usr/bin/env bash
# For hosts that reach no image registry: makes the images that deploy/Dockerfile and
# deploy/compose.yaml name from Debian's packages, where the engine does not have
# them. (Grafana is in none of them.)
#
#   deploy/local-images.sh base       debian:bookworm-slim, with the build packages;
#                                     needs root and mmdebstrap
#   deploy/local-images.sh services   prom/prometheus, prom/alertmanager and etcd, of
#                                     the programs that are installed here
#   deploy/local-images.sh            both
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

scratch="$(mktemp -d)"
trap 'rm -rf "$scratch"' EXIT

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Debian with what the build stage needs, so that its RUN needs no network. The
# sources are the host's; none of them is left in the image.
base_image() {
  local sources packages
  has_image debian:bookworm-slim && return
  command -v mmdebstrap >/dev/null || die 1 "no mmdebstrap here; run: apt-get install mmdebstrap"
  # shellcheck disable=SC2016  # apt-get fills them in
  sources="$(apt-get indextargets --format 'deb $(REPO_URI) $(RELEASE) $(COMPONENT)' \
    'Created-By: Packages' 'Origin: Debian' | sort -u)"
  packages="$(listed_packages Build | paste -sd,)"
  say "Making debian:bookworm-slim with the build packages"
  quietly "$scratch/mmdebstrap.log" mmdebstrap --variant=apt --include="$packages" \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --aptopt='Acquire::Languages "none"' \
    --customize-hook="rm -f \"\$1\"/etc/apt/sources.list \"\$1\"/etc/apt/sources.list.d/*" \
    bookworm "$scratch/base.tar" - <<<"$sources"
  docker import "$scratch/base.tar" debian:bookworm-slim >/dev/null
}

# service_image IMAGE NAME PROGRAM DATA COMMAND: one program of this host with the
# libraries that it needs, where its official image has it.
service_image() {
  local image=$1 name=$2 program=$3 data=$4 command=$5 root="$scratch/$2" library
  has_image "$image" && return
  command -v "$program" >/dev/null || die 1 "no $program here; see deploy/packages.txt"
  mkdir -p "$root/bin" "$root/etc/$name" "$root/usr/share" "$root/tmp" "$root$data"
  cp "$(command -v "$program")" "$root/bin/$name"
  for library in $(ldd "$root/bin/$name" | grep -o '/[^ ]*\.so[^ ]*' | sort -u); do
    cp --parents --dereference "$library" "$root"
  done
  # Debian's programs look for their pages and templates there.
  cp -r /usr/share/prometheus "$root/usr/share/"
  chmod 1777 "$root/tmp"
  chown 65534:65534 "$root$data"
  tar -C "$root" -c . | docker import --change "ENTRYPOINT [\"/bin/$name\"]" \
    --change "CMD $command" --change 'USER 65534' --change "WORKDIR $data" \
    --change "VOLUME $data" - "$image" >/dev/null
}

service_images() {
  service_image prom/prometheus:v2.42.0 prometheus prometheus /prometheus \
    '["--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"]'
  service_image prom/alertmanager:v0.25.0 alertmanager prometheus-alertmanager /alertmanager \
    '["--config.file=/etc/alertmanager/alertmanager.yml", "--storage.path=/alertmanager"]'
  service_image gcr.io/etcd-development/etcd:v3.5.21 etcd etcd /etcd-data '[]'
}

case "${1:-}" in
  base) base_image ;;
  services) service_images ;;
  "") base_image && service_images ;;
  *) die 2 "usage: deploy/local-images.sh [base|services]" ;;
esac
