#include <thread>

#include "tests/store/ledger/fixture.h"

namespace statehouse {

TEST_CASE_FIXTURE(LedgerFixture, "a job that returns an error leaves nothing behind") {
  create_repository();
  const auto refused = ledger().commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.record_version(version_draft(audit_ref(), 1)));
    TRY(transaction.put_value("name", "value"));
    return denied("second thoughts");
  });
  CHECK(refused.error().code == ErrorCode::kDenied);
  CHECK(read().tree_size() == 0);
  CHECK_FALSE(*read().ref(audit_ref()));
  CHECK_FALSE(*read().value("name"));
  CHECK(read().outbox()->records.empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "an index given to a failed job is given to the next one") {
  (void)ledger().commit([&](Transaction& transaction) -> Result<> {
    TRY(transaction.append(alarm()));
    return denied("no");
  });
  CHECK(append()->index == 0);
  CHECK(append()->index == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "a batch without an entry signs no checkpoint") {
  const std::string before = read().checkpoint().note;
  CHECK(ledger().commit([](Transaction& transaction) { return transaction.put_value("a", "b"); }));
  CHECK(read().checkpoint().note == before);
  CHECK(*read().value("a") == "b");
}

TEST_CASE_FIXTURE(LedgerFixture, "an entry is the exact bytes that were hashed") {
  const AppendedEntry entry = *append();
  CHECK(*read().entry(0) == entry.bytes);
  CHECK(*read().leaf_hash(0) == merkle_leaf_hash(entry.bytes));
  const ParsedEntry parsed = *parse_entry(entry.bytes);
  CHECK(parsed.id == "1-0");
  CHECK(parsed.source == "example.com/store");
  CHECK(parsed.time == clock.now());
}

TEST_CASE_FIXTURE(LedgerFixture, "the checkpoint is signed, published and in the high-water file") {
  append_many(3);
  const CheckpointRecord checkpoint = read().checkpoint();
  CHECK(checkpoint.size == 3);
  CHECK(newest_high_water() == checkpoint.note);
  CHECK(read().checkpoint_at(3)->note == checkpoint.note);
  CHECK(read().checkpoint_at(2).error().code == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(LedgerFixture, "two threads of 200 commits each lose and double nothing") {
  const auto work = [&] {
    for (int i = 0; i < 200; ++i) CHECK(append());
  };
  std::thread other(work);
  work();
  other.join();
  CHECK(read().tree_size() == 400);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "jobs that wait are answered in one batch, each in its savepoint") {
  std::vector<std::thread> threads;
  std::atomic<int> accepted{0}, refused{0};
  for (int i = 0; i < 40; ++i) {
    threads.emplace_back([&, i] {
      const auto answer = ledger().commit([&](Transaction& transaction) -> Result<> {
        TRY(transaction.append(alarm()));
        if (i % 4 == 0) return denied("no");
        return {};
      });
      ++(answer ? accepted : refused);
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(accepted == 30);
  CHECK(refused == 10);
  CHECK(read().tree_size() == 30);
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(LedgerFixture, "a clock that is behind the last entry signs nothing") {
  append_many(1);
  clock.advance(-std::chrono::seconds(61));
  const auto refused = append();
  CHECK(refused.error().code == ErrorCode::kUnavailable);
  CHECK(refused.error().message.find("clock is behind") != std::string::npos);
  CHECK(read().tree_size() == 1);
  CHECK(ledger().health().clock);
  const Timestamp since = clock.now();
  clock.advance(std::chrono::milliseconds(500));
  CHECK(ledger().health().clock_since == since);
  clock.advance(std::chrono::seconds(61));
  CHECK_FALSE(ledger().health().clock);
  CHECK_FALSE(ledger().health().clock_since);
}

TEST_CASE_FIXTURE(LedgerFixture, "within the tolerance an entry has the last one's time") {
  const Timestamp first = append()->time;
  clock.advance(-std::chrono::seconds(59));
  CHECK(append()->time == first);
  clock.advance(std::chrono::seconds(70));
  CHECK(append()->time == first + std::chrono::seconds(11));
}

TEST_CASE_FIXTURE(LedgerFixture,
                  "entries that are malformed, too long or badly named are refused") {
  EntryDraft not_object = alarm();
  not_object.data = Json::array();
  EntryDraft own_actor = alarm();
  own_actor.data["actor"] = "alice";
  EntryDraft own_evidence = alarm();
  own_evidence.data["evidence"] = Json::array();
  EntryDraft no_subject = alarm();
  no_subject.subject = "";
  EntryDraft long_subject = alarm();
  long_subject.subject = std::string(513, 'x');
  EntryDraft too_long = alarm(std::string(65'535, 'x'));
  EntryDraft twice = alarm();
  twice.evidence = {{"decision", "text/plain", "a"}, {"decision", "text/plain", "b"}};
  EntryDraft too_large = alarm();
  too_large.evidence = {{"decision", "text/plain", std::string((4 << 20) + 1, 'x')}};
  for (const EntryDraft& bad : {not_object, own_actor, own_evidence, no_subject, long_subject,
                                too_long, twice, too_large}) {
    CHECK(append(bad).error().code == ErrorCode::kInvalidArgument);
  }
  CHECK(read().tree_size() == 0);
}

TEST_CASE_FIXTURE(LedgerFixture, "evidence is bound by a salted digest and found by it") {
  EntryDraft draft = alarm();
  draft.evidence = {{"decision", "application/json", "{}"}};
  const AppendedEntry entry = *append(draft);
  const EvidenceRecord evidence = *read().evidence(entry.evidence_digests[0]);
  CHECK(evidence.content->bytes == "{}");
  CHECK(evidence.digest == evidence_digest(evidence.content->salt, "{}"));
  CHECK(entry.bytes.find(evidence.digest) != std::string::npos);
  CHECK(read().evidence_of(0)->size() == 1);
}

TEST_CASE_FIXTURE(LedgerFixture, "erased evidence leaves a digest, a tombstone and no finding") {
  EntryDraft draft = alarm();
  draft.evidence = {{"comment", "text/plain", "a name"}};
  const std::string digest = append(draft)->evidence_digests[0];
  const auto erase = [&](Transaction& transaction) {
    return transaction.erase_evidence(digest, "a court said so", {});
  };
  CHECK(ledger().commit(erase));
  CHECK(ledger().commit(erase).error().code == ErrorCode::kConflict);
  CHECK_FALSE(read().evidence(digest)->content);
  CHECK(findings().empty());
}

}  // namespace statehouse
