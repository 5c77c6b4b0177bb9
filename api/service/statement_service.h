#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/service/archive_cache.h"
#include "api/service/core.h"
#include "api/service/fetch_service.h"
#include "api/service/owed_statement.h"
#include "crypto/statement.h"

namespace statehouse {

/// A head statement as it was signed, and the checkpoint it names.
struct SignedHead {
  HeadStatement statement;
  std::string envelope;         ///< DSSE JSON
  std::string checkpoint_note;  ///< exact signed note of that checkpoint
};

/// Everything a consumer needs to verify one snapshot (docs/formats.md, "Snapshot bundle").
struct SnapshotBundle {
  StatementRecord statement;
  std::string entry;                       ///< exact bytes of the statement.issued entry
  std::string proof;                       ///< tlog-proof text
  std::optional<SignedHead> head;          ///< none for a version that was asked for by number
  std::optional<MerkleProof> consistency;  ///< none when not asked for
  Oid tree;
};

/// An archive as a statement names it.
struct StatedArchive {
  std::string digest;  ///< "sha256:…", of the uncompressed archive
  std::uint64_t bytes = 0;
};

/// What the store states of `version`; `previous` is the digest of the statement before it.
/// REQUIRES: the version is no deletion.
VersionStatement version_statement(const Core& core, const VersionRecord& version,
                                   const StatedArchive& archive,
                                   const std::optional<std::string>& previous);

/// Signs what consumers verify: version statements, once each, and head statements on demand.
/// Threads: any.
class StatementService {
 public:
  static constexpr std::chrono::hours kHeadValidity{24};
  static constexpr std::chrono::minutes kHeadAgeMax{10};

  StatementService(Core& core, FetchService& access, ArchiveCache& archives)
      : core_(core), access_(access), archives_(archives) {}

  /// Issues the statement of `owed`, and of earlier versions of the ref that still lack one, and
  /// clears the outbox rows in the same transaction. Doing it again is harmless. What is signed is
  /// proved to be in the log first. Errors: kInvalidArgument (the tree cannot be a snapshot),
  /// kUnavailable, kCorrupt (also a row that is not what the log says: nothing is signed).
  Result<> issue(const OwedStatement& owed, const std::vector<std::uint64_t>& done_outbox_ids);

  /// The statement of one version; waits up to `wait_max` while it is being prepared.
  /// Errors: kNotFound (no such version, or a deletion), kUnavailable (not ready).
  Result<StatementRecord> wait_for(const RefKey& key, VersionNumber version, Milliseconds wait_max);

  /// Calls `wake` once the statement of that version may be shown: at once when it may already,
  /// never when it is never issued. `wake` must not block and may be called on any thread, also
  /// while this runs. Destroying what is returned ends it; it must not outlive the service.
  std::shared_ptr<void> when_issued(const RefKey& key, VersionNumber version,
                                    std::function<void()> wake);

  /// What `caller` may read (of one repository, when given), signed now or at most ten minutes ago.
  Result<SignedHead> head(const AuthenticatedCaller& caller,
                          const std::optional<RepositoryName>& repository);

  /// Errors: kNotFound also when the caller may not read `key`.
  Result<SnapshotBundle> bundle(const AuthenticatedCaller& caller, const RefKey& key,
                                std::optional<VersionNumber> version, std::uint64_t since,
                                Milliseconds wait_max);

 private:
  Result<> issue_one(const VersionRecord& version, std::vector<std::uint64_t> outbox_ids);
  Result<std::optional<std::string>> previous_digest(const RefKey& key,
                                                     VersionNumber version) const;
  /// None while it may not be shown.
  Result<std::optional<StatementRecord>> shown(const RefKey& key, VersionNumber version) const;
  void tell_waiting(const RefKey& key, VersionNumber version);
  std::vector<HeadStatement::Ref> readable_refs(
      const AuthenticatedCaller& caller, const std::optional<RepositoryName>& repository) const;
  Result<SignedHead> sign_head(std::vector<HeadStatement::Ref> refs) const;
  Result<SignedHead> head_covering(const AuthenticatedCaller& caller,
                                   const std::optional<RepositoryName>& repository,
                                   EntryIndex entry);

  /// Somebody who waits for one version's statement. Shared with the handle that ends the waiting.
  struct Waiting {
    std::pair<RefKey, VersionNumber> what;
    std::function<void()> wake;
  };

  Core& core_;
  FetchService& access_;
  ArchiveCache& archives_;
  std::mutex issuing_;  ///< statements of a ref are issued in order: one at a time
  std::mutex mutex_;
  std::condition_variable issued_;
  // Guarded by mutex_. Heads by what they say about refs, so callers with equal views share one.
  std::map<std::string, SignedHead> heads_;
  std::set<std::shared_ptr<Waiting>> waiting_;
};

}  // namespace statehouse
