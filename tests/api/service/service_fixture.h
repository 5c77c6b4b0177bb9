#pragma once

#include <doctest/doctest.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/service/initialize.h"
#include "api/service/state_store.h"
#include "crypto/base/entropy.h"
#include "crypto/git_object.h"
#include "crypto/sshsig.h"
#include "store/git/git_client.h"
#include "store/git/git_library.h"
#include "store/git/object_writer.h"

// The vocabulary of the service tests: a small organisation, its store, and what its people do.

namespace statehouse::test {

/// The value of a Result that must be one; the failure's message otherwise.
template <typename T>
T must(Result<T> result) {
  if (!result) FAIL("unexpected failure: ", result.error().message);
  return *std::move(result);
}
inline void must(const Result<>& result) {
  if (!result) FAIL("unexpected failure: ", result.error().message);
}

/// The code of a Result that must have failed.
template <typename T>
ErrorCode code_of(const Result<T>& result) {
  REQUIRE_FALSE(result.has_value());
  return result.error().code;
}

RefKey key_of(std::string_view text);  ///< "platform:refs/heads/audit"
ResourceName name_of_resource(std::string_view text);

/// A clock that stands still until it is moved. The store's threads look at it all the time.
class HeldClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return time_.load(); }
  void advance(Milliseconds by) { time_ = now() + by; }

 private:
  std::atomic<Timestamp> time_{Timestamp::parse("2026-03-01T12:00:00Z").value()};
};

/// Steps that fail at one name, before or after its effect, until healed; or that something else
/// happens before, once.
class OneBadStep final : public DurableSteps {
 public:
  Result<> before(std::string_view step) override;
  Result<> after(std::string_view step) override;
  /// From now on `step` fails, before or after its effect.
  void break_before(std::string_view step);
  void break_after(std::string_view step);
  void heal();
  /// Runs `action` before `step` happens the next time.
  void meanwhile(std::string step, std::function<void()> action);

 private:
  std::mutex mutex_;  ///< the housekeeper takes steps too
  std::string bad_before_;
  std::string bad_after_;
  std::string interrupted_;
  std::function<void()> action_;
};

/// The key of somebody called `name`: the same in every run.
Ed25519SecretKey key_named(std::string_view name);
std::string public_key_line(std::string_view name);

/// The files of a commit: path -> bytes.
using FileMap = std::map<std::string, std::string>;

/// A commit to be made. Signed by its author in namespace "git" unless told otherwise.
struct CommitPlan {
  std::string author = "alice";
  FileMap files = {{"apps/shop.yaml", "kind: ConfigMap\n"}};
  std::vector<Oid> parents;
  std::optional<Oid> tree = std::nullopt;  ///< instead of `files`, written before
  std::string message = "Change the shop\n";
  std::optional<std::string> committer = std::nullopt;  ///< none: the author
  std::optional<std::string> signer = std::nullopt;     ///< key's name; none: the committer's
  bool is_signed = true;
  std::string signature_namespace = std::string(kSshNamespaceGit);
};

/// Objects that people have made and not pushed yet, in a bare repository of theirs.
class Workshop {
 public:
  Workshop();

  Oid commit(const CommitPlan& plan);
  /// The bytes of a commit, before it is written.
  std::string raw_commit(const CommitPlan& plan);
  /// A commit of exactly these bytes.
  Oid write_commit(std::string raw, const Oid& tree, std::vector<Oid> parents);
  Oid write(ObjectType type, std::string bytes);
  /// What a push of `tips` sends: everything below them that was made here and not `sent` yet.
  std::string pack(const std::vector<Oid>& tips) const;
  [[nodiscard]] const Path& path() const { return path_; }

 private:
  struct Made {
    std::vector<Oid> objects;
    std::vector<Oid> parents;
  };

  TemporaryDirectory directory_;
  Path path_;
  UnwatchedSteps steps_;
  std::map<Oid, Made> commits_;
  std::map<std::string, Oid> trees_;
  int clock_ = 0;
};

/// What a pusher is told, as tests ask for it.
struct PushResult {
  PushReport report;

