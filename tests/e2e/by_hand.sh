#!/bin/sh
# What was saved of a store is checked without it: an export, a proof and an approval, with stock
# tools and the commands of docs/formats.md ("Checking what was saved").
. "$(dirname "$0")/lib.sh"
command -v jq >/dev/null && command -v xxd >/dev/null || skip "there is no jq or no xxd"
begin by-hand
must add_person alice
must add_person bob
make_platform </dev/null
push_first_tree
promote deploy One
must as bob statehouse audit export --format jsonl
cp "$work/must.log" "$work/export.jsonl"
approved=$(jq -r 'select(.event.type == "statehouse.promotion.approved") | .index' \
  "$work/export.jsonl" | head -n 1)
as bob statehouse audit prove "$approved" >"$work/proof"
as bob statehouse audit show "$approved" -o json >"$work/entry.json"
stop

sed -n '/^# PROOF: /,/^```/{/^```/d;p}' "$source/docs/formats.md" >"$work/inclusion.py"

# INDEX: of an entry in the export.
leaf_of() {
  { printf '\0'; jq -cSj "select(.index == $1).event" export.jsonl; } | sha256sum | cut -d' ' -f1
}

checks_entries_against_a_proof() {
  cd "$work"
  leaf=$(leaf_of "$approved")
  same "$(jq -r .leafHash entry.json)" "$leaf"
  same "$({ printf '\0'; jq -r .raw entry.json | base64 -d; } | sha256sum | cut -d' ' -f1)" "$leaf"
  expect 0 /usr/bin/python3 inclusion.py proof "$leaf"
  says "included in"
  expect 1 /usr/bin/python3 inclusion.py proof "$(leaf_of $((approved - 1)))"
  says "NOT included"
}
claim checks_entries_against_a_proof

checks_the_checkpoint_that_ends_the_proof() {
  cd "$work"
  sed '1,/^$/d' proof >cp
  sed '/^$/q' cp | sed '$d' >text
  tail -n 1 cp | cut -d' ' -f3 | base64 -d | tail -c 64 >cpsig
  {
    printf '302a300506032b6570032100' | xxd -r -p
    jq -r .payload trust.json | base64 -d | jq -r '.keys.log[0].publicKey' | base64 -d
  } | openssl pkey -pubin -inform DER -out log.pem
  openssl pkeyutl -verify -pubin -inkey log.pem -rawin -in text -sigfile cpsig
  echo 1 >>text
  ! openssl pkeyutl -verify -pubin -inkey log.pem -rawin -in text -sigfile cpsig
}
claim checks_the_checkpoint_that_ends_the_proof

checks_an_approval() {
  cd "$work"
  jq -r '.evidence[] | select(.name == "approval").bytes' entry.json | base64 -d >envelope.json
  jq -r .payload envelope.json | base64 -d >payload
  jq -r '.signatures[0].sig' envelope.json | base64 -d >approval.sig
  type=$(jq -r .payloadType envelope.json)
  { printf 'DSSEv1 %d %s %d ' ${#type} "$type" "$(stat -c %s payload)"; cat payload; } >pae
  printf 'bob namespaces="approval@statehouse" %s\n' "$(public_key bob)" >signers
  ssh-keygen -Y verify -f signers -I bob -n approval@statehouse -s approval.sig <pae
  same "sha256:$(sha256sum <payload | cut -d' ' -f1)" \
    "$(jq -r .raw entry.json | base64 -d | jq -r .data.statement)"
  printf 'x' >>pae
  ! ssh-keygen -Y verify -f signers -I bob -n approval@statehouse -s approval.sig <pae
}
claim checks_an_approval
finish
