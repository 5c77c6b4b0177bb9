#!/bin/sh
# A store with a certificate of a private authority: REST and the inner git of approve, reject and
# import trust the same one, however it is named, and say what is wrong with a certificate.
. "$(dirname "$0")/lib.sh"
begin tls
unset STATEHOUSE_CA_FILE SSL_CERT_FILE SSL_CERT_DIR 2>/dev/null || :

# NAME: an authority, $work/NAME.pem.
make_authority() {
  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=$1" \
    -addext basicConstraints=critical,CA:TRUE -keyout "$work/$1.key" -out "$work/$1.pem"
}

# NAME SUBJECT-NAMES [OPTION…]: a certificate from `authority`, $work/NAME.pem and $work/NAME.key.
make_certificate() {
  name=$1
  names=$2
  shift 2
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=$name" \
    -keyout "$work/$name.key" -out "$work/$name.csr" || return 1
  printf 'subjectAltName=%s\n' "$names" >"$work/$name.ext"
  openssl x509 -req -in "$work/$name.csr" -CA "$work/authority.pem" -CAkey "$work/authority.key" \
    -CAcreateserial -extfile "$work/$name.ext" -out "$work/$name.pem" "$@"
}

must make_authority authority
must make_authority stranger
must make_certificate server IP:127.0.0.1,DNS:localhost -days 2
must make_certificate misnamed DNS:store.example.org -days 2
must make_certificate expired IP:127.0.0.1,DNS:localhost -days -1
echo 'no certificate' >"$work/empty.pem"

# CERTIFICATE: serves with it, at the same address.
serve_with() {
  [ -z "$server_pid" ] || stop
  serve --tls-cert "$work/$1.pem" --tls-key "$work/$1.key"
}

for person in alice bob; do
  must add_person $person
  git config -f "$work/$person/.gitconfig" http.sslCAInfo "$work/authority.pem"
done
export STATEHOUSE_CA_FILE="$work/authority.pem" # sets the stage; claims choose for themselves
make_platform --tls-cert "$work/server.pem" --tls-key "$work/server.key" </dev/null
push_first_tree
must as alice statehouse promotion create --flow deploy --title One -o name
promotion=$(cat "$work/must.log")
unset STATEHOUSE_CA_FILE

# VARIABLE [COMMAND…]: it names the authority to a command that asks by REST and by git.
approves_with_authority_in() {
  variable=$1
  shift
  expect 0 env "$variable=$work/authority.pem" HOME="$work/bob" \
    STATEHOUSE_TOKEN="$(cat "$work/bob/token")" "$STATEHOUSE" promotion "$@" "$promotion" --yes
}
claim approves_with_authority_in SSL_CERT_FILE reject
claim approves_with_authority_in STATEHOUSE_CA_FILE approve

approves_with_an_option_that_goes_first() {
  expect 0 env STATEHOUSE_CA_FILE="$work/stranger.pem" SSL_CERT_FILE="$work/stranger.pem" \
    HOME="$work/bob" STATEHOUSE_TOKEN="$(cat "$work/bob/token")" \
    "$STATEHOUSE" --ca-file "$work/authority.pem" promotion approve "$promotion" --yes
  expect 4 env STATEHOUSE_CA_FILE="$work/stranger.pem" SSL_CERT_FILE="$work/authority.pem" \
    HOME="$work/bob" STATEHOUSE_TOKEN="$(cat "$work/bob/token")" \
    "$STATEHOUSE" promotion approve "$promotion" --yes
}
claim approves_with_an_option_that_goes_first

imports_with_a_private_authority() {
  git clone -q --bare "$work/alice/platform" "$work/history.git"
  import="repository import history --from $work/history.git --ref audit --to audit"
  # shellcheck disable=SC2086  # a list of words
  expect 4 as alice statehouse $import
  says "certificate"
  says "--ca-file"
  # shellcheck disable=SC2086
  expect 0 as alice statehouse --ca-file "$work/authority.pem" $import
}
claim imports_with_a_private_authority

# STATUS WORDS [OPTION…]: what asking the server comes to.
is_told() {
  wanted=$1
  words=$2
  shift 2
  expect "$wanted" as alice statehouse "$@" repository list
  says "$words"
}
claim is_told 4 "STATEHOUSE_CA_FILE"
claim is_told 4 "not trusted" --ca-file "$work/stranger.pem"
claim is_told 2 "holds no certificate" --ca-file "$work/empty.pem"
claim is_told 3 "--ca-file names" --ca-file "$work/nowhere.pem"
claim is_told 0 "platform" --ca-file "$work/authority.pem"

is_told_to_use_https() {
  expect 7 as alice statehouse --server "http://$address" repository list
  says "--server https://$address"
}
claim is_told_to_use_https

serve_with misnamed
claim is_told 4 "another name" --ca-file "$work/authority.pem"
serve_with expired
claim is_told 4 "has expired" --ca-file "$work/authority.pem"
stop
serve
STATEHOUSE_SERVER=https://$address
claim is_told 7 "no TLS connection" --ca-file "$work/authority.pem"
stop
finish
