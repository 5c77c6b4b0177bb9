#!/bin/sh
# Somebody changes a data directory behind the server's back, one thing at a time, each on a copy:
# it is detected (at start, when read, or by fsck) and never served as good.
. "$(dirname "$0")/lib.sh"
command -v sqlite3 >/dev/null || { echo "skip: no sqlite3"; exit 77; }
begin tamper
make_platform </dev/null
push_first_tree
promote deploy One
echo "replicas: 2" >"$work/alice/platform/apps/base/app.yaml"
push_change Two
expect 0 ask bob '/v1/entries?limit=1'
stop
cp -r "$data" "$work/older"
serve
as reconciler statehouse sync -R platform --ref deploy --trust "$work/trust.json" \
  --into "$work/synced" --once >/dev/null
must as bob statehouse audit verify --trust "$work/trust.json" --state "$work/audited"
echo "replicas: 3" >"$work/alice/platform/apps/base/app.yaml"
push_change Three
promote deploy Two
as reconciler statehouse sync -R platform --ref deploy --trust "$work/trust.json" \
  --into "$work/synced" --once >/dev/null
must as bob statehouse audit verify --trust "$work/trust.json" --state "$work/audited"
must as reconciler git clone -q -b deploy "$url/git/platform.git" "$work/reconciler/clone"
stop
pristine=$data
deploy=$(tip "$work/reconciler/clone" HEAD)
first=$(git -C "$work/reconciler/clone" rev-parse HEAD~1)
repository=$url/git/platform.git

# A fresh copy in $data, and no server.
restore() {
  kill_servers
  data=$work/copy
  chmod -R u+rwX "$data" 2>/dev/null || :
  rm -rf "$data"
  cp -r "${1:-$pristine}" "$data"
}

# Into the database file itself, as whoever copies the file would find it.
sql() { sqlite3 "$data/ledger.db" "PRAGMA wal_checkpoint(TRUNCATE); $1" >/dev/null; }

# OBJECT: written anew, with another blob's good bytes or with garbage, where git keeps it.
object_file() {
  echo "$data/repositories/platform.git/objects/$(echo "$1" | cut -c1-2)/$(echo "$1" | cut -c3-)"
}

