#!/bin/sh
# go-git, through which Flux reads Git and Argo CD resolves refs, against a running server.
. "$(dirname "$0")/../../e2e/lib.sh"
begin go-git
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# Without a network the modules of an earlier run will do. Only when there are none either is there
# nothing to test: whatever else keeps the client from being built is a failure.
build_client() {
  (cd "$here" && go build -buildvcs=false -o "$work/gogit" .) >"$work/build.log" 2>&1 && return
  cat "$work/build.log"
  grep -Eq ': Get "http|: reading http.*: 5[0-9][0-9] |GOPROXY=off' "$work/build.log" &&
    skip "the modules of go-git are neither here nor within reach"
  exit 1
}

command -v go >/dev/null || skip "no go"
build_client
versions="go-git $(sed -n 's,.*/go-git/v5 ,,p' "$here/go.mod"), $(go version | cut -d' ' -f3)"
# From here on nobody's git settings but those of the people below.
export HOME="$work"

# --- the stage ---------------------------------------------------------------------------------

# PERSON: a fresh OpenPGP key pair, armored, in $work/PERSON/key.asc and secret.asc.
make_openpgp_key() {
  mkdir -m 700 "$work/$1/.gnupg" &&
    as "$1" gpg -q --batch --passphrase '' --quick-gen-key "$1 <$1@example.org>" ed25519 sign &&
    as "$1" gpg -q --armor --export >"$work/$1/key.asc" &&
    as "$1" gpg -q --armor --export-secret-keys >"$work/$1/secret.asc"
}

# Dora signs with OpenPGP, the one format that go-git itself can sign with.
more_policies() {
  cat <<END
---
apiVersion: statehouse/v1
kind: Identity
metadata: {name: dora}
spec:
  type: person
  emails: [dora@example.org]
  keys:
    - openpgp: |
$(sed 's/^/        /' "$work/dora/key.asc")
$(secret_branch_yaml)
END
}

# REPLICAS: alice's next version, on audit and deploy.
release() {
  echo "replicas: $1" >"$work/alice/platform/apps/base/app.yaml"
  push_change "Replicas $1"
  promote deploy "Replicas $1"
  must as alice git -C "$work/alice/platform" fetch -q origin
  audit_tip=$(tip "$work/alice/platform" origin/audit)
  deploy_tip=$(tip "$work/alice/platform" origin/deploy)
}

must add_person dora
must add_person mallory
must make_openpgp_key dora
must make_openpgp_key mallory
more_policies >"$work/more.yaml"
make_platform <"$work/more.yaml"
sed -i 's/members: \[alice, bob\]/members: [alice, bob, dora]/' "$work/alice/system/platform.yaml"
activate "Dora develops"
sign_in dora write
repository=$url/git/platform.git
push_first_tree
release 1
first_deploy=$deploy_tip
release 2

must as bob git clone -q "$repository" "$work/bob/platform"
must as bob git -C "$work/bob/platform" commit -q --allow-empty -m "A secret"
must as bob git -C "$work/bob/platform" push -q origin HEAD:refs/heads/secret
secret=$(tip "$work/bob/platform" HEAD)
must as reconciler git clone -q -b deploy "$repository" "$work/stock"

# What whoever sets up Flux or Argo CD does with the seal's key.
must as reconciler statehouse trust export --format flux --trust "$work/trust.json"
sed '1,/statehouse.asc: |/d; s/^    //' "$work/must.log" >"$work/seal.asc"
must as reconciler statehouse trust export --format argocd --trust "$work/trust.json"
seal_key_id=$(sed -n '1s/.*keyID: \([0-9A-F]*\).*/\1/p' "$work/must.log")

# --- words of the claims -----------------------------------------------------------------------

# NAME OPERATION…: the client, with that person's token and git settings.
gogit() {
  name=$1
  shift
  as "$name" env GOGIT_USER="$name" GOGIT_TOKEN="$(cat "$work/$name/token")" "$work/gogit" "$@"
}

