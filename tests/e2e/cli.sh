#!/bin/sh
# Every command as a script uses it: text and JSON, the fields that are promised, every exit status,
# the control socket, a data directory without a server, TLS, and how the server starts and ends.
. "$(dirname "$0")/lib.sh"
begin cli
must add_person alice
must add_person bob
must add_person carol
{
  echo ---
  identity_yaml carol
} >"$work/more.yaml"
make_platform <"$work/more.yaml"
sign_in carol read
push_first_tree
clone=$work/alice/platform
commit=$(tip "$clone" HEAD)
trust=$work/trust.json

# COMMAND…: it works in every format, and JSON and YAML say the same.
in_every_format() {
  expect 0 "$@"
  [ -s "$work/out" ]
  expect 0 "$@" -o json
  /usr/bin/python3 -m json.tool <"$work/out" >/dev/null
  expect 0 "$@" -o jsonl
  expect 0 "$@" -o yaml
  expect 0 "$@" -o name
}

# --- reading -----------------------------------------------------------------------------------

tells_versions() {
  in_every_format as alice statehouse version
  expect 0 as alice statehouse version -o json
  holds 'd["client"]["version"] and d["server"]["origin"] == "store.example.org/test"'
  holds 'd["server"]["epoch"] == 1 and d["server"]["protocol"] == 1'
  expect 0 "$STATEHOUSE" --version
}

helps_with_every_command() {
  expect 0 "$STATEHOUSE" help
  for word in init serve token trust repository history promotion snapshot sync audit policy fsck \
    demo version help; do
    says "  $word"
    "$STATEHOUSE" help "$word" | grep -q "^Usage: statehouse $word"
    "$STATEHOUSE" "$word" --help | grep -q "^Usage: statehouse $word"
  done
  expect 2 "$STATEHOUSE" help nonsense
  for shell in bash zsh fish; do expect 0 "$STATEHOUSE" completion "$shell"; done
  expect 0 sh -c '"$1" completion bash | bash -n' - "$STATEHOUSE"
}

lists_repositories() {
  in_every_format as alice statehouse repository list
  expect 0 as alice statehouse repository list -o json
  holds '[r["name"] for r in d["repositories"]] == ["platform", "system"] and d["next"] is None'
  in_every_format as alice statehouse repository show platform
  expect 0 as alice statehouse repository show platform -o json
  holds 'd["name"] == "platform" and d["defaultBranch"] == "refs/heads/audit"'
  expect 0 as reconciler statehouse repository list -o json
  same "$(field '[r["name"] for r in d["repositories"]]')" '["platform"]'
  expect 0 as carol statehouse repository list -o json
  same "$(field 'd["repositories"]')" '[]'
}

shows_the_history_of_a_ref() {
  in_every_format as alice statehouse history -R platform --ref audit
  expect 0 as alice statehouse history -R platform --ref audit -o json
  holds 'set("repository ref version kind commit tree time actor promotion approvedBy previous policyDigest level logIndex".split()) <= set(d["versions"][0])'
  holds 'd["versions"][0]["version"] == 1 and d["versions"][0]["previous"] is None and d["next"] is None'
  same "$(field 'd["versions"][0]["commit"]')" "$commit"
  in_every_format as alice statehouse history show -R platform --ref audit --version 1
  echo two >"$clone/two.yaml"
  push_change Two
  in_every_format as alice statehouse history diff -R platform --ref audit --from 1 --to 2
  expect 0 as alice statehouse history diff -R platform --ref audit --from 1 --to 2 -o json
  same "$(field '[c["path"] for c in d["changes"]]')" '["two.yaml"]'
  expect 3 as alice statehouse history show -R platform --ref audit --version 99
  expect 3 as alice statehouse history -R platform --ref nowhere
}

finds_server_and_repository_in_a_clone() {
  (
    cd "$clone"
    unset STATEHOUSE_SERVER
    expect 0 as alice statehouse history --ref audit
    expect 0 as alice statehouse repository list
  )
}

# --- promotions --------------------------------------------------------------------------------

