#include "policy/key_directory.h"

#include <doctest/doctest.h>

#include <string>

#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using namespace std::string_view_literals;
using test::fingerprint;
using test::kNow;
using test::name;
using test::openpgp_fingerprint;

/// The organisation, with `fields` added to carol's key.
Configuration with_carols_key(const std::string& fields) {
  const std::string line = "ssh: " + test::key_line("carol");
  return test::configured(test::with(test::organisation(), line, line + fields));
}

Timestamp at(std::string_view text) { return Timestamp::parse(text).value(); }

}  // namespace

TEST_CASE("a key that nobody has stands for nobody") {
  const Configuration configuration = test::configured(test::organisation());
  const auto verdict = configuration.keys().judge(SignatureFormat::kSsh, fingerprint("eve"),
                                                  KeyUsage::kCommits, kNow);
  CHECK(verdict.state == SignatureState::kUnknownKey);
  CHECK_FALSE(verdict.identity.has_value());
  CHECK(verdict.reason.find(fingerprint("eve")) != std::string::npos);
}

TEST_CASE("a key proves nothing outside its validity, to the millisecond") {
  const Configuration configuration = with_carols_key(
      "\n      validFrom: 2026-01-01T00:00:00Z\n      validUntil: 2026-02-01T00:00:00Z");
  const auto standing = [&](std::string_view time) {
    return configuration.keys().standing(fingerprint("carol"), KeyUsage::kCommits, at(time));
  };
  CHECK(standing("2025-12-31T23:59:59.999Z") == KeyStanding::kNotYetValid);
  CHECK(standing("2026-02-01T00:00:00Z") == KeyStanding::kExpired);
  CHECK(standing("2026-01-01T00:00:00Z") == KeyStanding::kGood);
  CHECK(standing("2026-01-31T23:59:59.999Z") == KeyStanding::kGood);
}

TEST_CASE("a key proves nothing that it is not for") {
  const Configuration configuration = with_carols_key("\n      usage: [commits]");
  const auto verdict = configuration.keys().judge(SignatureFormat::kSsh, fingerprint("carol"),
                                                  KeyUsage::kApprovals, kNow);
  CHECK(verdict.state == SignatureState::kKeyNotValid);
  CHECK(verdict.identity == name("carol"));
  CHECK(verdict.reason.find("is not for approvals") != std::string::npos);
  CHECK_FALSE(configuration.keys().has_good_key(name("carol"), KeyUsage::kApprovals, kNow));
  CHECK(configuration.keys().has_good_key(name("carol"), KeyUsage::kCommits, kNow));
}

TEST_CASE("a retired key stops at its revocation, a compromised one when it was compromised") {
  for (const auto& [fields, last_good, first_bad] :
       {std::tuple{"reason: retired"sv, "2026-04-30T23:59:59Z"sv, "2026-05-01T00:00:00Z"sv},
        std::tuple{"reason: lost"sv, "2026-04-30T23:59:59Z"sv, "2026-05-01T00:00:00Z"sv},
        std::tuple{"reason: compromised, since: 2026-04-01T00:00:00Z"sv, "2026-03-31T23:59:59Z"sv,
                   "2026-04-01T00:00:00Z"sv}}) {
    CAPTURE(fields);
    const Configuration configuration =
        with_carols_key("\n      revoked: {at: 2026-05-01T00:00:00Z, " + std::string(fields) + "}");
    const auto standing = [&](std::string_view time) {
      return configuration.keys().standing(fingerprint("carol"), KeyUsage::kCommits, at(time));
    };
    CHECK(standing(first_bad) == KeyStanding::kRevoked);
    CHECK(standing(last_good) == KeyStanding::kGood);
  }
}

TEST_CASE("an OpenPGP signature counts by primary key and by subkey") {
  const Configuration configuration = test::configured(
      test::with(test::organisation(), "ssh: " + test::key_line("carol"),
                 "openpgp: |\n        -----BEGIN PGP PUBLIC KEY BLOCK-----\n        gpg-carol\n"));
  for (const unsigned subkey : {0U, 1U}) {
    const auto verdict = configuration.keys().judge(SignatureFormat::kOpenPgp,
                                                    openpgp_fingerprint("gpg-carol", subkey),
                                                    KeyUsage::kCommits, kNow);
    CHECK(verdict.state == SignatureState::kGood);
    CHECK(verdict.identity == name("carol"));
    CHECK(verdict.key_name == openpgp_fingerprint("gpg-carol"));
  }
  CHECK(configuration.keys().find(openpgp_fingerprint("gpg-carol", 2)) == nullptr);
}

TEST_CASE("addresses are told apart without regard to case") {
  const Configuration configuration = test::configured(test::organisation());
  CHECK(configuration.keys().identity_of_email("ALICE@Example.ORG") == name("alice"));
  CHECK_FALSE(configuration.keys().identity_of_email("alice@example.com").has_value());
  CHECK_FALSE(configuration.keys().identity_of_email("").has_value());
}

}  // namespace statehouse
