#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"
#include "api/service/entry_budget.h"
#include "api/service/fetch_service.h"
#include "api/service/promotion_facts.h"
#include "api/service/refusal_log.h"
#include "api/service/write_path.h"
#include "crypto/base/limits.h"

namespace statehouse {

/// What somebody who opens a promotion says.
struct OpenPromotion {
  ResourceName flow;
  std::optional<std::string> repository = std::nullopt;  ///< must be where the flow starts, if set
  std::optional<RefName> source_ref =
      std::nullopt;  ///< needed only when the flow starts from a pattern of refs
  std::optional<Oid> commit = std::nullopt;  ///< none: where the source ref stands
  std::string title;
  std::string message;
};

/// A refusal together with the decision behind it and its log entry.
struct PromotionRefusal {
  Decision decision;
  std::optional<EntryIndex> entry;
};

/// What became of a request that policy may refuse.
struct PromotionOutcome {
  PromotionNumber number = 0;
  std::optional<PromotionRefusal> refusal;  ///< none: done
};

/// Opens, reviews and merges promotions (design.md section 6). Refusals are outcomes and are
/// logged.
///
/// Errors of every method: kDenied (no scope, no right to know of it), kNotFound, kConflict (it
/// ended, or changed meanwhile), kUnavailable, kInternal. Threads: any.
class PromotionService {
 public:
  PromotionService(Core& core, FetchService& access, WritePath& write_path, RefusalLog& refusals)
      : core_(core),
        access_(access),
        write_path_(write_path),
        refusals_(refusals),
        gatherer_(core) {}

  Result<PromotionOutcome> open(const AuthenticatedCaller& caller, const OpenPromotion& request);
  /// Pins another commit of the source. Approvals of the old one no longer count. The commit that
  /// is pinned already changes nothing.
  Result<PromotionOutcome> update(const AuthenticatedCaller& caller, PromotionNumber number,
                                  const Oid& commit);
  /// Takes a signed approval or rejection (DSSE envelope, JSON). What was signed must be exactly
  /// what the promotion is now.
  Result<PromotionOutcome> approve(const AuthenticatedCaller& caller, PromotionNumber number,
                                   std::string_view envelope);
  Result<PromotionOutcome> comment(const AuthenticatedCaller& caller, PromotionNumber number,
                                   const std::string& message,
                                   const std::optional<std::string>& path,
                                   std::optional<std::uint64_t> line);
  /// Moves the target, when everything that is required is there.
  Result<PromotionOutcome> merge(const AuthenticatedCaller& caller, PromotionNumber number);
  /// By whoever opened it, may merge it, or administers the store.
  Result<PromotionOutcome> close(const AuthenticatedCaller& caller, PromotionNumber number);

  /// Errors: kNotFound also when the caller may read neither the source nor, once it is merged,
  /// the target.
  Result<PromotionSituation> situation(const AuthenticatedCaller& caller,
                                       PromotionNumber number) const;
  [[nodiscard]] bool may_see(const AuthenticatedCaller& caller,
                             const PromotionRecord& record) const;
  /// Whether `caller` may be told what the target of `record` holds. Whoever reads the source alone
  /// sees the promotion without it.
  [[nodiscard]] bool may_see_target(const AuthenticatedCaller& caller,
                                    const PromotionRecord& record) const;

 private:
  /// Errors: kUnavailable when the caller wrote too much to the log lately.
  Result<> take_entry(const AuthenticatedCaller& caller);
  Result<PromotionRecord> require_open(const AuthenticatedCaller& caller,
                                       PromotionNumber number) const;
  [[nodiscard]] bool may_know(const AuthenticatedCaller& caller, const Flow& flow) const;
  Result<RefKey> source_of(const Flow& flow, const OpenPromotion& request) const;
  Result<Oid> pin_commit(const AuthenticatedCaller& caller, const RefKey& source,
                         const std::optional<Oid>& commit) const;
  Result<PromotionRecord> draft(const AuthenticatedCaller& caller, const Flow& flow,
                                const RefKey& source, const Oid& commit) const;
  Result<PromotionOutcome> refuse(const AuthenticatedCaller& caller, const PromotionRecord& record,
                                  std::string_view action, Decision decision);
  Result<> require_newest_word(const AuthenticatedCaller& caller, const PromotionRecord& record,
                               const ApprovalStatement& statement) const;
  Result<> require_something_new(const AuthenticatedCaller& caller,
                                 const PromotionRecord& record) const;
  Result<> require_place(const AuthenticatedCaller& caller, const PromotionRecord& record,
                         const std::optional<std::string>& path,
                         std::optional<std::uint64_t> line) const;
  Result<> record_approval(const AuthenticatedCaller& caller, const PromotionRecord& record,
                           const ApprovalStatement& statement, std::string_view fingerprint,
                           std::string_view envelope);
  Result<bool> holds_place(const AuthenticatedCaller& caller, const PromotionRecord& record,
                           const TreePath& place) const;
  Result<PromotionOutcome> merge_as(const AuthenticatedCaller& caller, const ResourceName& mover,
                                    PromotionNumber number, bool automatic);
  /// Once. Errors: kConflict also when what the decision rested on changed before the commit.
  Result<PromotionOutcome> decide_and_merge(const AuthenticatedCaller& caller,
                                            const ResourceName& mover, PromotionNumber number,
                                            bool automatic, const RepositoryQueue::Turn& turn);
  Result<MoveOutcome> move_target(const AuthenticatedCaller& caller, const ResourceName& mover,
                                  const PromotionSituation& situation, Decision decision,
                                  const RepositoryQueue::Turn& turn);

  Core& core_;
  EntryBudget entries_{limits::kPromotionEntriesPerMinute};
  std::mutex words_;  ///< held from the look at earlier words to the record of a new one
  FetchService& access_;
  WritePath& write_path_;
  RefusalLog& refusals_;
  PromotionGatherer gatherer_;
};

}  // namespace statehouse
