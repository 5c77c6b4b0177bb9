#!/bin/sh
# What `sync` and `snapshot` refuse when somebody between them and the store lies, that they keep
# the last verified tree whatever happens, swap atomically, and run their command.
. "$(dirname "$0")/lib.sh"
begin reconciler
must add_person alice
must add_person bob
make_platform </dev/null
push_first_tree
promote deploy One
echo none >"$work/lie"
/usr/bin/python3 -B "$source/tests/e2e/liar.py" "$url" "$data" "$work/lie" >"$work/liar.out" \
  2>"$work/liar.log" &
other_pids=$!
for _ in $(seq 1 100); do
  liar=$(sed -n 's/^listening on //p' "$work/liar.out")
  [ -z "$liar" ] || break
  sleep 0.05
done
[ -n "$liar" ] || { cat "$work/liar.log"; exit 1; }
into=$work/tree

sync_once() {
  as reconciler statehouse --server "$liar" sync -R platform --ref deploy \
    --trust "$work/trust.json" --into "$into" --once "$@"
}

get_snapshot() {
  rm -rf "$work/got" "$work/got.statehouse"
  as reconciler statehouse --server "$liar" snapshot get -R platform --ref deploy \
    --trust "$work/trust.json" --into "$work/got" "$@"
}

# VERSION: what the folder shows, whole.
shows() {
  same "$(cat "$into/apps/base/app.yaml")" "replicas: $1"
  [ -x "$into/run.sh" ] && [ -L "$into/apps/link.yaml" ]
}

takes_what_is_true() {
  echo record >"$work/lie"
  expect 0 sync_once
  shows 0
  expect 0 get_snapshot --state "$work/state"
}
claim takes_what_is_true

echo "replicas: 1" >"$work/alice/platform/apps/base/app.yaml"
push_change Two
promote deploy Two

takes_the_next_version() {
  echo none >"$work/lie"
  expect 0 sync_once
  says "version 2 is in place"
  shows 1
  expect 0 get_snapshot --state "$work/state"
}
claim takes_the_next_version

# LIE STATUS WORDS: neither is taken in, and the last verified tree stays.
refuses() {
  echo "$1" >"$work/lie"
  expect "$2" sync_once
  says "$3"
  shows 1
  expect "$2" get_snapshot --state "$work/state"
  says "$3"
  [ ! -e "$work/got" ]
}

claim refuses wrong-key 4 "version statement"
claim refuses flipped-signature 4 "version statement"
claim refuses unsigned-change 4 "version statement"
claim refuses wrong-origin 4 "wrong origin"
claim refuses wrong-ref 4 "wrong ref"
claim refuses wrong-repository 4 "wrong repository"
claim refuses unlogged-statement 4 "log entry"
claim refuses stale-head 7 "stale head"
claim refuses extended-head 4 "head statement"
claim refuses head-of-another-origin 4 "wrong origin"
claim refuses head-of-an-earlier-epoch 4 "head statement"
claim refuses head-names-another-version 4 "wrong head"
claim refuses head-without-the-ref 4 "wrong head"
claim refuses no-head 4 "missing head"
claim refuses lower-version 4 "lower version"
claim refuses old-statement-new-head 4 "wrong head"
claim refuses other-entry 4 "entry not in the log"
claim refuses flipped-proof 4 "entry not in the log"
claim refuses other-checkpoint 4 "entry not in the log"
claim refuses down 7 "statehouse: "
claim refuses gone 3 "statehouse: "
claim refuses not-a-snapshot 2 "reading the snapshot"
claim refuses garbage 2 "statehouse: "

# The log has grown since: now a proof is due that it only grew.
echo "replicas: 2" >"$work/alice/platform/apps/base/app.yaml"
push_change Three
promote deploy Three
claim refuses no-consistency 4 "inconsistent checkpoint"
claim refuses false-consistency 4 "inconsistent checkpoint"
claim refuses flipped-archive 4 "wrong digest"
claim refuses longer-archive 4 "wrong size"
claim refuses shorter-archive 4 "wrong size"
claim refuses cut-archive 7 "statehouse: "