takes_a_promotion_from_draft_to_merge() {
  expect 0 as alice statehouse promotion create -R platform --flow deploy --title "Go" \
    --message "Because" -o json
  holds 'd["state"] == "open" and d["phase"] == "blocked" and d["blockedBy"] and d["decision"]["allow"] is False'
  holds 'set("policy rule pass reason fix".split()) <= set(d["decision"]["rules"][0])'
  number=$(field 'd["number"]')
  in_every_format as bob statehouse promotion show "$number"
  in_every_format as bob statehouse promotion list --waiting-for me
  expect 0 as bob statehouse promotion list --waiting-for me -o json
  holds 'd["promotions"][0]["phase"] == "blocked" and d["promotions"][0]["decision"]["allow"] is False'
  same "$(field '[p["number"] for p in d["promotions"]]')" "[$number]"
  in_every_format as bob statehouse promotion diff "$number"
  expect 0 as bob statehouse promotion diff "$number" --objects
  tree=$(git -C "$clone" rev-parse 'HEAD^{tree}')
  expect 0 as bob statehouse promotion diff "$number"
  says "+two"
  says "--expect-tree $tree"
  expect 0 as bob statehouse promotion comment "$number" --message "Looks good" \
    --path two.yaml --line 1 -o json
  holds 'd["comments"][-1]["line"] == 1'
  expect 5 as alice statehouse promotion approve "$number" --yes
  expect 6 as bob statehouse promotion approve "$number" --expect-tree "$commit"
  expect 5 as bob statehouse promotion merge "$number"
  expect 0 as bob statehouse promotion approve "$number" --expect-tree "$tree" --message Good \
    --trust "$trust"
  expect 0 as bob statehouse promotion show "$number" -o json
  holds 'd["phase"] == "ready" and d["blockedBy"] == [] and d["approvals"][0]["counts"]'
  expect 0 as alice statehouse promotion merge "$number" -o json
  holds 'd["state"] == "merged" and d["merged"]["version"] == 1'
  expect 0 as alice statehouse promotion wait "$number" --for merged --timeout 5s
  expect 6 as alice statehouse promotion merge "$number"
  expect 0 as bob statehouse promotion list --state merged -o json
  holds 'len(d["promotions"]) == 2'
  holds 'all(p["phase"] is None and p["blockedBy"] == [] and "rules" in p["decision"] for p in d["promotions"])'
}

updates_rejects_and_closes() {
  echo three >"$clone/three.yaml"
  push_change Three
  as alice git -C "$clone" commit -q --allow-empty -m Four
  expect 0 as alice statehouse promotion create -R platform --flow deploy --title "Three" -o json
  number=$(field 'd["number"]')
  expect 2 as bob statehouse promotion approve "$number"
  says "--yes"
  as alice git -C "$clone" push -q origin HEAD:refs/heads/audit
  expect 0 as alice statehouse promotion update "$number" --commit "$(tip "$clone" HEAD)" -o json
  holds 'd["revision"] == 2'
  expect 0 as bob statehouse promotion reject "$number" --message "Not now" --yes -o json
  holds 'd["approvals"][-1]["verdict"] == "reject"'
  expect 5 as bob statehouse promotion merge "$number"
  expect 0 as alice statehouse promotion close "$number" -o json
  same "$(field 'd["state"]')" closed
  holds 'd["phase"] is None'
  expect 3 as alice statehouse promotion show 999
}

# --- tokens ------------------------------------------------------------------------------------

mints_lists_and_revokes_tokens() {
  expect 0 "$STATEHOUSE" token create --data "$data" --identity carol -o json
  holds 'd["token"].startswith("sth_") and d["id"].startswith("tok_") and d["expires"].endswith("Z")'
  holds 'd["scope"] == "read"'
  id=$(field 'd["id"]')
  secret=$(field 'd["token"]')
  printf '%s\n' "$secret" >"$work/carol/second"
  expect 0 as carol statehouse --token-file "$work/carol/second" repository list
  in_every_format "$STATEHOUSE" token list --data "$data"
  expect 0 "$STATEHOUSE" token list --data "$data" -o json
  silent_on "$secret"
  holds "'$id' in [t['id'] for t in d['tokens']] and d['next'] is None"
  expect 0 "$STATEHOUSE" token list --data "$data" --limit 1 -o json
  next=$(field 'd["next"]')
  first=$(field 'd["tokens"][0]["id"]')
  expect 0 "$STATEHOUSE" token list --data "$data" --limit 1 -o name
  says "there is more: --cursor $next"
  expect 0 "$STATEHOUSE" token list --data "$data" --cursor "$next" -o name
  silent_on "$first"
  expect 0 "$STATEHOUSE" token revoke --data "$data" "$id"
  expect 5 as carol statehouse --token-file "$work/carol/second" repository list
  expect 3 "$STATEHOUSE" token revoke --data "$data" tok_0000000000000000
  expect 2 "$STATEHOUSE" token revoke --data "$data" "$secret"
  silent_on "$secret"
  expect 0 ask alice "/v1/tokens/$secret" -X DELETE
  says '"code":"invalid-argument"'
  silent_on "$secret"
  expect 5 as carol statehouse token create --identity carol
  expect 5 as alice statehouse token create --identity carol
  expect 3 "$STATEHOUSE" token create --data "$data" --identity nobody
  expect 2 "$STATEHOUSE" token create --data "$data" --identity carol --expires soon
}

