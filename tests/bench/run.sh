#!/bin/sh
# Measures Statehouse against its peers, on this machine, in one run; prints a table, writes JSON.
#
#   sh tests/bench/run.sh [--only NAME]... [--seconds N] [--json FILE]
#
#   --only NAME   polls, push, verify, log, snapshot; default: all
#   --seconds N   how long each load lasts; default 5
#   --json FILE   default build/bench.json
#
# Everything runs on loopback, in a temporary folder; every process ends with the run.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
sh "$root/deploy/install-packages.sh" build bench
cd "$root"
mkdir -p build
cmake --preset release >build/bench-configure.log 2>&1 || {
  cat build/bench-configure.log
  exit 1
}
ninja -C build/release benchmarks
if ninja -C build/release -t targets all | grep -q '^statehouse:'; then
  ninja -C build/release statehouse
fi
exec /usr/bin/python3 -B -u "$root/tests/bench/main.py" "$@"
