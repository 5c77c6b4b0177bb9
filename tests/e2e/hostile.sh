#!/bin/sh
# Attacks a running server over its sockets, as somebody without a token and as somebody with one:
# HTTP, Git's protocol, packs and objects, REST, configurations, text for terminals. Afterwards the
# same process serves on, within bounded memory, has left nothing lying about, and fsck is clean.
. "$(dirname "$0")/lib.sh"
begin hostile
memory_kib_max=$((600 * 1024)) # of the server and its children together

# mallory has a token and a key, and may push to refs/heads/guest/* of platform; the rest of
# platform is hidden from mallory.
guest_yaml() {
  echo ---
  identity_yaml mallory
  cat <<YAML
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: guest}
spec:
  match: {repositories: [platform], refs: ["refs/heads/guest/*"]}
  read: [mallory]
  update: {by: [mallory]}
  commits: {signatures: required, signers: [mallory]}
YAML
}

must add_person mallory
guest_yaml >"$work/guest.yaml"
make_platform <"$work/guest.yaml"
sign_in mallory write
push_first_tree
promote deploy One
echo "replicas: 1" >"$work/alice/platform/apps/base/app.yaml"
push_change "Second tree"
must as alice statehouse promotion create --flow deploy --title Two
clone=$work/alice/platform
tip "$clone" HEAD >"$work/hidden" # what mallory must never be able to read

# MODULE: starts its checks.
start_checks() {
  /usr/bin/python3 -B "$source/tests/e2e/hostile_$1.py" "$url" "$work" "$server_pid" \
    >"$work/$1.checks" 2>&1 &
  checks_pid=$!
  other_pids="$other_pids $checks_pid"
}

# MODULE PID: when it ends, its checks count as claims.
end_checks() {
  checks_status=0
  wait "$2" || checks_status=$?
  cat "$work/$1.checks"
  failed=$(grep -c '^FAILED' "$work/$1.checks")
  claims=$((claims + failed + $(grep -c '^ok ' "$work/$1.checks")))
  if [ "$checks_status" -ne 0 ] && [ "$failed" -eq 0 ]; then
    say "FAILED  the checks of hostile_$1.py ended with $checks_status"
    failed=1
  fi
  failures=$((failures + failed))
}

run_checks() {
  start_checks "$1"
  end_checks "$1" "$checks_pid"
}

# --- configurations -----------------------------------------------------------------------------

# FILE [WHY]: the text on standard input as a file of `system`, pushed by an administrator, is
# refused.
system_refuses() {
  why=${2:-$1}
  system=$work/alice/system
  as alice git -C "$system" fetch -q
  as alice git -C "$system" reset -q --hard origin/audit
  cat >"$system/$1"
  system_refuses_tree
}

system_refuses_tree() {
  as alice git -C "$system" add -A
  system_refuses_index
}

system_refuses_index() {
  before=$(tip "$system" origin/audit)
  as alice git -C "$system" commit -q -m Hostile
  expect 1 as alice git -C "$system" push origin HEAD:refs/heads/audit
  says "denied: store/"
  says "$why"
  shows_no_control
  same "$(as alice git -C "$system" ls-remote origin refs/heads/audit | cut -f1)" "$before"
}

# Neither in what was written to standard output nor to standard error.
shows_no_control() {
  /usr/bin/python3 - "$work/out" "$work/err" <<'PYTHON'
import re, sys
for file in sys.argv[1:]:
    text = open(file, encoding="utf-8", newline="").read()
    found = re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", text)
    assert not found, f"{found[0]!r} in {text[max(0, found.start() - 100):found.end() + 50]!r}"
PYTHON
}

python() { /usr/bin/python3 -c "$1"; }

a_YAML_alias_bomb_is_refused() {
  python '
print("a0: &a0 [x, x, x, x, x, x, x, x, x, x]")
for n in range(1, 12): print(f"a{n}: &a{n} [" + ", ".join([f"*a{n-1}"] * 10) + "]")' |
    system_refuses bomb.yaml "anchors and aliases"
}

a_YAML_merge_key_is_refused() {
  system_refuses merge.yaml "unknown field" <<YAML
apiVersion: statehouse/v1
kind: Group
metadata: {name: x}
spec:
  <<: {members: [alice]}
YAML
}

