#!/bin/sh
# Installs the Debian 12 packages that Statehouse needs and that are missing. Nothing else changes,
# and when nothing is missing neither root nor a network is needed.
#
#   sh deploy/install-packages.sh [build|test|bench]...     default: build
#
#   build  compiler, libraries and the programs that `statehouse` runs (git, gpg, ssh-keygen)
#   test   build, and what tests/run.sh uses
#   bench  build, and the peers that tests/bench/run.sh measures against
set -eu

build_packages="
  ca-certificates ccache cmake curl g++ git gnupg libcli11-dev libcpp-httplib-dev libfmt-dev
  libgit2-dev libgpgme-dev libsodium-dev libsqlite3-dev libssl-dev libyaml-dev ninja-build
  nlohmann-json3-dev openssh-client pkg-config zlib1g-dev"
test_packages="
  clang-format-19 clang-tidy-19 doctest-dev jq libvalijson-dev procps python3 sqlite3 util-linux xxd"
# One client of the tests is written in Go; any Go since Debian's 1.19 will do.
command -v go >/dev/null || test_packages="$test_packages golang-go"
bench_packages="fcgiwrap nginx procps python3 wrk"

say() { printf 'install-packages: %s\n' "$*" >&2; }

wanted() {
  for set_name in "$@"; do
    case $set_name in
      build) echo "$build_packages" ;;
      test) echo "$build_packages $test_packages" ;;
      bench) echo "$build_packages $bench_packages" ;;
      *)
        say "unknown set '$set_name': use build, test or bench"
        return 2
        ;;
    esac
  done
}

missing_of() {
  for package in "$@"; do
    status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
    [ "$status" = installed ] || echo "$package"
  done | sort -u
}

# A new container has no package lists at all, an old one may have lists without these packages.
lists_know() {
  for package in "$@"; do
    [ -n "$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^  Candidate: \([^(].*\)/\1/p')" ] ||
      return 1
  done
}

install() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o Dpkg::Use-Pty=0 -o Acquire::Retries=3 install "$@"
}

[ $# -gt 0 ] || set -- build
command -v apt-get >/dev/null && command -v dpkg-query >/dev/null || {
  say "this is not Debian: install the equivalents of:" "$(wanted "$@" | tr -s ' \n' ' ')"
  exit 2
}
names=$(wanted "$@")
# shellcheck disable=SC2086  # a list of words
missing=$(missing_of $names)
[ -n "$missing" ] || exit 0

if [ "$(id -u)" != 0 ]; then
  say "missing:" $missing
  say "next: sudo apt-get update && sudo apt-get install -y --no-install-recommends" $missing
  exit 1
fi
say "installing:" $missing
updated=no
if ! lists_know $missing; then
  apt-get -q update
  updated=yes
fi
# Lists that are there may be old and name files that the mirror no longer has.
install $missing || {
  [ "$updated" = no ] || exit 1
  apt-get -q update
  install $missing
}
