#include "cli/snapshot_verifier.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/dsse.h"
#include "tests/cli/store_fixture.h"

namespace statehouse {

using test::TestStore;

namespace {

/// A store at version 3, a consumer that saw version 2, and a question about the newest.
struct Consumer {
  Consumer() {
    store.append_noise(3);
    store.issue_version();
    store.issue_version();
    last = store.seen();
    store.append_noise(4);
    store.issue_version();
    question.repository = store.key().repository;
    question.ref = store.key().ref;
    question.now = store.now;
  }

  Result<VerifiedSnapshot> verify() { return verify(store.snapshot(last.checkpoint_size)); }
  Result<VerifiedSnapshot> verify(const Json& document) {
    return verify_snapshot(store.trust(), SnapshotOffer::parse(document).value(), question, last);
  }

  TestStore store;
  LastSeen last;
  SnapshotQuestion question;
};

void check_refused(const Result<VerifiedSnapshot>& result, std::string_view why,
                   ErrorCode code = ErrorCode::kUnverified) {
  REQUIRE_FALSE(result.has_value());
  CAPTURE(result.error().message);
  CHECK(result.error().code == code);
  CHECK(result.error().message.find(why) != std::string::npos);
}

/// The document with one bit of the payload of a DSSE member changed.
Json with_changed_payload(Json document, const std::string& member) {
  std::string payload = base64_decode(document[member]["payload"].get<std::string>()).value();
  payload[payload.size() / 2] ^= 1;
  document[member]["payload"] = base64_encode(payload);
  return document;
}

}  // namespace

TEST_CASE("a statement signed by a key that the trust document does not name is refused") {
  Consumer consumer;
  const TestStore stranger("example.com/store", 2);
  consumer.store.statement_key = stranger.statement_key.duplicate();
  consumer.store.reissue();
  TestStore honest;  // whose trust document is the pinned one
  const auto result =
      verify_snapshot(honest.trust(), consumer.store.bundle(), consumer.question, LastSeen());
  check_refused(result, "version statement");
}

TEST_CASE("a changed statement, a changed head and a changed entry are refused") {
  Consumer consumer;
  const Json document = consumer.store.snapshot(consumer.last.checkpoint_size);
  check_refused(consumer.verify(with_changed_payload(document, "statement")), "version statement");
  check_refused(consumer.verify(with_changed_payload(document, "head")), "head statement");
  Json other = document;
  other["entry"] = base64_encode(consumer.store.entries.at(0));
  check_refused(consumer.verify(other), "log entry");
}

TEST_CASE("a statement of another store is refused by its origin, even under the same keys") {
  Consumer consumer;
  TestStore other("example.org/other");  // the same seed: the same keys
  other.issue_version();
  const auto result =
      verify_snapshot(consumer.store.trust(), other.bundle(), consumer.question, LastSeen());
  check_refused(result, "example.org/other");
}

TEST_CASE("a genuine statement about something else than asked for is refused") {
  Consumer consumer;
  consumer.question.repository = RepositoryName::parse("team/app").value();
  check_refused(consumer.verify(), "wrong repository");
  consumer.question.ref.reset();
  check_refused(consumer.verify(), "wrong repository");
  consumer.question.repository.reset();
  consumer.question.ref = RefName::parse("refs/heads/audit").value();
  check_refused(consumer.verify(), "wrong ref");
  consumer.question.ref.reset();
  consumer.question.version = 2;
  check_refused(consumer.verify(), "wrong version");
}

TEST_CASE("a head that expired is stale: unavailable, not unverified") {
  Consumer consumer;
  consumer.question.now = consumer.store.now + std::chrono::hours(24);
  check_refused(consumer.verify(), "stale head", ErrorCode::kUnavailable);
  consumer.question.now = consumer.store.now + std::chrono::hours(24) - Milliseconds(1);
  CHECK(consumer.verify());
}

TEST_CASE("a head from the future is refused beyond the tolerance") {
  Consumer consumer;
  consumer.question.now = consumer.store.now - kClockTolerance - Milliseconds(1);
  check_refused(consumer.verify(), "head from the future");
  consumer.question.now = consumer.store.now - kClockTolerance;
  CHECK(consumer.verify());
}

TEST_CASE("a missing head is refused when the newest version was asked for") {
  Consumer consumer;
  check_refused(consumer.verify(consumer.store.historic_snapshot()), "missing head");
}

TEST_CASE("a head that does not name exactly this version is refused") {
  const std::vector<std::function<void(HeadStatement&)>> changes{
      [](HeadStatement& head) { head.refs.clear(); },
      [](HeadStatement& head) { head.refs[0].ref = "refs/heads/audit"; },
      [](HeadStatement& head) { head.refs[0].repository = "team/app"; },
      [](HeadStatement& head) { head.refs[0].version += 1; },
      [](HeadStatement& head) { head.refs[0].commit = std::string(40, 'b'); },
      [](HeadStatement& head) { head.refs[0].tree = std::string(40, 'c'); }};
  for (const auto& change : changes) {
    Consumer consumer;
    consumer.store.change_head = change;
    check_refused(consumer.verify(), "wrong head");
  }
}

TEST_CASE("a head of another checkpoint than the proof's is refused") {
  Consumer consumer;
  consumer.store.change_head = [](HeadStatement& head) { head.checkpoint_size -= 1; };
  check_refused(consumer.verify(), "wrong checkpoint");
  consumer.store.change_head = [](HeadStatement& head) {
    head.checkpoint_root = merkle_leaf_hash("another");
  };
  check_refused(consumer.verify(), "wrong checkpoint");
}

TEST_CASE("a version lower than the last seen is refused, however genuine") {
  Consumer consumer;
  consumer.last = consumer.store.seen();
  consumer.last.refs[consumer.store.key()].version = 4;
  check_refused(consumer.verify(), "lower version");
}

TEST_CASE("another content for a version seen before is refused") {
  Consumer consumer;
  consumer.last = consumer.store.seen();
  consumer.last.refs[consumer.store.key()].commit = std::string(40, 'd');
  check_refused(consumer.verify(), "two contents");
  consumer.last = consumer.store.seen();
  consumer.last.refs[consumer.store.key()].tree = std::string(40, 'd');
  check_refused(consumer.verify(), "two contents");
}

TEST_CASE("an epoch lower than the last seen, or than the trust document's, is refused") {
  Consumer consumer;
  consumer.last.epoch = 2;
  check_refused(consumer.verify(), "lower epoch");
  consumer.last.epoch = 1;
  const SnapshotOffer old = consumer.store.bundle(consumer.last.checkpoint_size);
  consumer.store.epoch = 2;
  check_refused(verify_snapshot(consumer.store.trust(), old, consumer.question, consumer.last),
                "lower epoch");
}

TEST_CASE("a state file of another store is refused") {
  Consumer consumer;
  consumer.last.origin = "example.org/other";
  check_refused(consumer.verify(), "wrong origin");
}

TEST_CASE("an entry about another statement, ref or version, or of another type, is refused") {
  Consumer consumer;
  const std::string digest = sha256_digest_text(consumer.store.statement.payload());
  const Json right{{"repository", "platform"},
                   {"ref", "refs/heads/deploy"},
                   {"version", 3},
                   {"statement", digest}};
  const auto verify_with = [&](const std::string& type, const Json& data) {
    consumer.store.statement_entry = consumer.store.append(type, data);
    return consumer.verify();
  };
  CHECK(verify_with("statehouse.statement.issued", right));
  check_refused(verify_with("statehouse.ref.updated", right), "log entry: it is of type");
  for (const char* member : {"statement", "repository", "ref", "version"}) {
    Json wrong = right;
    wrong[member] = std::string(member) == "version" ? Json(2) : Json("other");
    check_refused(verify_with("statehouse.statement.issued", wrong), "log entry");
    wrong.erase(member);
    check_refused(verify_with("statehouse.statement.issued", wrong), "log entry");
  }
}

TEST_CASE("an entry that is not in the log is refused") {
  Consumer consumer;
  const Json honest = consumer.store.snapshot();
  // The same entry, logged in a store of its own, with that store's proof but the real checkpoint.
  TestStore fork;
  fork.append_noise(9);
  fork.statement = consumer.store.statement;
  fork.reissue();
  Json forged = fork.snapshot();
  check_refused(consumer.verify(forged), "inconsistent checkpoint");
  const std::string proof = forged["proof"].get<std::string>();
  const std::string real = honest["proof"].get<std::string>();
  forged["proof"] = proof.substr(0, proof.find("\n\n")) + real.substr(real.find("\n\n"));
  forged["head"] = honest["head"];
  check_refused(consumer.verify(forged), "entry not in the log");
}

TEST_CASE("an entry at another index than the proof's is refused") {
  Consumer consumer;
  Json document = consumer.store.snapshot(consumer.last.checkpoint_size);
  std::string proof = document["proof"].get<std::string>();
  const std::string line = "index " + std::to_string(consumer.store.statement_entry);
  proof.replace(proof.find(line), line.size(), "index 1");
  document["proof"] = proof;
  check_refused(consumer.verify(document), "log entry: it is not the entry at index 1");
}

TEST_CASE("a checkpoint that the log's key did not sign is refused") {
  Consumer consumer;
  const TestStore stranger("example.com/store", 2);
  const TrustDocument pinned = consumer.store.trust();
  consumer.store.log_key = stranger.log_key.duplicate();
  check_refused(verify_snapshot(pinned, consumer.store.bundle(consumer.last.checkpoint_size),
                                consumer.question, consumer.last),
                "checkpoint");
}

TEST_CASE("a log that shrank, or has another root at the same size, is refused") {
  Consumer consumer;
  consumer.last.checkpoint_size = consumer.store.size() + 1;
  check_refused(consumer.verify(consumer.store.snapshot()), "the log shrank");
  consumer.last.checkpoint_size = consumer.store.size();
  check_refused(consumer.verify(consumer.store.snapshot()), "another root");
}

TEST_CASE("a log that does not continue the last seen one is refused") {
  Consumer consumer;
  check_refused(consumer.verify(consumer.store.snapshot()), "no consistency proof");
  check_refused(consumer.verify(consumer.store.snapshot(consumer.last.checkpoint_size - 1)),
                "inconsistent checkpoint");
  consumer.last.checkpoint_root = merkle_leaf_hash("another history");
  check_refused(consumer.verify(), "inconsistent checkpoint");
}

TEST_CASE("an archive of another size or content is refused, each with its own words") {
  Consumer consumer;
  const VerifiedSnapshot verified = consumer.verify().value();
  const std::string archive = "archive bytes";
  CHECK(verified.require_archive(sha256(archive), archive.size()));
  CHECK(verified.require_archive(sha256(archive), archive.size() + 1)
            .error()
            .message.starts_with("wrong size"));
  CHECK(verified.require_archive(sha256("archive bytez"), archive.size())
            .error()
            .message.starts_with("wrong digest"));
}

TEST_CASE("malformed parts are unverified, never accepted") {
  Consumer consumer;
  for (const auto& [member, value] : std::initializer_list<std::pair<const char*, Json>>{
           {"statement", Json::object()},
           {"statement", "text"},
           {"head", Json::object()},
           {"proof", ""},
           {"proof", "c2sp.org/tlog-proof@v1\nindex 1\n"},
           {"entry", ""},
           {"entry", base64_encode("not json")},
           {"entry", base64_encode("[]")}}) {
    Json document = consumer.store.snapshot(consumer.last.checkpoint_size);
    document[member] = value;
    CAPTURE(member);
    check_refused(consumer.verify(document), "");
  }
}

TEST_CASE("a bundle that is not one is invalid") {
  for (const char* text :
       {"null", "[]", "{}", R"({"statement":{}})", R"({"statement":{},"entry":"!","proof":""})",
        R"({"statement":{},"entry":"","proof":1})",
        R"({"statement":{},"entry":"","proof":"","consistency":1})",
        R"({"statement":{},"entry":"","proof":"","consistency":[1]})",
        R"({"statement":{},"entry":"","proof":"","consistency":["AAAA"]})"}) {
    CAPTURE(text);
    CHECK(SnapshotOffer::parse(parse_json(text).value()).error().code ==
          ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("an honest snapshot verifies and says what to remember") {
  Consumer consumer;
  const VerifiedSnapshot verified = consumer.verify().value();
  CHECK(verified.age() == SnapshotAge::kCurrent);
  CHECK(verified.statement() == consumer.store.statement);
  CHECK(verified.entry() == consumer.store.statement_entry);
  CHECK(verified.seen() == consumer.store.seen());
  CHECK(verified.expires() == consumer.store.now + std::chrono::hours(24));
}

TEST_CASE("the first snapshot ever needs no last seen state") {
  Consumer consumer;
  consumer.last = LastSeen();
  CHECK(consumer.verify(consumer.store.snapshot()));
}

TEST_CASE("the same snapshot verifies again") {
  Consumer consumer;
  consumer.last = consumer.store.seen();
  CHECK(consumer.verify(consumer.store.snapshot()).value().seen() == consumer.last);
}

TEST_CASE("a version by number is historic: no head is needed, none is believed") {
  Consumer consumer;
  consumer.question.version = 3;
  consumer.question.now = consumer.store.now + std::chrono::hours(1000);
  consumer.last = consumer.store.seen();
  consumer.last.refs[consumer.store.key()].version = 9;
  const VerifiedSnapshot verified = consumer.verify(consumer.store.historic_snapshot()).value();
  CHECK(verified.age() == SnapshotAge::kHistoric);
  CHECK_FALSE(verified.expires());
  CHECK(verified.seen().refs == consumer.last.refs);
}

TEST_CASE("a declared new epoch may begin with a shorter log") {
  Consumer consumer;
  consumer.store.epoch = 2;
  consumer.store.issue_version();
  consumer.last.checkpoint_size = 1000;
  CHECK(consumer.verify(consumer.store.snapshot()).value().seen().epoch == 2);
}

}  // namespace statehouse