limits_a_token_to_its_repositories() {
  expect 0 "$STATEHOUSE" token create --data "$data" --identity alice --repository 'other/*' -o json
  field 'd["token"]' >"$work/alice/narrow"
  expect 0 as alice statehouse --token-file "$work/alice/narrow" repository list -o json
  same "$(field 'd["repositories"]')" '[]'
}

# --- snapshots ---------------------------------------------------------------------------------

gets_and_verifies_snapshots() {
  expect 0 as reconciler statehouse snapshot get -R platform --ref deploy --trust "$trust" \
    --into "$work/snapshot" --state "$work/state" -o json
  holds 'd["status"] == "current" and d["version"] == 1'
  diff -r --no-dereference -x .git -x three.yaml "$clone" "$work/snapshot"
  in_every_format "$STATEHOUSE" snapshot verify "$work/snapshot.statehouse" --trust "$trust"
  expect 0 as reconciler statehouse snapshot get -R platform --ref deploy --version 1 \
    --trust "$trust" --into "$work/historic" -o json
  same "$(field 'd["status"]')" historic
  expect 6 as reconciler statehouse snapshot get -R platform --ref deploy --trust "$trust" \
    --into "$work/snapshot"
  expect 3 as reconciler statehouse snapshot get -R platform --ref audit --trust "$trust" \
    --into "$work/none"
  printf x | dd of="$work/snapshot.statehouse/archive.tar" bs=1 seek=600 conv=notrunc 2>/dev/null
  expect 4 "$STATEHOUSE" snapshot verify "$work/snapshot.statehouse" --trust "$trust"
}

syncs_once() {
  expect 0 as reconciler statehouse sync -R platform --ref deploy --trust "$trust" \
    --into "$work/synced" --exec "sh -c 'echo \$STATEHOUSE_VERSION >$work/ran'" --once
  says "version 1 is in place"
  same "$(cat "$work/ran")" 1
  [ -L "$work/synced" ]
}

# --- audit -------------------------------------------------------------------------------------

searches_and_shows_the_log() {
  in_every_format as bob statehouse audit search
  expect 0 as bob statehouse audit search --type ref.updated -R platform --ref deploy -o json
  holds 'len(d["entries"]) == 1 and d["next"] is None'
  holds 'd["entries"][0]["event"]["specversion"] == "1.0"'
  index=$(field 'd["entries"][0]["index"]')
  in_every_format as bob statehouse audit show "$index"
  expect 0 as bob statehouse audit search --path two.yaml -o json
  holds 'len(d["entries"]) >= 1'
  expect 0 as bob statehouse audit search --approver bob -o json
  holds 'len(d["entries"]) >= 1'
  expect 0 as bob statehouse audit search --actor alice --since 1h --limit 3 -o json
  holds 'len(d["entries"]) == 3 and d["next"]'
  expect 0 as bob statehouse log search --promotion 1 --outcome accepted
  expect 0 as bob statehouse audit search --text Looks
  expect 3 as bob statehouse audit show 99999
  expect 5 as carol statehouse audit show "$index"
  expect 2 as bob statehouse audit search --since whenever
}

