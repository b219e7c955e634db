#!/bin/sh
# Runs a command of this tree after a fresh clone too: installs what package-lock.json names when it is
# not there or is older than the lock file, then runs the command under the Node of node_modules.
set -eu
cd "$(dirname "$0")/.."
installed=node_modules/.package-lock.json
if [ ! -e "$installed" ] || [ -n "$(find package-lock.json -newer "$installed")" ]; then
  echo "installing the packages of package-lock.json" >&2
  npm ci --no-audit --no-fund >&2
fi
PATH="$PWD/node_modules/.bin:$PATH"
exec "$@"
