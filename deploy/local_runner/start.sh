# Sourced by the scripts in bin/: finds a Python that is new enough (installs Debian's where there is none and root may) and
# goes on in the local runner. `tandem COMMAND ARGUMENT...` does not return.
tandem() {
  local root candidate
  root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
  for candidate in python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      PYTHONPATH="$root/deploy" exec "$candidate" -m local_runner "$@"
    fi
  done
  if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null && ! command -v python3 >/dev/null; then
    apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq python3 python3-venv >/dev/null
    PYTHONPATH="$root/deploy" exec python3 -m local_runner "$@"
  fi
  echo "Python 3.11 or newer is needed: none was found." >&2
  exit 1
}