finds_what_a_key_signed() {
  key=$(ssh-keygen -lf "$work/alice/.ssh/id_ed25519.pub" | cut -d' ' -f2)
  expect 0 as bob statehouse audit search --key "$key" -o json
  holds '{e["event"]["type"] for e in d["entries"]} == {"statehouse.ref.updated"}'
  holds '{e["event"]["data"]["repository"] for e in d["entries"]} == {"platform", "system"}'
  key=$(ssh-keygen -lf "$work/bob/.ssh/id_ed25519.pub" | cut -d' ' -f2)
  expect 0 as bob statehouse audit search --key "$key" -o json
  holds '{e["event"]["type"] for e in d["entries"]} == {"statehouse.promotion.approved", "statehouse.promotion.rejected"}'
  ssh-keygen -q -t ed25519 -N '' -f "$work/stranger"
  as alice git -C "$clone" -c user.signingkey="$work/stranger.pub" commit -q --allow-empty -m Strange
  expect 1 as alice git -C "$clone" push -q origin HEAD:refs/heads/audit
  as alice git -C "$clone" reset -q --hard HEAD~1
  key=$(ssh-keygen -lf "$work/stranger.pub" | cut -d' ' -f2)
  expect 0 as bob statehouse audit search --key "$key" -o json
  holds '[e["event"]["type"] for e in d["entries"]] == ["statehouse.ref.refused"]'
}

finds_all_of_a_promotion_by_its_ref() {
  expect 0 as bob statehouse audit search --promotion 2 -o json
  all=$(field '[e["index"] for e in d["entries"]]')
  expect 0 as bob statehouse audit search --promotion 2 -R platform --ref deploy -o json
  same "$(field '[e["index"] for e in d["entries"]]')" "$all"
  holds '{"statehouse.promotion.approved", "statehouse.promotion.refused", "statehouse.ref.updated"} <= {e["event"]["type"] for e in d["entries"]}'
}

proves_and_verifies_the_log() {
  expect 0 as bob statehouse audit prove 0 --trust "$trust"
  says "c2sp.org/tlog-proof@v1"
  expect 0 as bob statehouse audit verify --trust "$trust" --state "$work/audited" -o json
  holds 'd["origin"] == "store.example.org/test"'
  expect 0 as bob statehouse audit verify --trust "$trust" --state "$work/audited"
  expect 0 "$STATEHOUSE" audit verify --data "$data"
  for format in jsonl csv; do expect 0 as bob statehouse audit export --format $format; done
  in_every_format as bob statehouse audit prove 0
  in_every_format as bob statehouse audit export
  expect 0 as bob statehouse audit export --format jsonl
  same "$(wc -l <"$work/out")" "$(as bob statehouse audit search -o json --limit 1000 >"$work/all" &&
    json "$work/all" 'len(d["entries"])')"
  expect 0 "$STATEHOUSE" audit reindex --data "$data"
}

shows_and_exports_trust() {
  in_every_format as alice statehouse trust show
  for format in flux argocd allowed-signers vkey pem; do
    expect 0 as alice statehouse trust export --format $format
    [ -s "$work/out" ]
    in_every_format as alice statehouse trust export --format $format
  done
  expect 0 "$STATEHOUSE" trust export --trust "$trust" --format vkey
  says "store.example.org/test+"
  expect 2 as alice statehouse trust export --format cosign
}

checks_and_explains_policy() {
  expect 0 "$STATEHOUSE" policy check "$work/alice/system"
  mkdir -p "$work/bad"
  printf 'apiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: x}\nspec: {mtach: {}}\n' \
    >"$work/bad/policy.yaml"
  expect 2 "$STATEHOUSE" policy check "$work/bad"
  says "policy.yaml:4"
  expect 2 "$STATEHOUSE" policy check "$work/bad" -o json
  holds 'd["valid"] is False and d["problems"][0]["line"] == 4 and d["exitCode"] == 2'
  in_every_format as alice statehouse policy explain -R platform --ref audit --commit "$commit"
  expect 0 as alice statehouse policy explain -R platform --ref deploy --commit "$commit" -o json
  holds 'd["decision"]["allow"] is False'
}

says_that_git_fails_after_a_dry_run() {
  as alice git -C "$clone" commit -q --allow-empty -m Dry
  expect 1 as alice git -C "$clone" push -o dry-run origin HEAD:refs/heads/audit
  says "would be accepted"
  says "git calls every ref rejected and exits 1"
  as alice git -C "$clone" reset -q --hard HEAD~1
}

must "$STATEHOUSE" init --data "$work/unserved" --name store.example.org/unserved \
  --admin "alice=$work/alice/.ssh/id_ed25519.pub"

# --- exit statuses -----------------------------------------------------------------------------

