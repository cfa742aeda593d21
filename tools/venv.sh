#!/bin/sh
# tools/venv.sh FOLDER [PYTHON]: make a virtual environment with PYTHON, or else with the first suitable one of this machine.
set -u
[ $# -ge 1 ] || { echo "usage: tools/venv.sh FOLDER [PYTHON]" >&2; exit 2; }
folder=$1
asked=${2:-}

fits() {  # a shim that starts nothing, an old Python and one without venv or ensurepip are passed over
  "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

if [ -n "$asked" ]; then set -- "$asked"; else set -- python3.13 python3.12 python3.11 python3 python; fi
for python in "$@"; do
  if fits "$python"; then
    echo "making $folder with $("$python" --version) ($python)"
    "$python" -m venv --clear "$folder" && exit 0
    rm -rf "$folder"
  fi
done
echo "No Python 3.11 or later with the modules venv and ensurepip was found (tried: $*)." >&2
echo "Install one (on Debian and Ubuntu with the package python3-venv), or name one: make demo PYTHON=/path/to/python3" >&2
exit 1
