#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"
#include "crypto/checkpoint.h"
#include "crypto/ed25519.h"
#include "crypto/sha256.h"
#include "store/ledger/high_water.h"
#include "store/ledger/ledger.h"

namespace statehouse {

/// A clock that stands still until it is told.
class StillClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return Timestamp::from_unix_ms(now_ms_.load()); }
  void advance(Milliseconds by) { now_ms_ += by.count(); }

 private:
  std::atomic<std::int64_t> now_ms_{1'800'000'000'000};
};

/// The same "random" bytes in every run: SHA-256 of a counter.
class CountingEntropy final : public Entropy {
 public:
  [[nodiscard]] std::string bytes(std::size_t count) const override {
    std::string out;
    while (out.size() < count) out += sha256(std::to_string(counter_++));
    return out.substr(0, count);
  }

 private:
  mutable std::atomic<std::uint64_t> counter_{0};
};

/// Fails one step, before or after its effect, from when it is armed.
class FailingSteps final : public DurableSteps {
 public:
  enum class When { kNever, kBefore, kAfter };
  void fail(std::string step, When when, ErrorCode code = ErrorCode::kInternal) {
    const std::lock_guard lock(mutex_);
    step_ = std::move(step);
    when_ = when;
    code_ = code;
  }
  void heal() { fail("", When::kNever); }
  Result<> before(std::string_view step) override { return at(step, When::kBefore); }
  Result<> after(std::string_view step) override { return at(step, When::kAfter); }

 private:
  Result<> at(std::string_view step, When when) {
    const std::lock_guard lock(mutex_);
    if (when_ == when && step_ == step) return statehouse::fail(code_, "injected failure");
    return {};
  }
  std::mutex mutex_;
  std::string step_;
  When when_ = When::kNever;
  ErrorCode code_ = ErrorCode::kInternal;
};

inline RefKey ref_key(std::string_view repository, std::string_view ref) {
  return {*RepositoryName::parse(repository), *RefName::parse(ref)};
}
inline RefKey audit_ref() { return ref_key("platform", "refs/heads/audit"); }
inline RefKey deploy_ref() { return ref_key("platform", "refs/heads/deploy"); }

inline Oid oid_of(std::string_view seed) { return Oid::from_bytes(sha256(seed).substr(0, 20)); }

inline VersionContent content_of(std::string_view seed) {
  const std::string text(seed);
  return {oid_of(text + " commit"), sha256_digest_text(text + " commit"), oid_of(text + " tree"),
          sha256_digest_text(text + " tree")};
}

inline VersionDraft version_draft(const RefKey& key, VersionNumber version,
                                  std::string_view seed = "content") {
  VersionDraft draft{.key = key};
  draft.version = version;
  draft.content = content_of(seed);
  draft.push_id = "push_0123456789abcdef";
  draft.commits = {1, 1, 0, 0};
  draft.policy_digest = sha256_digest_text("policy");
  draft.actor = {"alice", ActorVia::kToken, "tok_0123456789abcdef"};
  return draft;
}

inline PromotionRecord promotion_of(std::string_view seed) {
  PromotionRecord record{.source = audit_ref(), .target = deploy_ref()};
  record.flow = "deploy";
  record.source_commit = oid_of(seed);
  record.source_commit_digest = sha256_digest_text(seed);
  record.tree = oid_of("tree");
  record.tree_digest = sha256_digest_text("tree");
  record.title = "title";
  record.opener = "alice";
  return record;
}

inline EntryDraft alarm(std::string_view reason = "ref-file-differs") {
  return {.type = EventType::kIntegrityAlarmed,
          .subject = "system",
          .actor = {},
          .data = {{"reason", reason}}};
}

/// One ledger in a temporary directory, with everything it needs and verbs to use and harm it.
class LedgerFixture {
 public:
  LedgerFixture() : directory_(*TemporaryDirectory::create("/tmp", "ledger-test")) {
    ledger_ = *Ledger::create(path(), options());
  }