says_what_went_wrong_and_what_next() {
  expect 2 "$STATEHOUSE" nonsense
  expect 2 "$STATEHOUSE" history
  expect 2 as alice statehouse history -R '../etc' --ref audit
  expect 2 as alice statehouse history -R platform --ref 'bad..ref'
  expect 3 as alice statehouse repository show no/such
  expect 5 as nobody statehouse token list
  expect 7 as alice statehouse --server http://127.0.0.1:9 repository list
  sed -n 1p "$work/err" | grep -q '^statehouse: [a-z ]*: '
  same "$(sed -n 1p "$work/err" | cut -c1-11)" "statehouse:"
  expect 6 "$STATEHOUSE" serve --data "$work/unserved" --listen "$address"
  says "--listen HOST:PORT"
}

keeps_tokens_out_of_sight() {
  for person in alice bob carol reconciler; do
    token=$(cat "$work/$person/token")
    ! grep -rqF -e "$token" "$work/serve.log" "$work/serve.out" "$data"
    ! as "$person" statehouse audit search -o json | grep -qF -e "$token"
  done
  tr '\0' ' ' <"/proc/$server_pid/cmdline" >"$work/cmdline"
  ! grep -q sth_ "$work/cmdline"
  ! "$STATEHOUSE" help token create | grep -q -- '--token '
}

# --- the server --------------------------------------------------------------------------------

describes_the_routes_it_answers() {
  expect 0 ask nobody /openapi.json -f
  cmp "$work/out" "$source/schemas/openapi.json"
  json "$work/out" '"\n".join(m.upper() + " " + p for p, v in d["paths"].items() for m in v if m in ("get","post","delete"))' \
    >"$work/routes"
  while read -r method path; do
    target=$(printf '%s' "$path" | sed 's/{number}/1/; s/{index}/0/; s/{id}/tok_0/; s/{path}/0\/000/; s/{repository}/platform/')
    code=$(ask alice "$target" -X "$method" -o "$work/body" -w '%{http_code}')
    if [ "$code" = 405 ] || { [ "$code" = 404 ] && grep -q 'nothing is at this path' "$work/body" &&
      case $path in /v1/fsck | /v1/reindex) false ;; esac; }; then
      say "$method $target answers $code"
      return 1
    fi
  done <"$work/routes"
  [ "$(wc -l <"$work/routes")" -gt 30 ]
}

hides_the_operators_routes_from_the_network() {
  for path in /v1/fsck /v1/reindex; do
    same "$(ask alice $path -X POST -d '{}' -o /dev/null -w '%{http_code}')" 404
  done
}

answers_health_metrics_and_trust_to_anybody() {
  for path in /healthz /readyz /metrics /trust.json /log/checkpoint /v1/server; do
    expect 0 ask nobody $path -f
  done
  expect 0 ask nobody /trust.json -f
  cmp "$work/out" "$data/trust.json"
  expect 0 ask nobody /metrics -f
  says "statehouse_"
  for path in /v1/whoami /v1/promotions /v1/entries /v1/tokens; do
    same "$(ask nobody $path -o /dev/null -w '%{http_code}')" 401
  done
}

answers_errors_as_problem_documents() {
  expect 0 ask alice '/v1/version?repository=platform&ref=refs/heads/audit&version=99' -i
  says "HTTP/1.1 404"
  says "application/problem+json"
  says '"code":"not-found"'
  expect 0 ask alice '/v1/versions?repository=platform' -i
  says '"code":"invalid-argument"'
}

answers_not_modified_to_who_knows_it() {
  expect 0 ask alice '/v1/versions?repository=platform&ref=refs/heads/deploy' -D "$work/head"
  etag=$(sed -n 's/^[Ee][Tt]ag: *//p' "$work/head" | tr -d '\r')
  [ -n "$etag" ]
  same "$(ask alice '/v1/versions?repository=platform&ref=refs/heads/deploy' \
    -H "If-None-Match: $etag" -o /dev/null -w '%{http_code}')" 304
}

answers_a_repeated_request_once() {
  body='{"flow":"deploy","title":"Once"}'
  expect 0 ask alice /v1/promotions -f -H 'Idempotency-Key: k1' -d "$body"
  number=$(field 'd["number"]')
  expect 0 ask alice /v1/promotions -f -H 'Idempotency-Key: k1' -d "$body"
  same "$(field 'd["number"]')" "$number"
  expect 0 ask alice /v1/promotions -i -H 'Idempotency-Key: k1' -d '{"flow":"deploy"}'
  says "HTTP/1.1 409"
  expect 0 as alice statehouse promotion close "$number"
}

