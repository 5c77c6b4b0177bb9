#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "api/service/live_configuration.h"
#include "crypto/base/clock.h"
#include "crypto/base/error.h"
#include "policy/facts.h"
#include "store/git/git_repository.h"
#include "store/ledger/reader.h"
#include "store/model/name.h"

namespace statehouse {

/// One commit as policy sees it, and the record to keep when this store has not judged it before.
struct JudgedCommit {
  CommitFacts facts;
  std::optional<CommitVerdictRecord> fresh;  ///< to be recorded with the move that brings it
};

/// What judging rests on at one moment.
struct JudgingContext {
  const ActiveConfiguration& active;
  std::optional<ResourceName> pusher;  ///< who brings the commits
  Timestamp now;                       ///< the server's clock: never a date that a commit states
  /// Verdicts that will be recorded with the move: on commits that the store itself made for it.
  std::span<const CommitVerdictRecord> own_verdicts = {};
};

/// Judges the commits of a push: signature, shape and people.
///
/// A commit is judged once, when this store first accepts it; after that its recorded verdict
/// stands, whatever has become of the key since (design.md section 4). Threads: any.
class CommitJudge {
 public:
  explicit CommitJudge(const LedgerReader& ledger) : ledger_(ledger) {}

  /// The facts about `commit`. Errors: as reading the object and the ledger;
  /// kUnavailable when gpg cannot be run.
  [[nodiscard]] Result<JudgedCommit> judge(const GitRepository& repository, const Oid& commit,
                                           const JudgingContext& context) const;

 private:
  const LedgerReader& ledger_;
};

/// The verdict on a signed text by whoever's key made it: which key, and whether it counts for
/// `usage` now. `armored` is an SSHSIG in `ssh_namespace` or a detached OpenPGP signature.
Result<SignatureVerdict> judge_signature(const ActiveConfiguration& active,
                                         std::string_view payload, std::string_view armored,
                                         std::string_view ssh_namespace, KeyUsage usage,
                                         Timestamp now);

/// The record of a commit that the store made and sealed itself.
CommitVerdictRecord seal_verdict_record(const Oid& commit, std::string_view raw, Timestamp now);

}  // namespace statehouse