  [[nodiscard]] Path path() const { return directory_.path() / "ledger.db"; }
  [[nodiscard]] Path high_water() const { return directory_.path() / "high-water"; }
  [[nodiscard]] const Path& directory() const { return directory_.path(); }
  [[nodiscard]] LedgerOptions options() {
    return {.origin = "example.com/store",
            .log_key = key_,
            .clock = clock,
            .entropy = entropy,
            .steps = steps,
            .high_water_path = high_water()};
  }
  [[nodiscard]] VerifyOptions verify_options() {
    return {.origin = "example.com/store", .log_keys = {key_.public_key()}};
  }

  Ledger& ledger() { return *ledger_; }
  const LedgerReader& read() { return ledger_->read(); }

  void close() { ledger_.reset(); }
  void reopen() {
    close();
    auto opened = Ledger::open(path(), options());
    REQUIRE_MESSAGE(opened, (opened ? "" : opened.error().message));
    ledger_ = *std::move(opened);
  }
  /// Runs SQL behind the ledger's back, as somebody with the file could.
  void harm(const std::string& sql) { harm(sql, path()); }
  static void harm(const std::string& sql, const Path& path);
  /// Closes, runs SQL, opens again.
  void harm_at_rest(const std::string& sql) {
    close();
    harm(sql);
    reopen();
  }

  /// Takes a copy of the ledger, and later puts it in the ledger's place.
  void keep_copy() { REQUIRE(read().copy_to(directory() / "copy.db")); }
  void put_copy_back() {
    close();
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(path().string() + suffix);
    }
    std::filesystem::rename(directory() / "copy.db", path());
  }
  void put_high_water(std::string_view note) {
    UnwatchedSteps unwatched;
    REQUIRE(write_file_durably(high_water(), note, 0600, unwatched, "x"));
  }

  /// Of the two notes in the high-water file, the one of the larger tree.
  [[nodiscard]] std::string newest_high_water() const {
    const NoteSigner signer = *NoteSigner::create("example.com/store", key_.duplicate());
    const auto size_of = [&](const std::string& note) {
      const auto opened = open_checkpoint(note, "example.com/store", {signer.key()});
      return opened ? static_cast<std::int64_t>(opened->size()) : -1;
    };
    const HighWaterFile::Slots slots = *HighWaterFile::read(high_water());
    return size_of(slots[0]) > size_of(slots[1]) ? slots[0] : slots[1];
  }

  Result<AppendedEntry> append(EntryDraft draft = alarm()) {
    return ledger_->commit(
        [&](Transaction& transaction) { return transaction.append(std::move(draft)); });
  }
  void append_many(int count) {
    const Result<> done = ledger_->commit([&](Transaction& transaction) -> Result<> {
      for (int i = 0; i < count; ++i) TRY(transaction.append(alarm("number-" + std::to_string(i))));
      return {};
    });
    REQUIRE(done);
  }
  void create_repository(std::string_view name = "platform") {
    REQUIRE(ledger_->commit([&](Transaction& transaction) {
      return transaction.create_repository(*RepositoryName::parse(name));
    }));
  }
  Result<RecordedVersion> move(const VersionDraft& draft, std::vector<Evidence> evidence = {}) {
    return ledger_->commit([&](Transaction& transaction) {
      return transaction.record_version(draft, std::move(evidence));
    });
  }
  Result<PromotionNumber> open_promotion(std::string_view seed = "source") {
    return ledger_->commit(
        [&](Transaction& transaction) { return transaction.insert_promotion(promotion_of(seed)); });
  }
  [[nodiscard]] ErrorCode stopped_code() {
    const auto stopped = ledger_->health().stopped;
    REQUIRE(stopped);
    return stopped->code;
  }
  [[nodiscard]] std::vector<VerifyFinding> findings() {
    auto report = verify_ledger_file(path(), verify_options());
    REQUIRE_MESSAGE(report, (report ? "" : report.error().message));
    return report->findings;
  }

  StillClock clock;
  CountingEntropy entropy;
  FailingSteps steps;

 private:
  TemporaryDirectory directory_;
  Ed25519SecretKey key_ = *Ed25519SecretKey::from_seed(std::string(32, 'k'));
  std::unique_ptr<Ledger> ledger_;
};

}  // namespace statehouse
