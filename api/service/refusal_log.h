#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "api/service/caller.h"
#include "policy/decision.h"
#include "store/ledger/ledger.h"

namespace statehouse {

/// One ref of a refused request.
struct RefusedUpdate {
  RefKey key;
  std::optional<Oid> old_oid;
  std::optional<Oid> new_oid;
  Decision decision;
  std::set<std::string> keys;  ///< fingerprints; each did sign a commit of it, known or not
};

/// Writes refusals of authenticated callers to the log, within a budget.
///
/// The same refusal to the same caller within a minute is counted, not written again; the count is
/// in the next entry of that caller. One caller can write at most `kEntriesPerMinute`, so that
/// nobody can fill the log or the disk with refusals. Threads: any.
class RefusalLog {
 public:
  static constexpr std::size_t kEntriesPerMinute = 60;

  RefusalLog(Ledger& ledger, const Clock& clock) : ledger_(ledger), clock_(clock) {}

  /// Logs ref.refused. Returns the entry's index: of an earlier entry for a repeated refusal, none
  /// beyond the budget. Errors: as the ledger's.
  Result<std::optional<EntryIndex>> record(const AuthenticatedCaller& caller,
                                           const std::string& push_id,
                                           const std::vector<RefusedUpdate>& updates);

  /// Logs `draft` for `caller` under the same budget; `fingerprint` tells repetitions.
  Result<std::optional<EntryIndex>> record_draft(const AuthenticatedCaller& caller,
                                                 const std::string& fingerprint, EntryDraft draft);

 private:
  struct Recent {
    std::deque<Timestamp> written;                                    ///< in the last minute
    std::map<std::string, std::pair<Timestamp, EntryIndex>> entries;  ///< by fingerprint
    std::uint64_t repeated = 0;  ///< not written since the last entry
  };

  enum class Verdict { kWrite, kRepeated, kOverBudget };
  Verdict admit(Recent& recent, const std::string& fingerprint, Timestamp now,
                std::optional<EntryIndex>& earlier);

  Ledger& ledger_;
  const Clock& clock_;
  std::mutex mutex_;
  std::map<std::string, Recent> recent_;  ///< by identity; guarded by mutex_
};

}  // namespace statehouse