# CHANGE STATUS WORDS: `snapshot get` with a memory that says otherwise.
refuses_against_its_memory() {
  echo none >"$work/lie"
  json "$work/state" "{**d, $1}" >"$work/memory"
  expect "$2" get_snapshot --state "$work/memory"
  says "$3"
}
claim refuses_against_its_memory '"epoch": 2' 4 "lower epoch"
claim refuses_against_its_memory '"origin": "other.example.org/store"' 4 "wrong origin"
claim refuses_against_its_memory '"checkpoint": {"size": 100000, "root": d["checkpoint"]["root"]}' \
  4 "inconsistent checkpoint"
claim refuses_against_its_memory \
  '"checkpoint": {"size": d["checkpoint"]["size"], "root": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="}' \
  4 "inconsistent checkpoint"
claim refuses_against_its_memory '"refs": [{**r, "version": 99} for r in d["refs"]]' 4 "lower version"
claim refuses_against_its_memory '"format": "something else"' 2 "reading"

refuses_another_trust_document() {
  echo none >"$work/lie"
  "$STATEHOUSE" init --data "$work/other" --name store.example.org/test \
    --admin "alice=$work/alice/.ssh/id_ed25519.pub" >/dev/null
  expect 4 as reconciler statehouse --server "$liar" snapshot get -R platform --ref deploy \
    --trust "$work/other/trust.json" --into "$work/other-tree"
  echo '{}' >"$work/no-trust.json"
  expect 2 as reconciler statehouse --server "$liar" snapshot get -R platform --ref deploy \
    --trust "$work/no-trust.json" --into "$work/other-tree"
}
claim refuses_another_trust_document

goes_on_when_the_lies_end() {
  echo none >"$work/lie"
  expect 0 sync_once
  says "version 3 is in place"
  shows 2
  expect 0 sync_once
  silent_on "in place"
}
claim goes_on_when_the_lies_end

# --- the folder and the command ----------------------------------------------------------------

runs_the_command_until_it_succeeds() {
  rm -rf "$work/exec" "$work/exec.versions" "$work/ran" "$work/good"
  into=$work/exec
  command="sh -c 'echo \$STATEHOUSE_VERSION \$STATEHOUSE_REF \$STATEHOUSE_TOKEN. >>$work/ran; test -e $work/good'"
  status=0
  sync_once --exec "$command" >"$work/out" 2>"$work/err" || status=$?
  [ "$status" -ne 0 ]
  shows 2
  status=0
  sync_once --exec "$command" >"$work/out" 2>"$work/err" || status=$?
  [ "$status" -ne 0 ]
  : >"$work/good"
  expect 0 sync_once --exec "$command"
  expect 0 sync_once --exec "$command"
  same "$(wc -l <"$work/ran")" 3
  same "$(sort -u "$work/ran")" "3 refs/heads/deploy ."
}
claim runs_the_command_until_it_succeeds

leaves_folders_alone_that_it_did_not_make() {
  mkdir -p "$work/mine"
  echo precious >"$work/mine/file"
  into=$work/mine
  expect 6 sync_once
  same "$(cat "$work/mine/file")" precious
}
claim leaves_folders_alone_that_it_did_not_make

# A reader in a loop never finds a file missing, while versions change and syncs are killed.
( # not `as`: the signal must reach the program itself
  become reconciler
  exec "$STATEHOUSE" --server "$liar" sync -R platform --ref deploy \
    --trust "$work/trust.json" --into "$work/tree" --interval 1s
) >"$work/watch.out" 2>&1 &
watcher=$!
other_pids="$other_pids $watcher"
(
  while [ ! -e "$work/enough" ]; do
    cat "$work/tree/apps/base/app.yaml" >/dev/null && echo read
  done
) >"$work/reads" 2>"$work/misses" &
reader=$!
for number in 3 4 5; do
  echo "replicas: $number" >"$work/alice/platform/apps/base/app.yaml"
  push_change "Replicas $number"
  promote deploy "Replicas $number"
  for _ in $(seq 1 100); do
    grep -q "version $((number + 1)) is in place" "$work/watch.out" && break
    sleep 0.1
  done
