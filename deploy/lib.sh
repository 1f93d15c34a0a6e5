# shellcheck shell=bash
# Set-up that deploy/demo.sh and tests/run.sh share. Source it; it only defines
# functions, and BELFRY_ROOT. Nothing here asks a question.

BELFRY_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

say() { printf '==> %s\n' "$*"; }

# die CODE MESSAGE...: one line on standard error, and the end.
die() {
  local code=$1
  shift
  printf 'error: %s\n' "$*" >&2
  exit "$code"
}

# listed_packages SECTION...: the names in packages.txt.
listed_packages() {
  awk -v sections=" $* " '
    /^# [A-Za-z]+$/ { inside = index(sections, " " $2 " ") }
    /^[^#]/ && inside { print $1 }
  ' "$BELFRY_ROOT/deploy/packages.txt"
}

# Those of them that are not installed.
missing_packages() {
  local package state
  while read -r package; do
    state="$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)"
    [[ $state == installed ]] || printf '%s\n' "$package"
  done < <(listed_packages "$@")
}

# install_packages SECTION...: installs what is missing, and nothing else.
install_packages() {
  local missing log
  local -a as_root=()
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    # Not Debian: the compiler and CMake say what they miss, better than we can.
    if command -v cmake >/dev/null && command -v ninja >/dev/null &&
        command -v protoc >/dev/null && command -v grpc_cpp_plugin >/dev/null; then
      say "No apt-get here: building with what is installed."
      return
    fi
    die 1 "no apt-get here; please install the equivalents of:" \
      "$(listed_packages "$@" | tr '\n' ' ')"
  fi
  mapfile -t missing < <(missing_packages "$@")
  ((${#missing[@]})) || return 0
  if ((EUID != 0)); then
    command -v sudo >/dev/null ||
      die 1 "neither root nor sudo; please install: ${missing[*]}"
    as_root=(sudo)
  fi
  say "Installing ${#missing[@]} packages: ${missing[*]}"
  log="$(mktemp)"
  if ! { "${as_root[@]}" apt-get update -qq &&
      "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
      >"$log" 2>&1 </dev/null; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die 1 "apt-get could not install: ${missing[*]}"
  fi
  rm -f "$log"
}

# quietly LOG COMMAND...: shows the output's end only if the command fails.
quietly() {
  local log=$1
  shift
  mkdir -p "$(dirname "$log")"
  if ! "$@" >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    die 1 "'$*' failed; all of its output is in $log"
  fi
}

# build PRESET [TARGET...]: configures and builds. The preset says what is built
# where no target is named.
build() {
  local preset=$1 start=$SECONDS
  local log="$BELFRY_ROOT/build/$1/build.log"
  local -a targets=()
  shift
  (($#)) && targets=(--target "$@")
  say "Building preset $preset"
  cd "$BELFRY_ROOT" || exit
  quietly "$log" cmake --preset "$preset"
  quietly "$log" cmake --build --preset "$preset" "${targets[@]}"
  say "Built preset $preset in $((SECONDS - start)) s"
}