deep_YAML_is_refused() {
  python 'print("a: " + "[" * 100000)' | system_refuses deep.yaml "nested deeper"
  python 'print("a: " + "{a: " * 50000 + "}" * 50000)' | system_refuses deep.yaml "nested deeper"
  python 'print("\n".join(" " * n + "a:" for n in range(1000)))' | system_refuses deep.yaml "nested deeper"
  python 'print("- " * 100000)' | system_refuses deep.yaml "nested deeper"
}

huge_YAML_is_refused() {
  python 'print("# " + "a" * (2 << 20))' | system_refuses huge.yaml "more than"
  python 'print("a: [" + "b," * 400000 + "]")' | system_refuses huge.yaml "more than"
  python 'print("---\n" * 250000)' | system_refuses huge.yaml "more than"
  python 'print("a: \"" + "\\\\U0001F600" * 100000 + "\"")' | system_refuses huge.yaml "more than"
}

YAML_that_is_no_text_is_refused() {
  printf 'a: \377\376\n' | system_refuses text.yaml "not"
  printf 'a: b\0c\n' | system_refuses text.yaml "not"
  printf 'a: \033[2J\n' | system_refuses text.yaml "not"
  printf '\377\376a\0:\0 \0b\0' | system_refuses text.yaml "not"
  head -c 100000 /dev/urandom | system_refuses text.yaml "not"
}

YAML_that_runs_or_repeats_something_is_refused() {
  printf 'a: !!python/object/apply:os.system ["touch %s/touched"]\n' "$work" |
    system_refuses tag.yaml "tags are not allowed"
  [ ! -e "$work/touched" ]
  printf 'a: 1\na: 2\n' | system_refuses twice.yaml "given twice"
  printf '%%TAG ! tag:evil,2000:\n---\n!x a\n' | system_refuses tag.yaml directives
}

# KIND NAME SPEC: as YAML.
resource() {
  printf 'apiVersion: statehouse/v1\nkind: %s\nmetadata: {name: %s}\nspec: %s\n' "$1" "$2" "$3"
}

resources_of_wrong_types_are_refused() {
  for spec in '[]' '""' 'null' '1' '{members: {a: b}}' '{members: [[alice]]}' '{members: [1]}' \
    '{members: ["alice\e[2J"]}' '{members: ["../alice"]}' '{members: [nobody]}'; do
    resource Group evil "$spec" | system_refuses group.yaml
  done
  for name in '"\e[2J"' '../../x' '""' '[x]' '"a\nb"' '.git' 'system/..'; do
    resource Repository "$name" '{}' | system_refuses repository.yaml
  done
}

a_key_that_is_none_is_refused() {
  long="ssh-rsa $(python 'print("A" * 300000)')"
  for key in 'ssh-ed25519 AAAA' 'ssh-dss AAAAB3NzaC1kc3MAAACB' 'command=x ssh-ed25519 AAAA' \
    "$long"; do
    resource Identity evil "{type: person, emails: [e@example.org], keys: [{ssh: \"$key\"}]}" |
      system_refuses key.yaml
  done
}

a_configuration_of_links_or_of_too_many_files_is_refused() {
  as alice git -C "$work/alice/system" reset -q --hard origin/audit
  system=$work/alice/system
  ln -s /etc/passwd "$system/link.yaml"
  why=link.yaml
  system_refuses_tree
  as alice git -C "$system" reset -q --hard origin/audit
  blob=$(printf '# nothing\n' | git -C "$system" hash-object -w --stdin)
  seq 1 10001 | sed "s/.*/100644 $blob	many\/&.yaml/" |
    git -C "$system" update-index --index-info
  why="more than 10000 files"
  system_refuses_index
  as alice git -C "$system" reset -q --hard origin/audit
}

# --- text for terminals -------------------------------------------------------------------------

clear=$(printf '\033[2J\033]0;owned\007\302\233\062J\342\200\256')

a_file_name_with_escapes_is_refused_and_shown_escaped() {
  touch "$clone/a${clear}b"
  as alice git -C "$clone" add -A
  as alice git -C "$clone" commit -q -m Name
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/audit
  says "denied:"
  says "\\x1b"
  shows_no_control
  as alice git -C "$clone" reset -q --hard origin/audit
}