  [[nodiscard]] bool accepted() const;
  /// Whether a `denied:` line names `rule` ("audit/signatures").
  [[nodiscard]] bool denied_by(std::string_view rule) const;
  [[nodiscard]] std::string text() const;  ///< everything that was said
};

/// A store with two administrators (alice, bob), and with `organisation()` declared in it; for the
/// length of a test. Each is a copy of one that is made once in the process.
class ServiceFixture {
 public:
  ServiceFixture();

  /// Identities carol, dave and mallory (in no group), robot ci (owned by alice); groups
  /// developers, reviewers, auditors; repositories platform, team/app and mirror; policies and
  /// flows: see the text.
  static std::string organisation();

  [[nodiscard]] Core& core() { return store->core(); }
  [[nodiscard]] const LedgerReader& ledger() { return store->core().ledger.read(); }

  /// Somebody with a token; `repositories` narrows it.
  AuthenticatedCaller as(std::string_view who, TokenScope scope = TokenScope::kWrite,
                         const std::string& repositories = "");

  /// Pushes to refs of one repository as `who`, with the old values that the ledger has.
  PushResult push(std::string_view who, const std::string& repository,
                  const std::map<std::string, std::optional<Oid>>& refs, bool dry_run = false);
  /// To refs/heads/audit of platform.
  PushResult push(std::string_view who, const Oid& commit);
  /// The same with an old value, or pack, of one's own.
  Result<PushReport> push_moves(std::string_view who, const std::string& repository,
                                std::vector<ProposedMove> moves,
                                const std::optional<std::string>& pack, bool dry_run = false);

  /// Makes a commit on top of platform's audit branch (when it is there).
  Oid commit(CommitPlan plan = {});
  /// Makes one and pushes it; it must be accepted.
  Oid push_commit(CommitPlan plan = {});

  PromotionNumber open(std::string_view who, const std::string& flow,
                       const std::optional<Oid>& commit = {});
  Result<PromotionOutcome> approve(std::string_view who, PromotionNumber number);
  /// What `approve` hands in: the statement of the promotion as it is, changed and signed.
  std::string approval_envelope(PromotionNumber number, std::string_view key,
                                const std::function<void(ApprovalStatement&)>& change = nullptr);
  /// The same with changes to what is signed, and with a key of one's choice.
  Result<PromotionOutcome> approve_with(std::string_view who, PromotionNumber number,
                                        std::string_view key,
                                        const std::function<void(ApprovalStatement&)>& change);
  Result<PromotionOutcome> merge(std::string_view who, PromotionNumber number);
  /// Opens by alice, approves by bob, merges by bob: the target's new version.
  VersionRecord promote(const std::string& flow);
  /// Pushes `files` on top of `system`'s configuration as alice.
  PushResult push_configuration(const FileMap& files);
  /// Pushes, promotes and so activates them. An empty text removes the file.
  void declare(const FileMap& files);

  [[nodiscard]] std::optional<RefState> state(std::string_view key);
  [[nodiscard]] Oid tip(std::string_view key);
  [[nodiscard]] VersionNumber version(std::string_view key);
  /// What the ref's file says.
  [[nodiscard]] std::optional<Oid> ref_file(std::string_view key);
  /// The newest entry of the log that is no statement, parsed.
  [[nodiscard]] Json newest_event();
  /// Waits until the housekeeper owes nothing.
  void settle();
  /// Size of the log once that is so.
  [[nodiscard]] std::uint64_t log_size();
  /// Object files in the repository's folder that are not a pack's index.
  [[nodiscard]] std::set<std::string> object_files(const std::string& repository);
  [[nodiscard]] PooledRepository objects(const std::string& repository);

  /// Closes the store and opens it again.
  void reopen();

  GitLibrary git;
  HeldClock clock;
  SystemEntropy entropy;
  OneBadStep steps;
  TemporaryDirectory directory;
  std::unique_ptr<StateStore> store;
  Workshop workshop;
};

/// The problem of an outcome that must be a refusal: "approvals self-approval".
std::string refusal_of(const Result<PromotionOutcome>& outcome);
/// An outcome that must be no refusal.
PromotionNumber accepted(Result<PromotionOutcome> outcome);

}  // namespace statehouse::test
