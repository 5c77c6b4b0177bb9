# Vocabulary of the end-to-end scripts: a store with people in it, a server, and claims about them.
#
#   . "$(dirname "$0")/../e2e/lib.sh"
#   begin cli                 a scratch folder $work, removed in the end with every server in it
#   make_store alice bob      init with these administrators; `carol` and others by add_person
#   serve                     starts the server; $url
#   sign_in alice write       a token for alice, for our CLI and for git
#   as alice git push …       runs it as that person
#   claim does_this …         runs the function does_this in a subshell under set -e
#   finish                    the last line, and the exit status
#
# Inside a claim: `expect STATUS command…` runs it and keeps its output; `says TEXT`, `silent_on
# TEXT`, `field PYTHON` look at that output. Nothing of the caller's git or gpg settings is used.
# Environment: STATEHOUSE, the program under test (required).
set -u

begin() {
  suite=$1
  : "${STATEHOUSE:?names the program to test}"
  [ -x "$STATEHOUSE" ] || { echo "no program at $STATEHOUSE" >&2; exit 1; }
  work=$(mktemp -d "${TMPDIR:-/tmp}/$suite.XXXXXX") || exit 1
  data=$work/data
  source=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
  claims=0
  failures=0
  server_pid=
  address=127.0.0.1:0
  other_pids=
  unset GIT_DIR GIT_WORK_TREE GIT_SSL_CAINFO SSH_AUTH_SOCK STATEHOUSE_SERVER STATEHOUSE_TOKEN 2>/dev/null || :
  export GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 GIT_ASKPASS=/bin/false LC_ALL=C.UTF-8 TZ=UTC
  trap 'end_everything' EXIT
  trap 'exit 1' INT TERM HUP
}