a_commit_with_escapes_comes_in() {
  echo "replicas: 2" >"$clone/apps/base/app.yaml"
  touch "$clone/$(printf 'so\342\200\213ft.yaml')" # a zero-width space
  as alice git -C "$clone" add -A
  as alice env GIT_AUTHOR_NAME="ali${clear}ce" GIT_COMMITTER_NAME="ali${clear}ce" \
    git -C "$clone" commit -q -m "Change $clear

Body $clear
Co-authored-by: x${clear}y <mallory@example.org>"
  expect 0 as alice git -C "$clone" push origin HEAD:refs/heads/audit
  shows_no_control
}

an_unknown_author_with_escapes_is_shown_escaped() {
  as alice env GIT_AUTHOR_NAME="$clear" GIT_AUTHOR_EMAIL="x${clear}@example.org" \
    git -C "$clone" commit -q --allow-empty -m "$clear"
  expect 1 as alice git -C "$clone" push origin HEAD:refs/heads/deploy
  shows_no_control
  as alice git -C "$clone" reset -q --hard origin/audit
}

a_promotion_with_escapes_is_opened() {
  expect 0 as alice statehouse promotion close 3
  expect 0 as alice statehouse promotion create -R platform --flow deploy --title "Go $clear" \
    --message "Because $clear" -o name
  cp "$work/out" "$work/escapes"
  number=$(cat "$work/escapes")
  expect 0 as bob statehouse promotion comment "$number" --message "Look: $clear" \
    --path apps/base/app.yaml --line 1
  shows_no_control
  expect 0 as bob statehouse promotion reject "$number" --message "No: $clear" --yes
  shows_no_control
}

# FORMAT: of everything that shows what others wrote.
the_command_line_shows_no_escape_as() {
  number=$(cat "$work/escapes")
  for words in "repository list" "repository show platform" "promotion list" \
    "promotion show $number" "promotion diff $number" "history -R platform --ref audit" \
    "history show -R platform --ref audit --version 3" \
    "history diff -R platform --ref audit --from 2 --to 3" "audit search" \
    "policy explain -R platform --ref audit --commit $(tip "$clone" HEAD)"; do
    # shellcheck disable=SC2086  # a list of words
    expect 0 as bob statehouse $words -o "$1"
    shows_no_control
  done
}

entries_and_objects_are_shown_without_escapes() {
  number=$(cat "$work/escapes")
  expect 0 as bob statehouse promotion diff "$number" --objects
  shows_no_control
  expect 0 as bob statehouse audit search --limit 1 -o json
  size=$(field 'd["entries"][0]["index"]')
  for back in 0 1 2 3 4 5 6; do
    expect 0 as bob statehouse audit show "$((size - back))"
    shows_no_control
  done
}

arguments_with_escapes_are_shown_escaped() {
  for words in "promotion show $clear" "history -R $clear --ref audit" \
    "history -R platform --ref $clear" "audit search --type $clear" "$clear" \
    "--output $clear version" "token create --identity $clear"; do
    # shellcheck disable=SC2086  # a list of words
    as bob statehouse $words >"$work/out" 2>"$work/err" </dev/null && return 1
    shows_no_control
  done
}

# A title is text in the seal commit, whatever lines it has.
a_title_forges_no_trailer() {
  as alice statehouse promotion close "$(cat "$work/escapes")" >/dev/null
  for title in "Go $clear" \
    "$(printf 'Fine\n\nStatehouse-Promotion: 999\nArgocd-gpg-seal: evil')"; do
    as alice statehouse promotion create -R platform --flow deploy --title "$title" -o name \
      >"$work/number" 2>"$work/err" || continue # refused is as good
    number=$(cat "$work/number")
    expect 0 as bob statehouse promotion approve "$number" --yes
    expect 0 as alice statehouse promotion merge "$number"
    as alice git -C "$clone" fetch -q origin
    expect 0 git -C "$clone" log -1 --format='%(trailers:key=Statehouse-Promotion,valueonly)' \
      origin/deploy
    same "$(cat "$work/out")" "$number"
    expect 0 git -C "$clone" log -1 --format='%(trailers:key=Argocd-gpg-seal,valueonly)' \
      origin/deploy
    silent_on evil
    echo "replicas: 3" >"$clone/apps/base/app.yaml"
    as alice git -C "$clone" commit -q -a --allow-empty -m Next
    expect 0 as alice git -C "$clone" push -q origin HEAD:refs/heads/audit
  done
}

