#!/bin/sh
# Builds and checks everything; ends with one line `N passed, N failed, N skipped`.
#
#   sh tests/run.sh [--quick] [--only NAME]... [--list]
#
#   --quick      the release build, its tests and the source checks; no sanitizers
#   --only NAME  only checks whose name contains NAME ("asan/test_ledger", "tidy", "e2e/"), and
#                only what they need built
#   --list       print the names of the checks and stop
#
# Exit status: 0 all passed, 1 something failed, 2 bad usage. Installs missing Debian packages.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
sh "$root/deploy/install-packages.sh" test
# Debian's own interpreter: another `python3` may come first in PATH.
exec /usr/bin/python3 -B -u "$root/tests/runner/main.py" "$@"
