#!/bin/sh
# From a fresh clone to a running store: installs what is missing, builds, tells the story, serves.
#
#   sh deploy/quickstart.sh [DIR]        default DIR: build/demo
#
# The store in DIR answers on http://127.0.0.1:8417 when this ends with status 0, and keeps running.
# Run it again at any time: a store that is there is kept, and started if it does not run.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
address=127.0.0.1:8417
url=http://$address

say() { printf '\nquickstart: %s\n' "$*"; }
die() {
  printf 'quickstart: %s\n' "$1" >&2
  [ $# -lt 2 ] || printf 'next: %s\n' "$2" >&2
  exit 1
}

case ${1:-} in
  -*) die "unknown option $1" "sh deploy/quickstart.sh [DIR]" ;;
  '') data=$root/build/demo ;;
  /*) data=$1 ;;
  *) data=$PWD/$1 ;;
esac
statehouse=$root/build/release/statehouse
log=$data.serve.log
begun=$data.begun # the story was begun in DIR by us and not finished

build() {
  say "looking for missing Debian packages"
  sh "$root/deploy/install-packages.sh" build
  say "building (a few minutes the first time)"
  cd "$root"
  # A tree that was built with its tests keeps them; a new one needs no test library.
  if [ -f build/release/CMakeCache.txt ]; then
    cmake --preset release >/dev/null
  else
    cmake --preset release -DSTATEHOUSE_TESTS=OFF >/dev/null
  fi
  ninja -C build/release statehouse
}

# Ours is whoever serves the public trust document of DIR.
answers() {
  curl -fsS --max-time 5 "$url/trust.json" 2>/dev/null | cmp -s - "$data/trust.json"
}

somebody_listens() {
  curl -sS --max-time 5 -o /dev/null "$url/healthz" 2>/dev/null
}

tell_the_story() {
  if [ -e "$begun" ]; then
    say "an earlier run was interrupted: starting over in $data"
    rm -rf "$data"
  fi
  if [ -f "$data/ledger.db" ]; then
    say "there is a store in $data already: keeping it (remove the folder to see the demo again)"
    return
  fi
  if [ -d "$data" ] && [ -n "$(ls -A "$data")" ]; then
    die "$data holds something that is no store" "name another folder"
  fi
  mkdir -p "$(dirname "$data")"
  : >"$begun"
  say "the demo"
  "$statehouse" demo --data "$data" --keep
  rm -f "$begun"
}

serve() {
  if answers; then
    say "the store of $data is running already"
    return
  fi
  if somebody_listens; then
    die "another server answers on $url" "stop it and run this again"
  fi
  : >"$log"
  nohup setsid "$statehouse" serve --data "$data" --listen "$address" </dev/null >>"$log" 2>&1 &
  pid=$!
  for _ in $(seq 1 150); do
    if grep -q 'listening on' "$log"; then
      echo "$pid" >"$data.pid"
      return
    fi
    kill -0 "$pid" 2>/dev/null || break
    sleep 0.2
  done
  cat "$log" >&2
  die "the server did not start" "read $log"
}

build
tell_the_story
serve
curl -fsS --max-time 10 "$url/healthz" >/dev/null || die "$url/healthz does not answer" "read $log"
answers || die "$url does not serve the store in $data" "read $log"

say "a store answers on $url"
cat <<END
  its data    $data
  its log     $log
  try         curl $url/trust.json
              $statehouse audit search --data $data
              $statehouse help
  its people  are gone: the demo threw their keys away, so nobody can push or approve here. It is for
              looking around; for a store of your own see "Installation for real use" in README.md
  stop it     $([ -f "$data.pid" ] && echo "kill $(cat "$data.pid")" || echo "end the server that the demo left running")
END
