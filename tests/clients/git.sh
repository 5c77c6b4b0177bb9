#!/bin/sh
# Stock git against a running server: everything for wire protocol v0, v1 and v2.
. "$(dirname "$0")/../e2e/lib.sh"
begin git

topic_policies() {
  cat <<END
---
$(identity_yaml carol)
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: topics}
spec:
  match: {repositories: ["platform"], refs: ["refs/heads/topic/*", "refs/tags/*"]}
  read: [group:developers, carol]
  update: {by: [group:developers], forcePush: allow, delete: allow}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: carol-reads}
spec:
  match: {repositories: ["platform"], refs: ["refs/heads/audit", "refs/heads/deploy"]}
  read: [carol]
$(secret_branch_yaml)
---
apiVersion: statehouse/v1
kind: Repository
metadata: {name: team/empty}
spec: {defaultBranch: refs/heads/audit}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: empty}
spec:
  match: {repositories: ["team/empty"], refs: ["refs/heads/audit"]}
  read: [alice]
  update: {by: [alice]}
---
apiVersion: statehouse/v1
kind: Repository
metadata: {name: public}
spec: {defaultBranch: refs/heads/main}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: public}
spec:
  match: {repositories: ["public"], refs: ["refs/heads/main"]}
  read: [anyone]
  update: {by: [alice]}
END
}

must add_person alice
must add_person bob
must add_person carol
topic_policies >"$work/more.yaml"
make_platform <"$work/more.yaml"
sign_in carol read
clone=$work/alice/platform
repository=$url/git/platform.git

# Ten commits on audit, promoted in the middle and in the end; a secret branch of bob's.
push_first_tree
for number in 1 2 3 4; do
  echo "replicas: $number" >"$clone/apps/base/app.yaml"
  must as alice git -C "$clone" commit -q -a -m "Replicas $number"
done
must as alice git -C "$clone" push -q origin HEAD:refs/heads/audit
promote deploy First
for number in 5 6 7 8; do
  echo "replicas: $number" >"$clone/apps/base/app.yaml"
  must as alice git -C "$clone" commit -q -a -m "Replicas $number"
done
must as alice git -C "$clone" push -q origin HEAD:refs/heads/audit
promote deploy Second
must as alice git -C "$clone" push -q "$url/git/public.git" HEAD:refs/heads/main
must as bob git clone -q "$repository" "$work/bob/platform"
(cd "$work/bob/platform" && echo "password: hunter2" >secret.yaml && git add secret.yaml)
must as bob git -C "$work/bob/platform" commit -q -m "A secret"
must as bob git -C "$work/bob/platform" push -q origin HEAD:refs/heads/secret
secret=$(tip "$work/bob/platform" HEAD)
secret_blob=$(git -C "$work/bob/platform" rev-parse HEAD:secret.yaml)
audit_tip=$(tip "$clone" HEAD)
must as alice git -C "$clone" fetch -q origin
old_deploy=$(git -C "$clone" rev-parse origin/deploy^1)

# --- one claim per way to read, for every wire protocol ----------------------------------------

lists_refs() {
  expect 0 as carol git -c protocol.version="$1" ls-remote --symref "$repository"
  says "ref: refs/heads/audit	HEAD"
  says "$audit_tip	HEAD"
  says "$audit_tip	refs/heads/audit"
  says "	refs/heads/deploy"
  silent_on secret
  silent_on "$secret"
}

clones_in_full() {
  into=$work/carol/full$1
  expect 0 as carol git -c protocol.version="$1" clone -q "$repository" "$into"
  same "$(git -C "$into" rev-list --count HEAD)" 9
  same "$(git -C "$into" rev-parse 'HEAD^{tree}')" "$(git -C "$clone" rev-parse 'HEAD^{tree}')"
  expect 0 git -C "$into" fsck --full --strict
  [ -x "$into/run.sh" ] && [ -L "$into/apps/link.yaml" ]
  same "$(git -C "$into" symbolic-ref --short HEAD)" audit
}

