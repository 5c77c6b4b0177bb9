#!/bin/sh
# Kills the server at its durable steps, makes those steps fail, kills it under load, damages its
# files, and checks after each that nothing acknowledged is lost and nothing false is served.
#
#   sh tests/torture/run.sh [--full] [--only WORDS] [--jobs N]
#
#   --full   every step (up to its third occurrence), moment and effect; else a choice that covers
#            each step
#
# Runs build/release/tests/torture/statehouse-faulty, or that of $STATEHOUSE_BUILD. The last line is
# `N passed, N failed, N skipped`. Exit status: 0 all passed, 1 something failed, 77 nothing to run.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
STATEHOUSE_FAULTY=${STATEHOUSE_FAULTY:-${STATEHOUSE_BUILD:-$root/build/release}/tests/torture/statehouse-faulty}
export STATEHOUSE_FAULTY
if [ ! -x "$STATEHOUSE_FAULTY" ]; then
  echo "skip: no program at $STATEHOUSE_FAULTY; build the target statehouse-faulty"
  exit 77
fi
exec /usr/bin/python3 -B -u "$root/tests/torture/main.py" "$@"