# --- afterwards ---------------------------------------------------------------------------------

the_same_process_serves_on() {
  kill -0 "$server_pid"
  expect 0 ask nobody /readyz -f
  holds 'd["writable"] and d["degraded"] == []'
  same "$(ask nobody /metrics -f | sed -n 's/^statehouse_http_exceptions_total //p')" 0
}

no_request_failed_inside_the_server() {
  if grep -E 'incident|exception|alarm|assert' "$work/serve.log"; then return 1; fi
}

memory_stayed_bounded() {
  peak=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$server_pid/status")
  together=$(sort -n "$work/memory" | tail -1)
  say "the server: $peak KiB, with its children: $together KiB"
  [ "$peak" -lt "$memory_kib_max" ]
  [ "$together" -lt "$memory_kib_max" ]
}

nothing_was_left_behind() {
  for _ in $(seq 1 50); do
    left=$(pgrep -P "$server_pid" -x git || :)
    [ -n "$left" ] || break
    sleep 0.1
  done
  same "$left" ""
  same "$(find "$data/repositories" "$data/tmp" -name 'incoming-*' -o -name 'tmp_*' \
    -o -name '*.lock' -o -name '*.keep')" ""
  same "$(find "$data/tmp" -mindepth 1)" ""
  open=$(find "/proc/$server_pid/fd" -mindepth 1 | wc -l)
  [ "$open" -lt 300 ] || { say "$open files are open"; return 1; }
}

people_work_on() {
  echo "replicas: 4" >"$clone/apps/base/app.yaml"
  as alice git -C "$clone" add -A
  as alice git -C "$clone" commit -q -m "After all that"
  expect 0 as alice git -C "$clone" push origin HEAD:refs/heads/audit
  says "accepted:"
  expect 0 as bob git clone -q -b audit "$url/git/platform.git" "$work/bob/clone"
  same "$(tip "$work/bob/clone" HEAD)" "$(tip "$clone" HEAD)"
  expect 0 as reconciler git clone -q -b deploy "$url/git/platform.git" "$work/reconciler/clone"
  same "$(cat "$work/reconciler/clone/apps/base/app.yaml")" "replicas: 3"
  expect 0 as reconciler statehouse snapshot get -R platform --ref deploy \
    --trust "$work/trust.json" --into "$work/snapshot"
  expect 0 as bob statehouse audit verify --trust "$work/trust.json"
}

the_store_is_sound() {
  expect 0 "$STATEHOUSE" fsck --data "$data"
  kill -TERM "$server_pid"
  for _ in $(seq 1 100); do
    kill -0 "$server_pid" 2>/dev/null || break
    sleep 0.1
  done
  expect 0 "$STATEHOUSE" fsck --data "$data"
  for repository in "$data"/repositories/*.git; do
    expect 0 git -C "$repository" fsck --strict --no-dangling
  done
}

start_checks slow
slow_pid=$checks_pid
run_checks http
run_checks objects
run_checks git
run_checks rest
claim a_YAML_alias_bomb_is_refused
claim a_YAML_merge_key_is_refused
claim deep_YAML_is_refused
claim huge_YAML_is_refused
claim YAML_that_is_no_text_is_refused
claim YAML_that_runs_or_repeats_something_is_refused
claim resources_of_wrong_types_are_refused
claim a_key_that_is_none_is_refused
claim a_configuration_of_links_or_of_too_many_files_is_refused
claim a_file_name_with_escapes_is_refused_and_shown_escaped
claim a_commit_with_escapes_comes_in
claim an_unknown_author_with_escapes_is_shown_escaped
claim a_promotion_with_escapes_is_opened
for format in text json jsonl yaml; do
  claim the_command_line_shows_no_escape_as $format
done
claim entries_and_objects_are_shown_without_escapes
claim arguments_with_escapes_are_shown_escaped
claim a_title_forges_no_trailer
end_checks slow "$slow_pid"
claim the_same_process_serves_on
claim no_request_failed_inside_the_server
claim memory_stayed_bounded
claim nothing_was_left_behind
claim people_work_on
claim the_store_is_sound
finish "at most $(sort -n "$work/memory" | tail -1) KiB in the server and its children"