clones_shallow_and_deepens() {
  into=$work/carol/shallow$1
  expect 0 as carol git -c protocol.version="$1" clone -q --depth 1 -b deploy "$repository" "$into"
  same "$(git -C "$into" rev-list --count HEAD)" 1
  expect 0 as carol git -c protocol.version="$1" -C "$into" fetch -q --deepen 2
  [ "$(git -C "$into" rev-list --count HEAD)" -gt 1 ]
  [ -f "$into/.git/shallow" ]
  expect 0 as carol git -c protocol.version="$1" -C "$into" fetch -q --unshallow
  expect 0 as carol git -c protocol.version="$1" -C "$into" fetch -q --tags origin
  [ ! -f "$into/.git/shallow" ]
  expect 0 git -C "$into" fsck --full --strict
}

fetches_by_id() {
  into=$work/carol/byid$1
  git init -q "$into"
  for wanted in "$audit_tip" "$old_deploy" "$(tip "$clone" HEAD~3)"; do
    expect 0 as carol git -c protocol.version="$1" -C "$into" fetch -q "$repository" "$wanted"
    same "$(git -C "$into" rev-parse FETCH_HEAD)" "$wanted"
  done
}

does_not_serve_hidden_commits_by_id() {
  into=$work/carol/hidden$1
  git init -q "$into"
  expect 128 as carol git -c protocol.version="$1" -C "$into" fetch -q "$repository" "$secret"
  says "not our ref $secret"
  silent_on "RPC failed"
  expect 1 git -C "$into" cat-file -e "$secret"
  expect 128 as carol git -c protocol.version="$1" -C "$into" fetch -q "$repository" "$secret_blob"
}

serves_the_same_id_to_who_may_read_it() {
  into=$work/bob/hidden$1
  git init -q "$into"
  expect 0 as bob git -c protocol.version="$1" -C "$into" fetch -q "$repository" "$secret"
}

clones_partially_and_fetches_blobs_when_needed() {
  into=$work/bob/partial$1
  expect 0 as bob git -c protocol.version="$1" clone -q --filter=blob:none --no-checkout \
    "$repository" "$into"
  git -C "$into" rev-list --objects --missing=print --all | grep -q '^?'
  expect 0 as bob git -c protocol.version="$1" -C "$into" checkout -q audit
  same "$(cat "$into/apps/base/app.yaml")" "replicas: 8"
}

refuses_filters_where_refs_are_hidden() {
  into=$work/carol/partial$1
  expect 0 as carol git -c protocol.version="$1" clone -q --filter=blob:none "$repository" "$into"
  says "filtering not recognized by server"
  if git -C "$into" rev-list --objects --missing=print --all | grep -q '^?'; then return 1; fi
}

fetches_what_is_new() {
  into=$work/alice/incremental$1
  expect 0 as alice git -c protocol.version="$1" clone -q -b audit "$repository" "$into"
  git -C "$into" reset -q --hard HEAD~4
  git -C "$into" update-ref -d refs/remotes/origin/audit
  git -C "$into" update-ref -d refs/remotes/origin/deploy
  git -C "$into" reflog expire --expire=now --all
  git -C "$into" gc -q --prune=now
  expect 0 as alice git -c protocol.version="$1" -C "$into" pull -q --ff-only origin audit
  same "$(tip "$into" HEAD)" "$audit_tip"
}

clones_an_empty_repository() {
  into=$work/alice/empty$1
  expect 0 as alice git -c protocol.version="$1" clone "$url/git/team/empty.git" "$into"
  says "empty repository"
  # Only v2 can name the branch that HEAD will be.
  if [ "$1" = 2 ]; then same "$(git -C "$into" symbolic-ref HEAD)" refs/heads/audit; fi
}

reads_anonymously_what_anyone_may_read() {
  into=$work/nobody$1
  mkdir -p "$work/nobody"
  expect 0 as nobody git -c protocol.version="$1" clone -q "$url/git/public.git" "$into"
  same "$(tip "$into" HEAD)" "$audit_tip"
}

