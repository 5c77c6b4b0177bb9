#!/bin/sh
# Existing history becomes a baseline, is built upon, promoted and read: once for a repository made
# here, and once for every bundle in $STATEHOUSE_DATA. Prints how long each step took.
. "$(dirname "$0")/lib.sh"
begin baselines

now_ms() { echo $(($(date +%s%N) / 1000000)); }

# WHAT STATUS command…: like expect, and says how long it took.
timed() {
  what=$1
  shift
  started=$(now_ms)
  expect "$@"
  printf '%s %s ms\n' "$what" $(($(now_ms) - started)) >>"$work/times"
}

# A history with a merge, a link, an executable and names that need care; nothing in it is signed.
make_history() {
  history=$work/history
  git init -q -b main "$history"
  (
    set -e
    cd "$history"
    mkdir -p "apps/shop/über uns" clusters/prod
    echo "nested" >"apps/shop/über uns/a b.yaml"
    echo "#!/bin/sh" >run.sh
    chmod +x run.sh
    ln -s ../apps/shop clusters/shop
    printf 'carriage\r\nreturn\r\n' >crlf.txt
    printf '* text=auto\n*.log\n' >.gitattributes
    printf '*.tmp\n' >.gitignore
    : >empty
    for number in 1 2 3 4 5 6 7 8 9; do
      echo "replicas: $number" >"clusters/prod/app.yaml"
      as nobody git add -A
      as nobody git commit -q -m "Change $number"
    done
    as nobody git checkout -q -b side HEAD~3
    echo side >side.yaml
    as nobody git add -A
    as nobody git commit -q -m Side
    as nobody git checkout -q main
    as nobody git merge -q --no-ff -m Merge side
  )
  git -C "$history" bundle create -q "$work/generated.bundle" main
}

mkdir -p "$work/nobody"
cat >"$work/nobody/.gitconfig" <<END
[user]
	name = Nobody
	email = nobody@example.net
END
must make_history
make_platform </dev/null

