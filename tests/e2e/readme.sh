#!/bin/sh
# The README's way to a first promotion and the check of its approval by hand, with the commands and
# the policy reference's example taken from the documents as they stand. Only paths, the address and the tokens are this machine's.
. "$(dirname "$0")/lib.sh"
begin readme
must add_person alice
must add_person bob
must add_person carol
mkdir "$work/bin"
ln -s "$STATEHOUSE" "$work/bin/statehouse"
PATH=$work/bin:$PATH
export PATH

# FILE PATTERN LANGUAGE: the first block of code in that language after the line that matches.
block() {
  awk -v start="$2" -v fence="^\`\`\`$3\$" '
    !found && $0 ~ start { found = 1; next }
    found && !inside && $0 ~ fence { inside = 1; next }
    inside && /^```$/ { exit }
    inside { print }' "$source/$1"
}

# What the documents call the store, the keys and the folders, as they are called here.
here() {
  sed -e "s|/var/lib/statehouse|$data|g" \
    -e "s|/tmp/alice.pub|$work/alice/.ssh/id_ed25519.pub|; s|/tmp/bob.pub|$work/bob/.ssh/id_ed25519.pub|" \
    -e "s|https://store.example.org:8417|${url:-none}|; s|https://alice@store.example.org:8417|http://alice@$address|" \
    -e 's|^sudo -u statehouse ||; s|^sudo statehouse |statehouse |; /^sudo /d' \
    -e 's|STATEHOUSE_TOKEN=sth_…|STATEHOUSE_TOKEN="$(cat "$HOME/token")"|' \
    -e 's|^\$EDITOR platform.yaml .*|cp "$HOME/../platform.yaml" platform.yaml|'
}

# NAME SCRIPT: run in that person's home, stopping at the first line that fails.
follows() {
  expect 0 as "$1" sh -exc "cd; . \"$work/$2\""
}

makes_the_store() {
  block README.md '^\*\*2\. Make the store' sh | here >"$work/2.sh"
  grep -q '^statehouse init ' "$work/2.sh"
  expect 0 sh -ex "$work/2.sh"
  silent_on "No address is known"
}

mints_tokens() {
  block README.md '^\*\*4\. Tokens' sh | here >"$work/4.sh"
  grep -q '^statehouse token create ' "$work/4.sh"
  expect 0 sh -ex "$work/4.sh"
  says "sth_"
}

refuses_the_example_with_its_placeholder() {
  block docs/policy.md '^## A complete example' yaml >"$work/platform.yaml"
  expect 2 "$STATEHOUSE" policy check "$work/platform.yaml"
  says "platform.yaml:8:"
  says "identity carol"
  sed -i "s|ssh-ed25519 CAROLS-OWN-PUBLIC-KEY carol|$(public_key carol)|" "$work/platform.yaml"
}

declares_the_platform() {
  block README.md '^\*\*5\. First repository' sh | here >"$work/5.sh"
  grep -q 'promotion create' "$work/5.sh"
  follows alice 5.sh
  silent_on warning:
  block README.md '^Bob, on his machine' sh | here | sed 's|approve 1|& --yes|' >"$work/bob.sh"
  grep -q 'promotion approve 1 --yes' "$work/bob.sh"
  follows bob bob.sh
}

fills_the_repository_and_promotes_it() {
  block README.md '^Now .*git/platform.git. exists' sh | here >"$work/fill.sh"
  grep -q 'git push' "$work/fill.sh"
  expect 0 as alice sh -exc "cd ~/system; . \"$work/fill.sh\""
  expect 0 as bob statehouse promotion approve 2 --yes
  expect 0 as bob statehouse promotion merge 2
  expect 0 as alice git -C "$work/alice/platform" fetch -q
  same "$(git -C "$work/alice/platform" rev-parse 'origin/deploy^{tree}')" \
    "$(git -C "$work/alice/platform" rev-parse 'HEAD^{tree}')"
}

finds_it_in_the_log() {
  search=$(sed -n 's/.*`\(audit search --path [^`]*\)`.*/\1/p' "$source/README.md")
  sign_in_now bob read
  # shellcheck disable=SC2086  # a list of words
  expect 0 as bob statehouse $search -o name
  [ -s "$work/out" ]
}

# docs/formats.md: the entry, the clone and the key are what its words say they are.
verifies_an_approval_by_hand() {
  sign_in_now bob read
  expect 0 as bob statehouse audit search --promotion 2 --type promotion.approved -o json
  index=$(field 'd["entries"][0]["index"]')
  block docs/formats.md '^### An approval, by hand' sh | sed -e "s|/v1/entries/9|/v1/entries/$index|" \
    -e "s|ssh-ed25519 AAAA…|$(public_key bob)|; s|-C system|-C ../system|" >"$work/approval.sh"
  grep -q 'ssh-keygen -Y verify' "$work/approval.sh"
  must as alice git -C "$work/alice/system" fetch -q
  mkdir -p "$work/alice/by-hand"
  cat >"$work/api.sh" <<'END'
api() { curl -fsS -H "Authorization: Bearer $STATEHOUSE_TOKEN" "$STATEHOUSE_SERVER$1"; }
END
  expect 0 as alice sh -exc "cd ~/by-hand; . '$work/api.sh'; . '$work/approval.sh'"
  says 'Good "approval@statehouse" signature for bob'
  says "\"sha1\": \"$(git -C "$work/alice/platform" rev-parse 'HEAD^{tree}')\""
  says "$(awk '{print $2}' "$work/bob/.ssh/id_ed25519.pub")"
}

claim makes_the_store
serve
claim mints_tokens
sign_in alice write
sign_in bob write
claim refuses_the_example_with_its_placeholder
claim declares_the_platform
claim fills_the_repository_and_promotes_it
claim finds_it_in_the_log
claim verifies_an_approval_by_hand
finish
