#include "crypto/trust.h"

#include <doctest/doctest.h>

#include "crypto/base/json.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/mutation.h"
#include "tests/crypto/statements.h"

namespace statehouse {

namespace {

constexpr char kRoot = 1;
constexpr char kNextRoot = 2;
constexpr char kLog = 3;
constexpr char kStatements = 4;

TrustContent content() {
  TrustContent trust;
  trust.origin = "example.com/store";
  trust.issued = kNewYear;
  trust.root_keys = {test_key(kRoot).public_key()};
  trust.log_keys = {{test_key(kLog).public_key(), 1, kNewYear, std::nullopt}};
  trust.statement_keys = {{test_key(kStatements).public_key(), 1, kNewYear, std::nullopt}};
  trust.attestation_keys = {{test_key(5).public_key(), 1, kNewYear, kNewYear + Milliseconds(1)}};
  trust.sealing_openpgp_fingerprint = std::string(40, 'A');
  trust.sealing_openpgp_key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
  const SshPublicKey seal = SshPublicKey::from_ed25519(test_key(6).public_key());
  trust.sealing_ssh_fingerprint = seal.fingerprint();
  trust.sealing_ssh_key = seal.line();
  return trust;
}

/// `next` signed by these root keys.
std::string signed_by(const TrustContent& next, const std::vector<char>& numbers) {
  std::vector<Ed25519SecretKey> keys;
  for (const char number : numbers) keys.push_back(test_key(number));
  std::vector<const Ed25519SecretKey*> pointers;
  for (const Ed25519SecretKey& key : keys) pointers.push_back(&key);
  return sign_trust(next, pointers).value();
}

TrustDocument pinned() { return TrustDocument::pin(signed_by(content(), {kRoot})).value(); }

TrustContent next_content() {
  TrustContent next = content();
  next.version = 2;
  return next;
}

bool updates(const TrustContent& next, const std::vector<char>& signers = {kRoot}) {
  return pinned().verify_update(signed_by(next, signers)).has_value();
}

std::string version_envelope(const VersionStatement& statement, char number = kStatements) {
  return sign_dsse(kInTotoPayloadType, statement.payload(), test_key(number)).serialise();
}

}  // namespace

TEST_CASE("a document not signed by its own root is no pin") {
  CHECK(TrustDocument::pin(signed_by(content(), {kRoot})));
  CHECK_FALSE(TrustDocument::pin(signed_by(content(), {kNextRoot})));
  CHECK_FALSE(TrustDocument::pin(signed_by(content(), {})));
  const std::string as_statement =
      sign_dsse(kInTotoPayloadType, content().payload(), test_key(kRoot)).serialise();
  CHECK_FALSE(TrustDocument::pin(as_statement));
  CHECK_FALSE(TrustDocument::pin("{}"));
  CHECK_FALSE(TrustDocument::pin(""));
}

TEST_CASE("a root threshold needs that many different keys") {
  TrustContent two = content();
  two.root_keys.push_back(test_key(kNextRoot).public_key());
  two.root_threshold = 2;
  CHECK_FALSE(TrustDocument::pin(signed_by(two, {kRoot})));
  CHECK_FALSE(TrustDocument::pin(signed_by(two, {kRoot, kRoot})));
  CHECK(TrustDocument::pin(signed_by(two, {kRoot, kNextRoot})));
}

TEST_CASE("a document with anything missing, added or of another type is refused") {
  const Json whole = parse_json(content().payload()).value();
  const Mutations mutations(whole);
  for (const std::string& document : mutations.documents()) {
    // The armored OpenPGP key is opaque text here; gpg reads it where it is used.
    CAPTURE(document);
    const Json mutated = parse_json(document).value();
    const auto key = Json::json_pointer("/keys/sealing/openpgp/publicKey");
    if (mutated.contains(key) && mutated.at(key).is_string() && mutated.at(key) != whole.at(key)) {
      continue;
    }
    CHECK_FALSE(TrustContent::parse(document));
  }
  CHECK(TrustContent::parse(content().payload()).value() == content());
}

TEST_CASE("thresholds and keys that make no sense are refused") {
  const auto refuses = [](auto change) {
    TrustContent trust = content();
    change(trust);
    return !TrustContent::parse(trust.payload());
  };
  CHECK(refuses([](TrustContent& t) { t.root_threshold = 0; }));
  CHECK(refuses([](TrustContent& t) { t.root_threshold = 2; }));
  CHECK(refuses([](TrustContent& t) { t.root_keys.push_back(t.root_keys[0]); }));
  CHECK(refuses([](TrustContent& t) { t.version = 0; }));
  CHECK(refuses([](TrustContent& t) { t.epoch = 0; }));
  CHECK(refuses([](TrustContent& t) { t.sealing_openpgp_fingerprint[0] = 'a'; }));
  CHECK(refuses([](TrustContent& t) { t.sealing_ssh_fingerprint += "x"; }));
}

TEST_CASE("an update must follow: version, origin, epoch, and both roots") {
  CHECK(updates(next_content()));
  const auto refused = [](auto change) {
    TrustContent next = next_content();
    change(next);
    return !updates(next);
  };
  CHECK(refused([](TrustContent& t) { t.version = 1; }));
  CHECK(refused([](TrustContent& t) { t.version = 3; }));
  CHECK(refused([](TrustContent& t) { t.origin = "example.com/other"; }));
  CHECK(refused([](TrustContent& t) { t.root_keys = {test_key(kNextRoot).public_key()}; }));
  CHECK_FALSE(updates(next_content(), {kNextRoot}));
}

TEST_CASE("a root changes hands only with the signatures of both") {
  TrustContent next = next_content();
  next.root_keys = {test_key(kNextRoot).public_key()};
  CHECK_FALSE(updates(next, {kRoot}));
  CHECK_FALSE(updates(next, {kNextRoot}));
  CHECK(updates(next, {kRoot, kNextRoot}));
}

TEST_CASE("an epoch never goes back") {
  TrustContent second = next_content();
  second.epoch = 2;
  const TrustDocument now = pinned().verify_update(signed_by(second, {kRoot})).value();
  TrustContent third = content();
  third.version = 3;
  CHECK_FALSE(now.verify_update(signed_by(third, {kRoot})));
  third.epoch = 2;
  CHECK(now.verify_update(signed_by(third, {kRoot})));
}

TEST_CASE("log keys are those of their epoch, in the name of the origin") {
  const TrustDocument trust = pinned();
  const NoteSigner log = NoteSigner::create("example.com/store", test_key(kLog)).value();
  CHECK(trust.log_keys(1).value().at(0).vkey() == log.key().vkey());
  CHECK(trust.log_keys(2).error().code == ErrorCode::kNotFound);
}

TEST_CASE("a version statement is believed from the right key, store, epoch and time only") {
  const TrustDocument trust = pinned();
  CHECK(open_version_statement(version_envelope(version_statement()), trust).value() ==
        version_statement());
  CHECK_FALSE(open_version_statement(version_envelope(version_statement(), kLog), trust));
  const auto refuses = [&](auto change) {
    VersionStatement statement = version_statement();
    change(statement);
    return !open_version_statement(version_envelope(statement), trust);
  };
  CHECK(refuses([](VersionStatement& s) { s.origin = "example.com/other"; }));
  CHECK(refuses([](VersionStatement& s) { s.epoch = 2; }));
  CHECK(refuses([](VersionStatement& s) { s.time = kNewYear - Milliseconds(1); }));
  const std::string good = version_envelope(version_statement());
  CHECK_FALSE(open_version_statement(replaced(good, "eyJf", "eyJg"), trust));
  const std::string wrong_type =
      sign_dsse(kHeadPayloadType, version_statement().payload(), test_key(kStatements)).serialise();
  CHECK_FALSE(open_version_statement(wrong_type, trust));
}

TEST_CASE("a head statement is believed from the right key, store and type only") {
  const TrustDocument trust = pinned();
  const auto envelope = [](std::string_view type, const HeadStatement& head, char number) {
    return sign_dsse(type, head.payload(), test_key(number)).serialise();
  };
  HeadStatement head = head_statement();
  CHECK(open_head_statement(envelope(kHeadPayloadType, head, kStatements), trust).value() == head);
  CHECK_FALSE(open_head_statement(envelope(kHeadPayloadType, head, kLog), trust));
  CHECK_FALSE(open_head_statement(envelope(kInTotoPayloadType, head, kStatements), trust));
  head.origin = "example.com/other";
  CHECK_FALSE(open_head_statement(envelope(kHeadPayloadType, head, kStatements), trust));
}

TEST_CASE("a root key file with any line wrong is refused") {
  const std::string good = format_root_key_file("example.com/store", test_key());
  const auto read = parse_root_key_file(good);
  REQUIRE(read);
  CHECK(read->origin == "example.com/store");
  CHECK(read->key.public_key() == test_key().public_key());
  const std::string id = test_key().public_key().key_id();
  for (const std::string& bad :
       {std::string(), good + "x", good + "\n", good.substr(0, good.size() - 1),
        replaced(good, "v1", "v2"), replaced(good, "example.com/store", ""),
        replaced(good, "origin: ", "origin:"),
        replaced(good, id, test_key(2).public_key().key_id()),
        replaced(good, "seed: AQEB", "seed: AQEC"), replaced(good, "seed: AQEB", "seed: "),
        replaced(good, "seed: ", "sead: "), replaced(good, "\n", "\r\n")}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_root_key_file(bad));
  }
}

}  // namespace statehouse