# Names in the store and files: one a line.
echo "generated $work/generated.bundle" >"$work/bundles"
if [ -d "${STATEHOUSE_DATA:-}" ]; then
  for bundle in "$STATEHOUSE_DATA"/*.bundle; do
    echo "imported/$(basename "$bundle" .bundle) $bundle" >>"$work/bundles"
  done
else
  say "note: no STATEHOUSE_DATA with real repositories; only the generated one is brought in"
fi

declares_the_baseline() {
  branch=$(git ls-remote "$2" 'refs/heads/*' | head -1 | cut -f2)
  timed "import" 0 as alice statehouse repository import "$1" --from "$2" --ref "$branch" \
    --to refs/heads/audit -o json
  holds 'len(d["systemCommit"]) == 40 and len(d["next"]) >= 3'
  same "$(field 'd["baseline"]["ref"]')" refs/heads/audit
  field 'd["baseline"]["commit"]' >"$work/baseline"
  timed "declare" 0 as alice statehouse promotion create -R system --flow system --title "Import" \
    -o json
  number=$(field 'd["number"]')
  expect 0 as bob statehouse promotion approve "$number" --yes
  expect 0 as alice statehouse promotion merge "$number"
  same "$(as alice statehouse repository import "$1" --from "$2" --ref "$branch" \
    --to refs/heads/audit -o json >"$work/again" && json "$work/again" 'd["systemCommit"]')" null
}

takes_the_whole_history_by_a_plain_push() {
  as alice git clone -q --bare "$2" "$3.git"
  git -C "$3.git" rev-list --count "$(cat "$work/baseline")" >"$work/commits"
  timed "push" 0 as alice git -C "$3.git" push "$url/git/$1.git" \
    "$(cat "$work/baseline"):refs/heads/audit"
  says "accepted: $1:refs/heads/audit version 1"
  expect 0 as bob statehouse audit search -R "$1" --type ref.updated -o json
  same "$(field 'd["entries"][0]["event"]["data"]["kind"]')" import
  same "$(field 'd["entries"][0]["event"]["data"]["commits"]["new"]')" "$(cat "$work/commits")"
  same "$(field 'd["entries"][0]["event"]["data"]["commits"]["baseline"]')" "$(cat "$work/commits")"
}

refuses_an_unsigned_commit_on_top() {
  timed "clone" 0 as alice git clone -q "$url/git/$1.git" "$3"
  same "$(tip "$3" HEAD)" "$(cat "$work/baseline")"
  echo "unsigned: true" >"$3/statehouse-test.yaml"
  as alice git -C "$3" add -f statehouse-test.yaml
  as alice git -C "$3" commit -q --no-gpg-sign -m Unsigned
  expect 1 as alice git -C "$3" push origin HEAD:refs/heads/audit
  says "/signatures"
  as alice git -C "$3" reset -q --hard HEAD~1
}

takes_signed_commits_on_top() {
  for step in 1 2 3; do
    echo "step: $step" >"$3/statehouse-test.yaml"
    as alice git -C "$3" add -f statehouse-test.yaml
    as alice git -C "$3" commit -q -m "Step $step"
  done
  timed "signed push" 0 as alice git -C "$3" push origin HEAD:refs/heads/audit
  says "version 2"
}

promotes_it_to_deploy() {
  timed "create" 0 as alice statehouse promotion create --flow "$2" --title "Deploy" -o json
  number=$(field 'd["number"]')
  timed "approve" 0 as bob statehouse promotion approve "$number" --yes
  timed "merge" 0 as alice statehouse promotion merge "$number" -o json
  same "$(field 'd["state"]')" merged
  same "$(field 'd["tree"]["sha1"]')" "$(git -C "$3" rev-parse 'HEAD^{tree}')"
}

is_fetched_at_depth_one_and_in_full() {
  timed "depth 1" 0 as reconciler git -c protocol.version=0 clone -q --depth 1 -b deploy \
    "$url/git/$1.git" "$3.shallow"
  same "$(git -C "$3.shallow" rev-parse 'HEAD^{tree}')" "$(git -C "$3" rev-parse 'HEAD^{tree}')"
  timed "full" 0 as reconciler git clone -q -b deploy "$url/git/$1.git" "$3.full"
  same "$(git -C "$3.full" rev-list --count HEAD)" $(($(cat "$work/commits") + 4))
  expect 0 git -C "$3.full" fsck --connectivity-only
}

# FOLDER: the id its content has as a Git tree, whatever attributes and ignores it holds.
tree_of() {
  rm -rf "$work/judge.git"
  git init -q --bare "$work/judge.git"
  echo '* -text -filter -ident !working-tree-encoding !eol' >"$work/judge.git/info/attributes"
  git -c core.bare=false --git-dir="$work/judge.git" --work-tree="$1" add -A -f . &&
    git --git-dir="$work/judge.git" write-tree
}

gives_a_snapshot_with_exactly_that_tree() {
  timed "snapshot" 0 as reconciler statehouse snapshot get -R "$1" --ref deploy \
    --trust "$work/trust.json" --into "$3.snapshot" -o json
  same "$(field 'd["status"]')" current
  same "$(tree_of "$3.snapshot")" "$(git -C "$3" rev-parse 'HEAD^{tree}')"
  expect 0 "$STATEHOUSE" snapshot verify "$3.snapshot.statehouse" --trust "$work/trust.json" \
    -R "$1" --ref deploy
  expect 4 "$STATEHOUSE" snapshot verify "$3.snapshot.statehouse" --trust "$work/trust.json" \
    -R "$1" --ref audit
}

# The digest that the statement names, recomputed by stock git in a SHA-256 repository.
names_the_digest_that_git_itself_computes() {
  rm -rf "$work/sha256"
  git init -q --bare --object-format=sha256 "$work/sha256"
  echo '* -text -filter -ident !working-tree-encoding !eol' >"$work/sha256/info/attributes"
  git -c core.bare=false --git-dir="$work/sha256" --work-tree="$3.snapshot" add -A -f .
  expect 0 as reconciler statehouse history show -R "$1" --ref deploy --version 1 -o json
  same "$(field 'd["treeSha256"]')" "sha256:$(git --git-dir="$work/sha256" write-tree)"
}

is_synced() {
  timed "sync" 0 as reconciler statehouse sync -R "$1" --ref deploy --trust "$work/trust.json" \
    --into "$3.sync" --once
  same "$(tree_of "$3.sync/")" "$(git -C "$3" rev-parse 'HEAD^{tree}')"
}

while read -r name bundle <&3; do
  flow=$(basename "$name")
  clone=$work/clone-$flow
  : >"$work/times"
  claim declares_the_baseline "$name" "$bundle"
  must as alice git -C "$work/alice/system" pull -q --ff-only origin audit
  branches_yaml "$name" "$flow" >"$work/alice/system/$flow-branches.yaml"
  activate "Branches of $name"
  for one in \
    takes_the_whole_history_by_a_plain_push \
    refuses_an_unsigned_commit_on_top \
    takes_signed_commits_on_top \
    promotes_it_to_deploy \
    is_fetched_at_depth_one_and_in_full \
    gives_a_snapshot_with_exactly_that_tree \
    names_the_digest_that_git_itself_computes \
    is_synced; do
    case $one in
      takes_the_whole*) second=$bundle ;;
      *) second=$flow ;;
    esac
    claim "$one" "$name" "$second" "$clone"
  done
  say "times   $name ($(cat "$work/commits") commits): $(paste -sd, "$work/times" | sed 's/,/, /g')"
  rm -rf "$clone" "$clone".*
done 3<"$work/bundles"

the_store_is_whole_afterwards() {
  same "$server_status" 0
  timed "fsck" 0 "$STATEHOUSE" fsck --data "$data"
  cat "$work/out"
}
stop
: >"$work/times"
claim the_store_is_whole_afterwards
say "times   everything: $(cat "$work/times"): $(grep checked: "$work/out")"
finish "$(wc -l <"$work/bundles") histories"
