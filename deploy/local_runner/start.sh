# Sourced by the scripts in bin/: finds a Python that is new enough (installs Debian's where there is none and root may) and
# goes on in the local runner. `tandem COMMAND ARGUMENT...` does not return.
tandem() {
  local root python
  root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
  if python=$(find_python); then
    PYTHONPATH="$root/deploy" exec "$python" -m local_runner "$@"
  fi
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v python3 >/dev/null; then
    echo "Installing python3 python3-venv (Python) ..."
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
    PYTHONPATH="$root/deploy" exec python3 -m local_runner "$@"
  fi
  echo "Python 3.11 or newer is needed: none was found. Install it first, for example: sudo apt-get install python3 python3-venv" >&2
  exit 1
}

# Prints the first Python that is new enough. Root prefers one that other accounts can run and that can make an environment:
# services and gateway run as another account, which can't enter root's home, where pyenv puts its own. The whole path is
# tried, as `env` would look for a bare name further down the PATH; setpriv itself would still find it with the rights of root.
find_python() {
  local candidate candidates
  mapfile -t candidates < <(type -P python3 python3.13 python3.12 python3.11 /usr/bin/python3)
  local new_enough='import sys; sys.exit(sys.version_info < (3, 11))'
  if [ "$(id -u)" = 0 ]; then
    for candidate in "${candidates[@]}"; do
      if setpriv --reuid=65534 --regid=65534 --clear-groups -- env "$candidate" -I -c "$new_enough" 2>/dev/null &&
        can_make_environments "$candidate"; then
        echo "$candidate"
        return
      fi
    done
  fi
  for candidate in "${candidates[@]}"; do
    if "$candidate" -c "$new_enough" 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  return 1
}

# Debian's Python gets from apt what it lacks for that; another one may never.
can_make_environments() {
  "$1" -c 'import ensurepip' 2>/dev/null || { [ "$1" = /usr/bin/python3 ] && command -v apt-get >/dev/null; }
}