done
kill -TERM "$watcher"
wait "$watcher"
watch_status=$?
other_pids=${other_pids% *}
: >"$work/enough"
wait "$reader"

swaps_while_somebody_reads() {
  same "$watch_status" 0
  says_watch=$(grep -c "is in place" "$work/watch.out")
  same "$says_watch" 3
  same "$(cat "$work/misses")" ""
  [ "$(wc -l <"$work/reads")" -gt 10 ]
  shows 5
}
claim swaps_while_somebody_reads

# DIR [OPTION…]: a sync in the background that has put its first tree in place.
start_watching() {
  into=$1
  shift
  rm -rf "$into" "$into.versions"
  (
    become reconciler
    exec "$STATEHOUSE" --server "$liar" sync -R platform --ref deploy \
      --trust "$work/trust.json" --into "$into" "$@"
  ) >"$work/stopped.out" 2>&1 &
  watcher=$!
  for _ in $(seq 1 200); do
    grep -q "is in place" "$work/stopped.out" && return 0
    sleep 0.05
  done
  kill -KILL "$watcher"
  return 1
}

# STATUS: what the watcher that was told to stop exits with.
ends_with() {
  watch_status=0
  wait "$watcher" || watch_status=$?
  same "$watch_status" "$1"
}

# SECONDS…: told to stop at each of these moments, between rounds or within one.
stops_in_order_after() {
  echo none >"$work/lie"
  for seconds in "$@"; do
    start_watching "$work/stopped" --interval 1s
    sleep "$seconds"
    kill -TERM "$watcher"
    ends_with 0
    [ "$(find "$work/stopped.versions" -name '.incoming-*' | wc -l)" -eq 0 ]
    shows 5
  done
}
claim stops_in_order_after 0 0.2 0.5 0.9 0.95 1 1.05 1.1

lets_the_command_finish_when_told_to_stop() {
  : >"$work/ran"
  start_watching "$work/finishing" --exec \
    "sh -c 'echo begun >>$work/ran; sleep 1; echo ended >>$work/ran'"
  until grep -q begun "$work/ran"; do sleep 0.05; done
  kill -INT "$watcher"
  ends_with 0
  same "$(cat "$work/ran")" "begun
ended"
  [ ! -e "$work/finishing.versions/exec-pending" ]
}
claim lets_the_command_finish_when_told_to_stop

ends_at_once_when_told_twice() {
  : >"$work/ran"
  start_watching "$work/twice" --exec "sh -c 'echo begun >>$work/ran; sleep 30'"
  until grep -q begun "$work/ran"; do sleep 0.05; done
  kill -INT "$watcher"
  sleep 0.2
  kill -0 "$watcher"
  kill -TERM "$watcher"
  ends_with 143
}
claim ends_at_once_when_told_twice

survives_being_killed_anywhere() {
  into=$work/killed
  echo none >"$work/lie"
  for hundredths in 01 02 03 04 05 06 08 10 12 15 20; do
    rm -rf "$into"*
    [ "$hundredths" -gt 5 ] || sync_once >/dev/null
    (
      become reconciler
      exec "$STATEHOUSE" --server "$liar" sync -R platform --ref deploy \
        --trust "$work/trust.json" --into "$into" --once
    ) >/dev/null 2>&1 &
    victim=$!
    sleep "0.$hundredths"
    kill -KILL "$victim" 2>/dev/null || :
    wait "$victim" 2>/dev/null || :
    [ ! -e "$into" ] || shows 5
  done
  expect 0 sync_once
  shows 5
  [ "$(find "$work/killed.versions" -name '.incoming-*' | wc -l)" -eq 0 ]
}
claim survives_being_killed_anywhere
stop
finish