pushes_and_deletes_a_topic() {
  expect 0 as alice git -c protocol.version="$1" -C "$clone" push origin "HEAD:refs/heads/topic/v$1"
  says "accepted: platform:refs/heads/topic/v$1 version 1, entry "
  expect 0 as carol git ls-remote "$repository" "refs/heads/topic/v$1"
  says "$audit_tip"
  expect 0 as alice git -c protocol.version="$1" -C "$clone" push origin ":refs/heads/topic/v$1"
  expect 0 as carol git ls-remote "$repository" "refs/heads/topic/v$1"
  same "$(cat "$work/out")" ""
}

for protocol in 0 1 2; do
  claim lists_refs "$protocol"
  claim clones_in_full "$protocol"
  claim clones_shallow_and_deepens "$protocol"
  claim fetches_by_id "$protocol"
  claim does_not_serve_hidden_commits_by_id "$protocol"
  claim serves_the_same_id_to_who_may_read_it "$protocol"
  claim clones_partially_and_fetches_blobs_when_needed "$protocol"
  claim refuses_filters_where_refs_are_hidden "$protocol"
  claim fetches_what_is_new "$protocol"
  claim clones_an_empty_repository "$protocol"
  claim reads_anonymously_what_anyone_may_read "$protocol"
  claim pushes_and_deletes_a_topic "$protocol"
done

# --- pushing -----------------------------------------------------------------------------------

refuses_an_unsigned_commit_and_says_why() {
  as alice git -C "$clone" commit -q --no-gpg-sign --allow-empty -m Unsigned
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/audit
  says "denied: deploy-audit/signatures"
  says "fix: "
  says "entry: "
  says "! [remote rejected] HEAD -> audit (denied by policy: deploy-audit/signatures)"
  git -C "$clone" reset -q --hard HEAD~1
}

refuses_a_ref_that_no_policy_governs() {
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/elsewhere
  says "remote: denied: "
  expect 0 as alice git ls-remote "$repository" refs/heads/elsewhere
  same "$(cat "$work/out")" ""
}

pushes_more_than_a_mebibyte_in_chunks() {
  as alice git -C "$clone" checkout -q -b big
  head -c 3000000 /dev/urandom >"$clone/big.bin"
  as alice git -C "$clone" add big.bin
  as alice git -C "$clone" commit -q -m "Three megabytes"
  (
    export GIT_TRACE_CURL="$work/trace" GIT_TRACE_CURL_NO_DATA=1
    expect 0 as alice git -C "$clone" -c http.postBuffer=65536 push -q origin \
      HEAD:refs/heads/topic/big
  )
  grep -qi 'transfer-encoding: chunked' "$work/trace"
  expect 0 as carol git clone -q -b topic/big "$repository" "$work/carol/big"
  cmp "$clone/big.bin" "$work/carol/big/big.bin"
  as alice git -C "$clone" checkout -q audit
}

compresses_its_requests() {
  printf '0014command=ls-refs\n00010009peel\n0000' >"$work/body"
  gzip -kf "$work/body"
  expect 0 ask carol /git/platform.git/git-upload-pack -f -H 'Git-Protocol: version=2' \
    -H 'Content-Type: application/x-git-upload-pack-request' -H 'Content-Encoding: gzip' \
    --data-binary "@$work/body.gz"
  says "$audit_tip refs/heads/audit"
}

pushes_from_a_shallow_clone() {
  into=$work/alice/shallow-push
  as alice git clone -q --depth 1 -b audit "$repository" "$into"
  as alice git -C "$into" commit -q --allow-empty -m "From a shallow clone"
  expect 0 as alice git -C "$into" push origin HEAD:refs/heads/topic/shallow
  expect 0 as carol git clone -q -b topic/shallow "$repository" "$work/carol/from-shallow"
  same "$(git -C "$work/carol/from-shallow" rev-list --count HEAD)" 10
}

refuses_a_push_whose_history_is_not_here() {
  into=$work/alice/stranger
  git init -q "$into"
  as alice git -C "$into" commit -q --allow-empty -m One
  as alice git -C "$into" commit -q --allow-empty -m Two
  as alice git clone -q --depth 1 "file://$into" "$into-shallow"
  as alice git -C "$into-shallow" commit -q --allow-empty -m Three
  expect 1 as alice git -C "$into-shallow" push "$repository" HEAD:refs/heads/topic/stranger
  expect 0 as alice git ls-remote "$repository" refs/heads/topic/stranger
  same "$(cat "$work/out")" ""
}

