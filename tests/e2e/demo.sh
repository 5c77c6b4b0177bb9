#!/bin/sh
# The demo tells its whole story, and leaves nothing, or says what it leaves and where.
. "$(dirname "$0")/lib.sh"
begin demo

leaves_nothing() {
  expect 0 "$STATEHOUSE" demo --data "$work/gone"
  says "That is the whole story."
  [ ! -e "$work/gone" ]
}
claim leaves_nothing

keeps_a_store_and_says_so() {
  expect 0 "$STATEHOUSE" demo --data "$work/kept" --keep
  says "private keys, in"
  says "$work/kept"
  same "$(stat -c %a "$work/kept")" 700
  expect 0 "$STATEHOUSE" fsck --data "$work/kept"
}
claim keeps_a_store_and_says_so

keeps_everything_where_only_this_user_reads_and_names_it() {
  expect 0 "$STATEHOUSE" demo --keep
  folder=$(sed -n 's/^Remove it when you are done:  rm -rf //p' "$work/out")
  trap 'rm -rf "$folder"' EXIT
  same "$(stat -c %a "$folder")" 700
  [ -d "$folder/store/keys" ] && [ -f "$folder/alice/id_ed25519" ]
  says "private keys, in"
}
claim keeps_everything_where_only_this_user_reads_and_names_it

makes_no_store_over_something() {
  mkdir "$work/mine"
  echo precious >"$work/mine/file"
  expect 6 "$STATEHOUSE" demo --data "$work/mine"
  says "something already"
  same "$(cat "$work/mine/file")" precious
  expect 6 "$STATEHOUSE" demo --data "$work/mine/file"
}
claim makes_no_store_over_something
finish