refuses_a_second_server_on_the_same_data() {
  expect 7 "$STATEHOUSE" serve --data "$data" --listen 127.0.0.1:0
  says "$data"
}

keeps_its_socket_and_keys_private() {
  same "$(stat -c %a "$data/control.sock")" 600
  same "$(stat -c %a "$data/keys")" 700
  same "$(find "$data/keys" -type f -perm /077 ! -name pubring.kbx ! -name trustdb.gpg)" ""
}

for one in \
  tells_versions \
  helps_with_every_command \
  lists_repositories \
  shows_the_history_of_a_ref \
  finds_server_and_repository_in_a_clone \
  takes_a_promotion_from_draft_to_merge \
  updates_rejects_and_closes \
  mints_lists_and_revokes_tokens \
  limits_a_token_to_its_repositories \
  gets_and_verifies_snapshots \
  syncs_once \
  searches_and_shows_the_log \
  finds_what_a_key_signed \
  finds_all_of_a_promotion_by_its_ref \
  proves_and_verifies_the_log \
  shows_and_exports_trust \
  checks_and_explains_policy \
  says_that_git_fails_after_a_dry_run \
  says_what_went_wrong_and_what_next \
  keeps_tokens_out_of_sight \
  describes_the_routes_it_answers \
  hides_the_operators_routes_from_the_network \
  answers_health_metrics_and_trust_to_anybody \
  answers_errors_as_problem_documents \
  answers_not_modified_to_who_knows_it \
  answers_a_repeated_request_once \
  refuses_a_second_server_on_the_same_data \
  keeps_its_socket_and_keys_private; do
  claim "$one"
done

# --- stopping, and working without a server ------------------------------------------------------

# A clone is under way when SIGTERM comes: slowed down by its reader.
ask alice /v1/entries --limit-rate 2k -o "$work/drained" -w '%{http_code}' >"$work/drained.code" &
reader=$!
other_pids=$reader
sleep 0.3
stop
wait "$reader"
other_pids=

drains_and_ends_with_status_zero() {
  same "$server_status" 0
  same "$(cat "$work/drained.code")" 200
  /usr/bin/python3 -m json.tool <"$work/drained" >/dev/null
}
claim drains_and_ends_with_status_zero

# FOLDER: what is in it, byte for byte, and when it was written.
traces_in() {
  (cd "$1" && find . -printf '%P %y %s %T@\n' | sort && find . -type f -exec sha256sum {} + | sort)
}

verifies_copies_without_keys_and_without_a_trace() {
  mkdir "$work/copy" "$work/copy-of-a-running-one"
  cp "$data/ledger.db" "$data/lock" "$work/copy/"
  start_serving
  cp "$data/ledger.db" "$data/ledger.db-wal" "$work/copy-of-a-running-one/"
  stop
  for copy in "$work/copy" "$work/copy-of-a-running-one"; do
    traces_in "$copy" >"$work/before"
    expect 0 "$STATEHOUSE" audit verify --data "$copy" --trust "$trust" -o json
    holds 'd["verified"] and d["entries"] > 10'
    expect 4 "$STATEHOUSE" audit verify --data "$copy" --trust "$work/other-trust.json"
    expect 3 "$STATEHOUSE" audit verify --data "$copy"
    traces_in "$copy" >"$work/after"
    cmp "$work/before" "$work/after"
  done
  expect 7 flock -x "$work/copy/lock" \
    "$STATEHOUSE" audit verify --data "$work/copy" --trust "$trust"
}
must "$STATEHOUSE" init --data "$work/other" --name store.example.org/test \
  --admin "alice=$work/alice/.ssh/id_ed25519.pub"
cp "$work/other/trust.json" "$work/other-trust.json"
claim verifies_copies_without_keys_and_without_a_trace

works_on_the_data_without_a_server() {
  expect 0 "$STATEHOUSE" token create --data "$data" --identity carol -o json
  holds 'd["token"].startswith("sth_")'
  expect 0 "$STATEHOUSE" audit verify --data "$data"
  expect 0 "$STATEHOUSE" audit search --data "$data" --limit 5 -o json
  holds 'len(d["entries"]) == 5'
  expect 0 "$STATEHOUSE" repository list --data "$data" -o json
  holds 'len(d["repositories"]) == 2'
  expect 0 "$STATEHOUSE" audit reindex --data "$data"
  in_every_format "$STATEHOUSE" fsck --data "$data"
  expect 3 "$STATEHOUSE" fsck --data "$work/nothing"
  expect 7 as alice statehouse repository list
}
claim works_on_the_data_without_a_server