moves_both_refs_of_an_atomic_push_or_none() {
  expect 0 as alice git -C "$clone" push --atomic origin HEAD:refs/heads/topic/one \
    HEAD:refs/heads/topic/two
  expect 1 as alice git -C "$clone" push --atomic origin HEAD~1:refs/heads/topic/three \
    HEAD~1:refs/heads/secret
  expect 0 as alice git ls-remote "$repository" refs/heads/topic/three
  same "$(cat "$work/out")" ""
}

decides_without_moving_on_dry_run() {
  expect 1 as alice git -C "$clone" push -o dry-run origin HEAD:refs/heads/topic/dry
  says "dry run: platform:refs/heads/topic/dry would be accepted"
  expect 0 as alice git ls-remote "$repository" refs/heads/topic/dry
  same "$(cat "$work/out")" ""
}

moves_nothing_when_dry_run_is_mistyped() {
  for option in dryrun dry_run Dry-Run dry-run=true; do
    expect 1 as alice git -C "$clone" push -o "$option" origin HEAD:refs/heads/topic/mistyped
    says "there is no push option \`$option\`"
  done
  expect 0 as alice git ls-remote "$repository" refs/heads/topic/mistyped
  same "$(cat "$work/out")" ""
}

ignores_push_options_that_it_does_not_know() {
  expect 0 as alice git -C "$clone" push -o ci.skip origin HEAD:refs/heads/topic/option
  expect 0 as alice git ls-remote "$repository" refs/heads/topic/option
  says "$audit_tip"
}

force_pushes_with_a_lease_where_policy_lets_it() {
  as alice git -C "$clone" push -q origin HEAD:refs/heads/topic/lease
  expect 1 as alice git -C "$clone" push origin HEAD~2:refs/heads/topic/lease
  says "non-fast-forward"
  expect 1 as alice git -C "$clone" push --force-with-lease="topic/lease:$old_deploy" origin \
    HEAD~2:refs/heads/topic/lease
  says "stale info"
  expect 0 as alice git -C "$clone" push --force-with-lease="topic/lease:$audit_tip" origin \
    HEAD~2:refs/heads/topic/lease
}

refuses_to_rewrite_or_delete_the_audit_branch() {
  expect 1 as alice git -C "$clone" push --force origin HEAD~2:refs/heads/audit
  says "denied: deploy-audit/"
  expect 1 as alice git -C "$clone" push origin :refs/heads/audit
  says "denied: deploy-audit/"
  expect 0 as alice git ls-remote "$repository" refs/heads/audit
  says "$audit_tip"
}

refuses_a_push_to_the_deploy_branch() {
  as alice git -C "$clone" checkout -q -B on-deploy origin/deploy
  as alice git -C "$clone" commit -q --allow-empty -m "Past the flow"
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/deploy
  as alice git -C "$clone" checkout -q audit
  says "denied: deploy-deploy/"
}

refuses_a_push_with_a_token_that_only_reads() {
  expect 128 as carol git -C "$work/carol/full2" push origin HEAD:refs/heads/topic/carol
  says "403"
  says "remote: using token tok_"
  says "its scope is read"
}

takes_lightweight_tags_and_refuses_annotated_ones() {
  expect 0 as alice git -C "$clone" push origin HEAD:refs/tags/v1
  expect 0 as carol git -C "$work/carol/full2" fetch -q --tags
  same "$(tip "$work/carol/full2" v1)" "$audit_tip"
  as alice git -C "$clone" tag -a --no-sign -m Annotated v2
  expect 1 as alice git -C "$clone" push origin v2
  says "annotated"
}

tells_a_client_that_is_behind_to_fetch_first() {
  as bob git -C "$work/bob/platform" fetch -q
  as bob git -C "$work/bob/platform" checkout -q -B topic origin/audit
  as bob git -C "$work/bob/platform" commit -q --allow-empty -m Bob
  as bob git -C "$work/bob/platform" push -q origin HEAD:refs/heads/topic/behind
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/topic/behind
  says "fetch first"
}

