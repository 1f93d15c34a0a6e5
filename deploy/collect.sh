#!/bin/sh
# Copies programs, and exactly the shared libraries that they need, to where the loader
# finds them under ROOT: what an image FROM scratch has to have.
#
#   deploy/collect.sh ROOT PROGRAM...
#
# In plain sh and on its own: it also runs in the image's build stage.
set -eu

root=$1
shift
for program in "$@"; do
  libraries="$(ldd "$program")"
  case $libraries in
    *"not found"*)
      printf 'error: %s needs a library that is not here:\n%s\n' "$program" "$libraries" >&2
      exit 1 ;;
  esac
  # "name => path (address)", and for the loader "path (address)".
  printf '%s\n' "$libraries" | grep -o '/[^ ]*' | while read -r library; do
    # As written, for the loader's own name is in every program; never as a link.
    mkdir -p "$root$(dirname "$library")"
    cp -L "$library" "$root$library"
  done
done