finds_what_is_corrupt() {
  cp -r "$data" "$work/corrupt"
  echo 1111111111111111111111111111111111111111 \
    >"$work/corrupt/repositories/platform.git/refs/heads/deploy"
  expect 70 "$STATEHOUSE" fsck --data "$work/corrupt"
  expect 0 "$STATEHOUSE" fsck --data "$work/corrupt" --repair-refs
}
claim finds_what_is_corrupt

refuses_to_make_a_store_over_another() {
  expect 6 "$STATEHOUSE" init --data "$data" --name store.example.org/two \
    --admin "alice=$work/alice/.ssh/id_ed25519.pub"
  expect 2 "$STATEHOUSE" init --data "$work/new" --name 'https://BAD' \
    --admin "alice=$work/alice/.ssh/id_ed25519.pub"
  expect 2 "$STATEHOUSE" init --data "$work/new" --name store.example.org/two \
    --admin "alice=$work/alice/.ssh/id_ed25519"
  expect 2 "$STATEHOUSE" init --data "$work/new" --name store.example.org/two
  [ ! -e "$work/new" ]
  expect 0 "$STATEHOUSE" init --data "$work/new" --name store.example.org/two \
    --admin "alice=$work/alice/.ssh/id_ed25519.pub" -o json
  holds 'd["fourEyes"] is False'
}
claim refuses_to_make_a_store_over_another

# --- TLS ---------------------------------------------------------------------------------------

must openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost \
  -addext 'subjectAltName=IP:127.0.0.1,DNS:localhost' -keyout "$work/tls.key" -out "$work/tls.pem"
mkdir -p "$work/elsewhere"
cp "$data/high-water" "$work/elsewhere/high-water"
cat >"$work/serve.yaml" <<END
tlsCert: $work/tls.pem
tlsKey: $work/tls.key
highWater: $work/elsewhere/high-water
END
serve --config "$work/serve.yaml"
for person in alice reconciler; do sign_in $person read; done

speaks_tls() {
  case $url in https://*) ;; *) return 1 ;; esac
  expect 0 as alice statehouse --ca-file "$work/tls.pem" repository list
  expect 4 as alice statehouse repository list
  says "certificate"
  expect 0 as alice git -c http.sslCAInfo="$work/tls.pem" ls-remote "$url/git/platform.git"
  says refs/heads/deploy
  expect 128 as alice git ls-remote "$url/git/platform.git"
  expect 0 as reconciler statehouse --ca-file "$work/tls.pem" sync -R platform --ref deploy \
    --trust "$trust" --into "$work/tls-synced" --once
  expect 0 curl -sS --cacert "$work/tls.pem" "$url/healthz"
  ! curl -sS --cacert "$work/tls.pem" --tls-max 1.1 "$url/healthz"
  ! cmp -s "$work/elsewhere/high-water" "$data/high-water"
}
claim speaks_tls
stop

refuses_a_configuration_it_does_not_understand() {
  expect 2 "$STATEHOUSE" serve --data "$data" --tls-cert "$work/tls.pem"
  expect 2 "$STATEHOUSE" serve --data "$data" --tls-cert "$work/tls.key" --tls-key "$work/tls.key"
  echo 'lisen: 127.0.0.1:0' >"$work/bad.yaml"
  expect 2 "$STATEHOUSE" serve --data "$data" --config "$work/bad.yaml"
  says "bad.yaml:1"
  expect 2 "$STATEHOUSE" serve --data "$data" --listen nonsense
  expect 3 "$STATEHOUSE" serve --data "$work/nothing" --listen 127.0.0.1:0
  expect 2 "$STATEHOUSE" serve --data "$data" --listen 203.0.113.7:8417
  says "does not have the address"
  expect 3 "$STATEHOUSE" serve --data "$data" --tls-cert "$work/tls.pem" --tls-key "$work/no.key"
  expect 3 "$STATEHOUSE" serve --data "$data" --tls-cert "$work/no.pem" --tls-key "$work/tls.key"
  says "$work/no.pem"
}
claim refuses_a_configuration_it_does_not_understand
finish