# All packs become loose objects, so that one can be hit.
unpack_objects() {
  mkdir -p "$work/packs"
  mv "$data"/repositories/platform.git/objects/pack/* "$work/packs" 2>/dev/null || :
  for pack in "$work"/packs/*.pack; do
    [ -f "$pack" ] && git -C "$data/repositories/platform.git" unpack-objects -q <"$pack"
  done
  rm -rf "$work/packs"
}

reads_deploy() {
  expect 0 as reconciler git ls-remote "$repository" refs/heads/deploy
  same "$(cat "$work/out")" "$1	refs/heads/deploy"
}

is_degraded() {
  expect 0 ask nobody /readyz -f
  holds "'$1' in [a['what'] for a in d['degraded']]"
}

is_not_degraded() {
  expect 0 ask nobody /readyz -f
  same "$(field 'd["degraded"]')" '[]'
}

fsck_finds() {
  expect 70 "$STATEHOUSE" fsck --data "$data"
  says "$1"
}

# The log stands still: reads go on, nothing is written or signed.
log_is_stopped() {
  start_serving
  is_degraded log
  as alice git -C "$work/alice/platform" commit -q --allow-empty -m Later
  expect 1 as alice git -C "$work/alice/platform" push origin HEAD:refs/heads/audit
  expect 70 "$STATEHOUSE" token create --data "$data" --identity bob
  says "signs and writes nothing"
  stop
}

# --- refs ----------------------------------------------------------------------------------------

an_untouched_copy_is_good() {
  restore
  expect 0 "$STATEHOUSE" audit verify --data "$data" -o json
  holds 'd["rows"] and d["statements"] == d["versions"]'
  expect 0 "$STATEHOUSE" fsck --data "$data"
  start_serving
  is_not_degraded
  reads_deploy "$deploy"
  expect 0 "$STATEHOUSE" audit verify --data "$data" -o json
  holds 'not d["rows"]'
  stop
}

a_ref_file_moved_back_is_not_served() {
  restore
  start_serving
  echo "$first" >"$data/repositories/platform.git/refs/heads/deploy"
  reads_deploy "$deploy"
  stop
  start_serving
  is_degraded ref-file
  reads_deploy "$deploy"
  expect 0 as reconciler git clone -q -b deploy "$repository" "$work/reconciler/moved-back"
  same "$(tip "$work/reconciler/moved-back" HEAD)" "$deploy"
  fsck_finds "$first"
  expect 0 "$STATEHOUSE" fsck --data "$data" --repair-refs
  same "$(cat "$data/repositories/platform.git/refs/heads/deploy")" "$deploy"
  is_not_degraded
  stop
}

a_ref_file_that_is_gone_is_still_served() {
  restore
  rm "$data/repositories/platform.git/refs/heads/deploy"
  start_serving
  reads_deploy "$deploy"
  fsck_finds "is missing"
  expect 0 "$STATEHOUSE" fsck --data "$data" --repair-refs
  stop
}

a_ref_file_that_was_added_is_not_served() {
  restore
  echo "$deploy" >"$data/repositories/platform.git/refs/heads/extra"
  printf '# pack-refs with: peeled fully-peeled sorted \n%s refs/heads/packed\n' "$deploy" \
    >"$data/repositories/platform.git/packed-refs"
  start_serving
  expect 0 as alice git ls-remote "$repository"
  silent_on extra
  silent_on packed
  fsck_finds "refs/heads/extra"
  says "refs/heads/packed"
  stop
}

a_ref_file_that_is_a_link_is_not_followed() {
  restore
  ln -sf /etc/passwd "$data/repositories/platform.git/refs/heads/deploy"
  start_serving
  reads_deploy "$deploy"
  expect 70 "$STATEHOUSE" fsck --data "$data"
  stop
}

# --- objects -------------------------------------------------------------------------------------

# OBJECT WAY: corrupt | other | missing. The ref is not served whole; others and the log are.
damage_object() {
  restore
  unpack_objects
  file=$(object_file "$1")
  chmod u+w "$file"
  case $2 in
    corrupt) printf 'x\234garbage' >"$file" ;;
    missing) rm "$file" ;;
    other)
      other=$(printf 'replicas: 666\n' | git -C "$data/repositories/platform.git" hash-object -w --stdin)
      cp "$(object_file "$other")" "$file"
      ;;
  esac
}

a_damaged_tip_commit_is_not_served() {
  for way in corrupt missing other; do
    damage_object "$deploy" $way
    start_serving
    is_degraded object
    expect 0 as reconciler git ls-remote "$repository"
    silent_on refs/heads/deploy
    expect 0 as alice git ls-remote "$repository" refs/heads/audit
    says refs/heads/audit
    expect 0 as bob statehouse audit verify --trust "$work/trust.json"
    stop
    fsck_finds "$deploy"
  done
}

a_damaged_tip_tree_is_not_served() {
  damage_object "$(git -C "$work/reconciler/clone" rev-parse 'HEAD^{tree}')" corrupt
  start_serving
  is_degraded object
  expect 0 as reconciler git ls-remote "$repository"
  silent_on refs/heads/deploy
  stop
}

a_damaged_blob_never_reaches_a_client() {
  for way in corrupt missing other; do
    damage_object "$(git -C "$work/reconciler/clone" rev-parse HEAD:apps/base/app.yaml)" $way
    rm -rf "$data/snapshots"
    start_serving
    rm -rf "$work/reconciler/damaged" "$work/damaged"*
    if as reconciler git clone -q -b deploy "$repository" "$work/reconciler/damaged"; then
      say "git cloned a damaged object"
      return 1
    fi
    if as reconciler statehouse snapshot get -R platform --ref deploy --trust "$work/trust.json" \
      --into "$work/damaged"; then
      say "a snapshot was made from a damaged object"
      return 1
    fi
    stop
    fsck_finds "$(git -C "$work/reconciler/clone" rev-parse HEAD:apps/base/app.yaml)"
  done
}

a_pack_that_was_changed_is_found() {
  restore
  packs=0
  for pack in "$data"/repositories/platform.git/objects/pack/*.pack; do
    [ -f "$pack" ] || continue
    chmod u+w "$pack"
    printf '\377' | dd of="$pack" bs=1 seek=$(($(stat -c %s "$pack") / 2)) conv=notrunc 2>/dev/null
    packs=1
  done
  [ "$packs" = 1 ] || return 0
  expect 70 "$STATEHOUSE" fsck --data "$data"
}

# --- the ledger ----------------------------------------------------------------------------------

ledger_change_stops_the_log() {
  restore
  sql "$1"
  log_is_stopped
  expect 70 "$STATEHOUSE" fsck --data "$data"
}

an_older_ledger_signs_nothing() {
  restore
  rm -f "$data"/ledger.db*
  cp "$work/older"/ledger.db* "$data"
  log_is_stopped
  fsck_finds "older copy"
}

an_older_copy_of_everything_is_caught_by_who_saw_more() {
  restore "$work/older"
  start_serving
  expect 4 as bob statehouse audit verify --trust "$work/trust.json" --state "$work/audited"
  expect 4 as reconciler statehouse sync -R platform --ref deploy --trust "$work/trust.json" \
    --into "$work/synced" --once
  says "inconsistent checkpoint"
  same "$(cat "$work/synced/apps/base/app.yaml")" "replicas: 3"
  stop
}

a_ledger_row_changed_is_found_by_fsck_and_by_auditors() {
  restore
  sql "$1"
  expect 70 "$STATEHOUSE" audit verify --data "$data"
  says "error: "
  expect 70 "$STATEHOUSE" fsck --data "$data"
}

a_ledger_that_is_no_database_is_refused() {
  restore
  rm -f "$data"/ledger.db-*
  printf 'not a database' >"$data/ledger.db"
  expect 70 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0
  rm "$data/ledger.db"
  expect 3 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0
}

# --- snapshots, trust, keys ----------------------------------------------------------------------

a_changed_archive_is_not_handed_out() {
  restore
  for file in $(find "$data/snapshots" -type f); do
    chmod u+w "$file"
    printf 'evil' | dd of="$file" bs=1 seek=700 conv=notrunc 2>/dev/null
  done
  start_serving
  rm -rf "$work/archive"*
  expect 0 as reconciler statehouse snapshot get -R platform --ref deploy \
    --trust "$work/trust.json" --into "$work/archive"
  same "$(cat "$work/archive/apps/base/app.yaml")" "replicas: 3"
  stop
}

archives_that_are_gone_are_built_again() {
  restore
  rm -rf "$data/snapshots"
  start_serving
  rm -rf "$work/archive"*
  expect 0 as reconciler statehouse snapshot get -R platform --ref deploy --version 1 \
    --trust "$work/trust.json" --into "$work/archive"
  stop
}

a_changed_trust_document_is_refused_at_start() {
  restore
  chmod u+w "$data/trust.json"
  /usr/bin/python3 - "$data/trust.json" <<'END'
import base64, json, sys
envelope = json.load(open(sys.argv[1]))
payload = json.loads(base64.b64decode(envelope["payload"]))
payload["origin"] = "evil.example.org/store"
envelope["payload"] = base64.b64encode(json.dumps(payload).encode()).decode()
json.dump(envelope, open(sys.argv[1], "w"))
END
  refused=0
  "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" || refused=$?
  [ "$refused" = 4 ] || [ "$refused" = 70 ]
  says "trust"
}

the_trust_document_of_another_store_is_refused_at_start() {
  restore
  rm -rf "$work/another"
  "$STATEHOUSE" init --data "$work/another" --name store.example.org/test \
    --admin "alice=$work/alice/.ssh/id_ed25519.pub" >/dev/null
  cp "$work/another/trust.json" "$data/trust.json"
  refused=0
  timeout 20 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0 >"$work/out" 2>"$work/err" ||
    refused=$?
  [ "$refused" != 124 ] || { say "it serves under the trust document of another store"; return 1; }
  [ "$refused" != 0 ]
}

keys_that_others_can_read_are_refused() {
  restore
  chmod 0644 "$data/keys/log"
  expect 5 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0
  says "others may have read log"
  chmod 0600 "$data/keys/log"
  chmod 0755 "$data/keys"
  expect 5 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0
}

claim an_untouched_copy_is_good
claim a_ref_file_moved_back_is_not_served
claim a_ref_file_that_is_gone_is_still_served
claim a_ref_file_that_was_added_is_not_served
claim a_ref_file_that_is_a_link_is_not_followed
claim a_damaged_tip_commit_is_not_served
claim a_damaged_tip_tree_is_not_served
claim a_damaged_blob_never_reaches_a_client
claim a_pack_that_was_changed_is_found
for change in \
  "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), '\"bob\"', '\"eve\"') AS BLOB)" \
  "UPDATE checkpoints SET note = replace(note, 'store.example.org', 'store.example.com') WHERE size = (SELECT max(size) FROM checkpoints)" \
  "DELETE FROM entries WHERE idx = (SELECT max(idx) FROM entries)" \
  "UPDATE tiles SET hashes = zeroblob(length(hashes))" \
  "UPDATE refs SET commit_oid = x'$first' WHERE ref = 'refs/heads/deploy' AND repository = 'platform'" \
  "DELETE FROM statements WHERE ref = 'refs/heads/deploy' AND repository = 'platform' AND version = 2;
   DELETE FROM versions WHERE ref = 'refs/heads/deploy' AND repository = 'platform' AND version = 2;
   UPDATE refs SET (version, entry, commit_oid, commit_digest, tree_oid, tree_digest) =
     (SELECT version, entry, commit_oid, commit_digest, tree_oid, tree_digest FROM versions v
      WHERE v.repository = refs.repository AND v.ref = refs.ref)
     WHERE ref = 'refs/heads/deploy' AND repository = 'platform'"; do
  claim ledger_change_stops_the_log "$change"
done
claim an_older_ledger_signs_nothing
claim an_older_copy_of_everything_is_caught_by_who_saw_more
for change in \
  "UPDATE versions SET commit_oid = x'$first' WHERE ref = 'refs/heads/deploy' AND version = 2" \
  "UPDATE versions SET actor_identity = 'eve' WHERE ref = 'refs/heads/audit'" \
  "UPDATE evidence SET bytes = x'00' WHERE bytes IS NOT NULL" \
  "DELETE FROM evidence" \
  "UPDATE approvals SET identity = 'eve'" \
  "UPDATE approvals SET expires = received + 1" \
  "UPDATE approvals SET drops = '[1]'" \
  "DELETE FROM approvals" \
  "UPDATE promotions SET state = 'open'" \
  "UPDATE promotions SET title = 'Other'" \
  "UPDATE promotions SET ended_by = 'eve'" \
  "INSERT INTO suspensions VALUES ('bob', 0, 9000000000000, 0)" \
  "UPDATE repositories SET deleted = 1 WHERE name = 'platform'" \
  "UPDATE tokens SET repositories = '**'" \
  "UPDATE tokens SET scope = 'admin'" \
  "UPDATE tokens SET expires = expires + 86400000000" \
  "UPDATE statements SET envelope = x'7b7d'"; do
  claim a_ledger_row_changed_is_found_by_fsck_and_by_auditors "$change"
done
claim a_ledger_that_is_no_database_is_refused
claim a_changed_archive_is_not_handed_out
claim archives_that_are_gone_are_built_again
claim a_changed_trust_document_is_refused_at_start
claim the_trust_document_of_another_store_is_refused_at_start
claim keys_that_others_can_read_are_refused
finish