end_everything() {
  kill_servers
  for pid in $other_pids; do
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
  done
  for home in "$work"/*/.gnupg; do
    [ -d "$home" ] && gpgconf --homedir "$home" --kill all 2>/dev/null
  done
  if [ -n "${KEEP:-}" ]; then echo "kept: $work"; else rm -rf "$work"; fi
}

# Every server of this script that still runs, those of failed claims too.
kill_servers() {
  [ -f "$work/servers" ] || return 0
  while read -r pid; do
    case $(readlink "/proc/$pid/exe") in
      "$(readlink -f "$STATEHOUSE")") kill -KILL "$pid" ;;
    esac
  done <"$work/servers" 2>/dev/null
  rm -f "$work/servers"
}

say() { printf '%s\n' "$*"; }

# For the stage, not for claims: whatever fails here ends the script.
must() {
  "$@" >"$work/must.log" 2>&1 && return 0
  say "cannot set the stage: $*"
  cat "$work/must.log"
  [ ! -f "$work/serve.log" ] || tail -20 "$work/serve.log"
  exit 1
}

skip() {
  say "skip: $*"
  exit 77
}

# --- people and stores ------------------------------------------------------------------------

# NAME: a home with an SSH key that git signs with.
add_person() {
  mkdir -p "$work/$1/.ssh"
  chmod 700 "$work/$1" "$work/$1/.ssh"
  ssh-keygen -q -t ed25519 -N '' -C "$1" -f "$work/$1/.ssh/id_ed25519" || return 1
  cat >"$work/$1/.gitconfig" <<END
[user]
	name = $1
	email = $1@example.org
	signingkey = $work/$1/.ssh/id_ed25519.pub
[gpg]
	format = ssh
[commit]
	gpgsign = true
[init]
	defaultBranch = audit
[advice]
	detachedHead = false
[credential]
	helper = store --file=$work/$1/credentials
[protocol "file"]
	allow = always
END
}

public_key() { cat "$work/$1/.ssh/id_ed25519.pub"; }

# NAME…: the administrators.
make_store() {
  administrators=
  for name in "$@"; do
    [ -d "$work/$name" ] || must add_person "$name"
    administrators="$administrators --admin $name=$work/$name/.ssh/id_ed25519.pub"
  done
  # shellcheck disable=SC2086  # a list of words
  must "$STATEHOUSE" init --data "$data" --name "${origin:-store.example.org/test}" $administrators
}

# [OPTION…]: starts the server on the first call on a free port, later on the same one.
serve() {
  start_serving "$@" && return
  say "the server did not start:"
  cat "$work/serve.log"
  exit 1
}

start_serving() {
  : >"$work/serve.out"
  "$STATEHOUSE" serve --data "$data" --listen "$address" "$@" >"$work/serve.out" \
    2>>"$work/serve.log" </dev/null &
  server_pid=$!
  echo "$server_pid" >>"$work/servers" # also those of claims, which run in subshells
  for _ in $(seq 1 300); do
    url=$(sed -n 's/^listening on //p' "$work/serve.out")
    [ -z "$url" ] || break
    if ! kill -0 "$server_pid" 2>/dev/null; then
      wait "$server_pid"
      server_status=$?
      server_pid=
      return 1
    fi
    sleep 0.05
  done
  [ -n "$url" ] || return 1
  url=${url%/}
  address=${url#*://}
  export STATEHOUSE_SERVER="$url"
}

# [SIGNAL]: ends the server; its status in $server_status.
stop() {
  kill -"${1:-TERM}" "$server_pid"
  wait "$server_pid"
  server_status=$?
  server_pid=
}

# NAME SCOPE: a fresh token in $work/NAME/token, known to git too.
sign_in() {
  must sign_in_now "$@"
}

sign_in_now() {
  "$STATEHOUSE" token create --data "$data" --identity "$1" --scope "$2" -o json \
    >"$work/$1/token.json" || return 1
  json "$work/$1/token.json" 'd["token"]' >"$work/$1/token"
  # shellcheck disable=SC2094  # different files
  printf '%s://%s:%s@%s\n' "${url%%://*}" "$1" "$(cat "$work/$1/token")" "$address" \
    >"$work/$1/credentials"
  chmod 600 "$work/$1/token" "$work/$1/credentials"
}

# NAME: this (sub)shell is that person from now on; their token is in the environment only.
become() {
  HOME=$work/$1
  GNUPGHOME=$HOME/.gnupg
  export HOME GNUPGHOME
  if [ -f "$HOME/token" ]; then
    STATEHOUSE_TOKEN=$(cat "$HOME/token")
    export STATEHOUSE_TOKEN
  fi
}

# NAME command…: as that person.
as() (
  become "$1"
  shift
  case $1 in
    statehouse) shift && exec "$STATEHOUSE" "$@" ;;
  esac
  exec "$@"
)

# NAME PATH [curl option…]: PATH of the server asked with that person's token (nobody: without).
ask() (
  person=$1
  path=$2
  shift 2
  if [ "$person" != nobody ]; then
    printf 'Authorization: Bearer %s\n' "$(cat "$work/$person/token")" >"$work/$person/header"
    set -- -H "@$work/$person/header" "$@"
  fi
  exec curl -sS --max-time 60 "$@" "$url$path"
)

# FILE EXPRESSION: a Python expression about the JSON document `d` in FILE.
json() {
  /usr/bin/python3 -c '
import json, sys
d = json.load(open(sys.argv[1]))
value = eval(sys.argv[2])
print(value if isinstance(value, str) else json.dumps(value))' "$1" "$2"
}

# IDENTITY: its resource, with the SSH key of the person of that name.
identity_yaml() {
  cat <<END
apiVersion: statehouse/v1
kind: Identity
metadata: {name: $1}
spec:
  type: person
  emails: [$1@example.org]
  keys:
    - ssh: $(public_key "$1")
END
}

# Clones `system` to $work/alice/system.
clone_system() {
  must as alice git clone -q "$url/git/system.git" "$work/alice/system"
}

# TITLE: what lies in $work/alice/system is pushed, approved by bob and merged: the live policy.
activate() {
  must as alice git -C "$work/alice/system" add -A
  must as alice git -C "$work/alice/system" commit -q -m "$1"
  must as alice git -C "$work/alice/system" push -q origin audit
  promote system "$1"
}

# FLOW [TITLE]: opened by alice, approved by bob, merged by alice. Sets $promotion.
promote() {
  must as alice statehouse promotion create --flow "$1" --title "${2:-Promote}" -o name
  promotion=$(cat "$work/must.log")
  must as bob statehouse promotion approve "$promotion" --yes
  must as alice statehouse promotion merge "$promotion"
}

# REPOSITORY FLOW: audit and deploy branches and a flow between them, as YAML.
repository_yaml() {
  cat <<END
apiVersion: statehouse/v1
kind: Repository
metadata: {name: $1}
spec: {defaultBranch: refs/heads/audit}
END
}

branches_yaml() {
  cat <<END
apiVersion: statehouse/v1
kind: Policy
metadata: {name: $2-audit}
spec:
  match: {repositories: ["$1"], refs: ["refs/heads/audit"]}
  read: [group:developers]
  update: {by: [group:developers], forcePush: deny, delete: deny}
  commits: {signatures: required, signers: [group:developers]}
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: $2-deploy}
spec:
  match: {repositories: ["$1"], refs: ["refs/heads/deploy"]}
  read: [group:developers, group:reconcilers]
  update: {by: ["flow:$2"]}
---
apiVersion: statehouse/v1
kind: Flow
metadata: {name: $2}
spec:
  from: {repository: $1, ref: refs/heads/audit}
  to: {repository: $1, ref: refs/heads/deploy}
  strategy: seal
  promote: [group:developers]
  merge: {by: [group:developers]}
  approvals: [{count: 1, from: [group:developers]}]
END
}

groups_yaml() {
  cat <<END
apiVersion: statehouse/v1
kind: Identity
metadata: {name: reconciler}
spec: {type: robot, owners: [alice]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: developers}
spec: {members: [alice, bob]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: reconcilers}
spec: {members: [reconciler]}
---
apiVersion: statehouse/v1
kind: Group
metadata: {name: auditors}
spec: {members: [bob]}
END
}

# A branch of platform that is bob's alone.
secret_branch_yaml() {
  cat <<END
---
apiVersion: statehouse/v1
kind: Policy
metadata: {name: secrets}
spec:
  match: {repositories: ["platform"], refs: ["refs/heads/secret"]}
  read: [bob]
  update: {by: [bob]}
END
}

# A running store where alice and bob administrate and develop `platform` (flow `deploy`), and
# the robot `reconciler` reads its deploy branch. More YAML for `system` comes on standard input.
make_platform() {
  make_store alice bob
  serve "$@"
  sign_in alice write
  sign_in bob write
  clone_system
  {
    groups_yaml
    echo ---
    repository_yaml platform
    echo ---
    branches_yaml platform deploy
    cat
  } >"$work/alice/system/platform.yaml"
  activate "Declare the platform"
  [ -d "$work/reconciler" ] || must add_person reconciler
  sign_in reconciler read
  cp "$data/trust.json" "$work/trust.json"
  must as alice git clone -q "$url/git/platform.git" "$work/alice/platform"
}

# A small tree with a nested folder, an executable and a symbolic link, on the audit branch.
push_first_tree() {
  must sh -ec 'cd "$1"; mkdir -p apps/base; printf "replicas: 0\n" >apps/base/app.yaml
    printf "#!/bin/sh\n" >run.sh; chmod +x run.sh; ln -sf base/app.yaml apps/link.yaml' \
    - "$work/alice/platform"
  push_change "First tree"
}

# MESSAGE: everything in alice's clone of platform as one signed commit on audit.
push_change() {
  must as alice git -C "$work/alice/platform" add -A
  must as alice git -C "$work/alice/platform" commit -q -m "$1"
  must as alice git -C "$work/alice/platform" push -q origin HEAD:refs/heads/audit
}

# --- claims -----------------------------------------------------------------------------------

# FUNCTION [ARGUMENT…]: one claim, named by the function.
claim() {
  claims=$((claims + 1))
  (
    set -e
    "$@"
  ) >"$work/claim.log" 2>&1
  claim_status=$?
  sentence=$(printf '%s' "$*" | tr '_' ' ')
  if [ "$claim_status" -eq 0 ]; then
    say "ok      $sentence"
    return 0
  fi
  failures=$((failures + 1))
  say "FAILED  $sentence"
  sed 's/^/        /' "$work/claim.log"
  return 0
}

finish() {
  if [ "$failures" -gt 0 ]; then
    say "$suite: $failures of $claims claims failed"
    exit 1
  fi
  say "$suite: $claims claims hold${1:+; $1}"
  exit 0
}

# STATUS command…: its output is kept for says, field and the like.
expect() {
  status_wanted=$1
  shift
  status_got=0
  "$@" >"$work/out" 2>"$work/err" </dev/null || status_got=$?
  [ "$status_got" -eq "$status_wanted" ] && return 0
  say "expected status $status_wanted, got $status_got: $*"
  head -c 4000 "$work/out"
  head -c 4000 "$work/err"
  return 1
}

says() {
  cat "$work/out" "$work/err" | grep -qF -e "$1" && return 0
  say "expected to read: $1"
  say "but read:"
  head -c 4000 "$work/out"
  head -c 4000 "$work/err"
  return 1
}

silent_on() {
  cat "$work/out" "$work/err" | grep -qF -e "$1" || return 0
  say "expected not to read: $1"
  head -c 4000 "$work/out"
  head -c 4000 "$work/err"
  return 1
}

# EXPRESSION: a Python expression about the JSON that the last `expect` printed.
field() { json "$work/out" "$1"; }

# EXPRESSION: it must be true.
holds() {
  [ "$(json "$work/out" "bool($1)")" = true ] && return 0
  say "not so: $1"
  head -c 4000 "$work/out"
  return 1
}

same() {
  [ "$1" = "$2" ] && return 0
  say "expected: $2"
  say "got:      $1"
  return 1
}

# CLONE REF: the commit a clone has there.
tip() { git -C "$1" rev-parse --verify -q "$2^{commit}"; }