# FOLDER: everything in a work tree that Git knows of it.
contents() (
  cd "$1" || exit 1
  find . -name .git -prune -o ! -type d -printf '%P %M %l\n' | sort
  find . -name .git -prune -o -type f -print | sort | xargs sha256sum
)

# CLONE COMMIT: stock git finds the clone whole, and at that commit.
stands_at() {
  same "$(tip "$1" HEAD)" "$2"
  expect 0 git -C "$1" fsck --full --strict
}

# CLONE: the ids of the objects in its packs.
packed() {
  for index in "$1"/.git/objects/pack/*.idx; do
    git show-index <"$index"
  done | cut -d' ' -f2 | sort
}

# --- reading -----------------------------------------------------------------------------------

lists_refs_and_what_HEAD_stands_for() {
  expect 0 gogit dora list "$repository"
  same "$(cat "$work/out")" "HEAD -> refs/heads/audit
refs/heads/audit $audit_tip
refs/heads/deploy $deploy_tip"
}

lists_with_the_token_as_bearer() {
  expect 0 as nobody env GOGIT_TOKEN="$(cat "$work/alice/token")" "$work/gogit" list "$repository"
  says "refs/heads/deploy $deploy_tip"
}

lists_nothing_that_is_hidden() {
  expect 0 gogit bob list "$repository"
  says "refs/heads/secret $secret"
  expect 0 gogit reconciler list "$repository"
  same "$(cat "$work/out")" "HEAD -> refs/heads/deploy
refs/heads/deploy $deploy_tip"
}

clones_in_full() {
  into=$work/dora/full-$1
  expect 0 gogit dora clone -negotiate "$1" "$repository" "$into"
  stands_at "$into" "$audit_tip"
  same "$(git -C "$into" rev-parse origin/deploy)" "$deploy_tip"
  same "$(git -C "$into" rev-list --count --all)" \
    "$(git -C "$work/alice/platform" rev-list --count origin/audit origin/deploy)"
}

resolves_HEAD_of_a_clone() {
  expect 0 gogit dora head "$work/dora/full-ack"
  same "$(cat "$work/out")" "refs/heads/audit $audit_tip"
  expect 0 gogit reconciler head "$work/reconciler/tip-ack"
  same "$(cat "$work/out")" "refs/heads/deploy $deploy_tip"
}

clones_the_tip_of_a_branch() {
  into=$work/reconciler/tip-$1
  expect 0 gogit reconciler clone -negotiate "$1" -branch deploy -depth 1 "$repository" "$into"
  same "$(git -C "$into" rev-list --count --all)" 1
  stands_at "$into" "$deploy_tip"
}

# NEGOTIATION [OPTION…]
clones_and_checks_an_earlier_commit_out() {
  into=$work/reconciler/commit-$1${2:-}
  expect 0 gogit reconciler clone -checkout "$first_deploy" -negotiate "$@" "$repository" "$into"
  stands_at "$into" "$first_deploy"
  same "$(cat "$into/apps/base/app.yaml")" "replicas: 1"
}

checks_out_what_stock_git_does() {
  for clone in dora/full reconciler/tip reconciler/commit; do
    into=$work/$clone-$1
    git -C "$work/stock" checkout -q --detach "$(tip "$into" HEAD)"
    same "$(contents "$into")" "$(contents "$work/stock")"
    [ -x "$into/run.sh" ] && [ -L "$into/apps/link.yaml" ]
    expect 0 git -C "$into" status --porcelain
    same "$(cat "$work/out")" ""
  done
}

says_that_nothing_is_new() {
  expect 0 gogit dora fetch -negotiate "$1" "$work/dora/full-$1"
  same "$(cat "$work/out")" "already up-to-date"
  expect 0 gogit reconciler fetch -negotiate "$1" -depth 1 "$work/reconciler/tip-$1"
  same "$(cat "$work/out")" "already up-to-date"
}

fetches_what_is_new_and_no_more() {
  into=$work/dora/full-$1
  packed "$into" >"$work/before"
  expect 0 gogit dora fetch -negotiate "$1" "$into"
  silent_on "already up-to-date"
  same "$(git -C "$into" rev-parse origin/audit)" "$audit_tip"
  same "$(git -C "$into" rev-parse origin/deploy)" "$deploy_tip"
  expect 0 git -C "$into" fsck --full --strict
  # An object that was sent again would be in two packs.
  same "$(packed "$into" | uniq -d)" ""
  [ "$(packed "$into" | wc -l)" -gt "$(wc -l <"$work/before")" ]
}

fetches_the_new_tip_alone() {
  into=$work/reconciler/tip-$1
  expect 0 gogit reconciler fetch -negotiate "$1" -depth 1 "$into"
  silent_on "already up-to-date"
  same "$(git -C "$into" rev-parse origin/deploy)" "$deploy_tip"
  same "$(git -C "$into" rev-list --count origin/deploy)" 1
  expect 0 git -C "$into" fsck --full --strict
}

# Flux looks every minute, and clones anew when something moved.
clones_the_tip_that_moved() {
  into=$work/reconciler/moved
  expect 0 gogit reconciler clone -branch deploy -depth 1 "$repository" "$into"
  stands_at "$into" "$deploy_tip"
  same "$(cat "$into/apps/base/app.yaml")" "replicas: 3"
}

# --- the seal ----------------------------------------------------------------------------------

verifies_the_seal_with_the_key_exported_for_Flux() {
  expect 0 gogit reconciler verify "$work/reconciler/tip-ack" HEAD "$work/seal.asc"
  same "$(sed 's/^signed by .\{24\}//' "$work/out")" "$seal_key_id"
}

does_not_verify_the_seal_with_another_key() {
  expect 1 gogit reconciler verify "$work/reconciler/tip-ack" HEAD "$work/dora/key.asc"
  says "not verified: openpgp: signature made by unknown entity"
}

does_not_verify_a_seal_over_something_else() {
  into=$work/reconciler/tip-ack
  git -C "$into" cat-file commit HEAD | sed 's/Replicas 2/Replicas 9/' >"$work/altered"
  altered=$(git -C "$into" hash-object -t commit -w "$work/altered")
  [ "$altered" != "$(tip "$into" HEAD)" ]
  expect 1 gogit reconciler verify "$into" "$altered" "$work/seal.asc"
  says "not verified: openpgp: invalid signature"
}

# --- what is refused to readers ----------------------------------------------------------------

refuses_a_wrong_token_and_none() {
  wrong=sth_$(printf '%043d' 0)
  expect 1 as alice env GOGIT_USER=alice GOGIT_TOKEN="$wrong" "$work/gogit" list "$repository"
  says "error: authentication required"
  expect 1 as nobody env GOGIT_TOKEN="$wrong" "$work/gogit" list "$repository"
  says "error: authentication required"
  expect 1 as nobody "$work/gogit" clone "$repository" "$work/nobody/clone"
  says "error: authentication required"
}

hides_repositories_that_the_caller_may_not_read() {
  expect 0 gogit alice list "$url/git/system.git"
  expect 1 gogit reconciler list "$url/git/system.git"
  says "error: repository not found"
}

does_not_serve_a_hidden_ref() {
  for name in reconciler bob; do
    git init -q "$work/$name/hidden"
    git -C "$work/$name/hidden" remote add origin "$repository"
  done
  expect 0 gogit bob fetch "$work/bob/hidden" refs/heads/secret:refs/heads/got
  same "$(tip "$work/bob/hidden" got)" "$secret"
  expect 1 gogit reconciler fetch "$work/reconciler/hidden" refs/heads/secret:refs/heads/got
  says "couldn't find remote ref"
}

does_not_serve_a_hidden_commit_by_its_id() {
  into=$work/reconciler/byid
  git init -q "$into"
  git -C "$into" remote add origin "$repository"
  expect 0 gogit reconciler fetch "$into" "$first_deploy:refs/heads/past"
  same "$(tip "$into" past)" "$first_deploy"
  expect 1 gogit reconciler fetch "$into" "$secret:refs/heads/got"
  says "not our ref $secret"
  expect 1 git -C "$into" cat-file -e "$secret"
}

# --- pushing -----------------------------------------------------------------------------------

# FOLDER [OPTION…]: a commit of dora's by go-git on top of audit, in that new clone.
dora_commits() {
  into=$work/dora/$1
  shift
  expect 0 gogit dora clone "$repository" "$into"
  echo "$into" >"$into/run.sh"
  expect 0 gogit dora commit "$@" "$into" "By go-git"
  commit=$(cat "$work/out")
  same "$(tip "$into" HEAD)" "$commit"
}

audit_is_at() {
  expect 0 as alice git ls-remote "$repository" refs/heads/audit
  same "$(cut -f1 "$work/out")" "$1"
}

refuses_an_unsigned_commit_and_says_why() {
  dora_commits unsigned
  expect 1 gogit dora push "$into" refs/heads/audit:refs/heads/audit
  says "denied: deploy-audit/signatures"
  says "fix: "
  says "error: command error on refs/heads/audit: denied by policy: deploy-audit/signatures"
  audit_is_at "$audit_tip"
}

refuses_an_unsigned_commit_of_who_does_not_listen() {
  expect 1 gogit dora push -quiet "$work/dora/unsigned" refs/heads/audit:refs/heads/audit
  says "error: command error on refs/heads/audit: denied by policy: deploy-audit/signatures"
  audit_is_at "$audit_tip"
}

refuses_a_commit_signed_with_an_unknown_key() {
  dora_commits stranger -sign "$work/mallory/secret.asc"
  expect 1 gogit dora push "$into" refs/heads/audit:refs/heads/audit
  says "denied: deploy-audit/signatures"
  audit_is_at "$audit_tip"
}

refuses_a_push_with_a_token_that_only_reads() {
  expect 1 gogit reconciler push "$work/reconciler/tip-ack" refs/heads/deploy:refs/heads/audit
  says "error: authorization failed"
}

takes_a_commit_that_go_git_signed() {
  dora_commits signed -sign "$work/dora/secret.asc"
  expect 0 gogit dora push "$into" refs/heads/audit:refs/heads/audit
  says "accepted: platform:refs/heads/audit version "
  audit_is_at "$commit"
}

mkdir -p "$work/nobody"
claim lists_refs_and_what_HEAD_stands_for
claim lists_with_the_token_as_bearer
claim lists_nothing_that_is_hidden
for negotiation in ack multi-ack; do
  claim clones_in_full "$negotiation"
  claim clones_the_tip_of_a_branch "$negotiation"
  claim clones_and_checks_an_earlier_commit_out "$negotiation"
  claim clones_and_checks_an_earlier_commit_out "$negotiation" -branch=deploy
  claim checks_out_what_stock_git_does "$negotiation"
  claim says_that_nothing_is_new "$negotiation"
done
claim resolves_HEAD_of_a_clone
claim verifies_the_seal_with_the_key_exported_for_Flux
claim does_not_verify_the_seal_with_another_key
claim does_not_verify_a_seal_over_something_else
claim refuses_a_wrong_token_and_none
claim hides_repositories_that_the_caller_may_not_read
claim does_not_serve_a_hidden_ref
claim does_not_serve_a_hidden_commit_by_its_id

release 3
for negotiation in ack multi-ack; do
  claim fetches_what_is_new_and_no_more "$negotiation"
  claim fetches_the_new_tip_alone "$negotiation"
done
claim clones_the_tip_that_moved

claim refuses_an_unsigned_commit_and_says_why
claim refuses_an_unsigned_commit_of_who_does_not_listen
claim refuses_a_commit_signed_with_an_unknown_key
claim refuses_a_push_with_a_token_that_only_reads
claim takes_a_commit_that_go_git_signed

the_store_is_whole_afterwards() {
  same "$server_status" 0
  expect 0 "$STATEHOUSE" fsck --data "$data"
}
stop
claim the_store_is_whole_afterwards
finish "$versions"