# --- who asks ----------------------------------------------------------------------------------

says_why_a_repository_is_not_read() {
  # One that is hidden and one that is not there, in the same words.
  for name in team/empty no/such; do
    expect 128 as carol git ls-remote "$url/git/$name.git"
    says "remote: looking at $name: no such repository; check the name, and that the token may read it"
  done
  expect 128 as carol git -c credential.helper= ls-remote \
    "http://carol:sth_wrong@${url#http://}/git/platform.git"
  says "remote: authenticating: the access token is not valid"
}

challenges_before_it_answers() {
  expect 0 ask nobody '/git/platform.git/info/refs?service=git-upload-pack' -i
  says "HTTP/1.1 401"
  says 'WWW-Authenticate: Basic realm="statehouse"'
  says 'WWW-Authenticate: Bearer'
  expect 0 ask nobody '/git/no/such.git/info/refs?service=git-upload-pack' -i
  says "HTTP/1.1 401"
  says '"code":"unauthenticated"' # git alone is answered in text
}

hides_repositories_that_the_caller_may_not_read() {
  expect 128 as carol git ls-remote "$url/git/team/empty.git"
  says "not found"
  expect 128 as carol git ls-remote "$url/git/no/such.git"
  says "not found"
}

refuses_a_wrong_password() {
  printf 'http://alice:sth_%s@%s\n' "$(printf '%043d' 0)" "$address" >"$work/wrong"
  expect 128 as alice git -c credential.helper= -c "credential.helper=store --file=$work/wrong" \
    ls-remote "$repository"
  says "Authentication failed"
}

refuses_a_token_under_another_name() {
  sed 's/alice:/bob:/' "$work/alice/credentials" >"$work/wrong"
  expect 128 as alice git -c credential.helper= -c "credential.helper=store --file=$work/wrong" \
    ls-remote "$repository"
  says "Authentication failed"
}

takes_the_token_as_bearer_and_under_the_names_that_tools_use() {
  (
    export GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=http.extraHeader
    export GIT_CONFIG_VALUE_0="Authorization: Bearer $(cat "$work/alice/token")"
    expect 0 as nobody git ls-remote "$repository" HEAD
    says "$audit_tip"
  )
  for user in git x-access-token alice; do
    printf 'http://%s:%s@%s\n' "$user" "$(cat "$work/alice/token")" "$address" >"$work/named"
    expect 0 as alice git -c credential.helper= -c "credential.helper=store --file=$work/named" \
      ls-remote "$repository" HEAD
    says "$audit_tip"
  done
}

mkdir -p "$work/nobody"
for one in \
  refuses_an_unsigned_commit_and_says_why \
  refuses_a_ref_that_no_policy_governs \
  pushes_more_than_a_mebibyte_in_chunks \
  pushes_from_a_shallow_clone \
  refuses_a_push_whose_history_is_not_here \
  compresses_its_requests \
  moves_both_refs_of_an_atomic_push_or_none \
  decides_without_moving_on_dry_run \
  moves_nothing_when_dry_run_is_mistyped \
  ignores_push_options_that_it_does_not_know \
  force_pushes_with_a_lease_where_policy_lets_it \
  refuses_to_rewrite_or_delete_the_audit_branch \
  refuses_a_push_to_the_deploy_branch \
  refuses_a_push_with_a_token_that_only_reads \
  takes_lightweight_tags_and_refuses_annotated_ones \
  tells_a_client_that_is_behind_to_fetch_first \
  says_why_a_repository_is_not_read challenges_before_it_answers \
  hides_repositories_that_the_caller_may_not_read \
  refuses_a_wrong_password \
  refuses_a_token_under_another_name \
  takes_the_token_as_bearer_and_under_the_names_that_tools_use; do
  claim "$one"
done

the_store_is_whole_afterwards() {
  same "$server_status" 0
  expect 0 "$STATEHOUSE" fsck --data "$data"
}
stop
claim the_store_is_whole_afterwards
finish "git $(git --version | cut -d' ' -f3), protocols v0, v1 and v2"
