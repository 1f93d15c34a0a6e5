#!/usr/bin/env bash
# What the image holds: the three programs, the libraries that they need, the
# loader, and one user. Run where the programs were built.
#
#   deploy/image-root.sh BIN_DIR ROOT
set -euo pipefail
(($# == 2)) || { echo 'usage: deploy/image-root.sh BIN_DIR ROOT' >&2; exit 2; }
bin=$1 root=$2

mkdir -p "$root"/{usr/bin,etc,tmp,var/lib/belfry}
for program in belfry belfry-node belfry-coordinator; do
  strip -o "$root/usr/bin/$program" "$bin/$program"
done
ldd "$root"/usr/bin/* | grep -o '/[^ ]*\.so[^ ]*' | sort -u |
  while read -r library; do cp --parents --dereference "$library" "$root"; done
echo 'belfry:x:65532:65532::/var/lib/belfry:/none' >"$root/etc/passwd"
chown 65532:65532 "$root/var/lib/belfry"
chmod 1777 "$root/tmp"
