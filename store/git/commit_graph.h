#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "crypto/base/error.h"
#include "store/model/oid.h"

namespace statehouse {

class GitRepository;

/// Where a commit stands in history. `generation` is 1 for a root and otherwise one more than the
/// largest of its parents, so an ancestor always has a smaller one. Unlike commit dates, which the
/// author chooses, it cannot lie: walks that stop by it are exact.
struct CommitLinks {
  std::vector<Oid> parents;
  std::uint64_t generation = 0;
};

/// A memory of the shape of one repository's history, filled as walks ask.
///
/// Holds only what ids prove (an id fixes its parents), so it is never stale. A quarantine has its
/// own graph on top of the repository's, so that refused objects leave nothing behind.
/// Bounded by limits::kCommitsInMemoryMax; then kUnavailable. Threads: any.
class CommitGraph {
 public:
  explicit CommitGraph(std::shared_ptr<const CommitGraph> base = nullptr)
      : base_(std::move(base)) {}
  CommitGraph(const CommitGraph&) = delete;
  CommitGraph& operator=(const CommitGraph&) = delete;

  /// The links of `commit`, reading it and its unknown ancestors through `repository`. The pointer
  /// lives as long as the graph. Errors: as GitRepository's; a missing ancestor is kNotFound.
  Result<const CommitLinks*> links(const GitRepository& repository, const Oid& commit);

 private:
  [[nodiscard]] const CommitLinks* find(const Oid& commit) const;
  Result<const CommitLinks*> insert(const Oid& commit, const CommitLinks& links);

  const std::shared_ptr<const CommitGraph> base_;
  mutable std::shared_mutex mutex_;
  std::unordered_map<Oid, CommitLinks> commits_;  ///< guarded by mutex_; entries never move
};

/// Commits reachable from `tips` and not from `excluded`, ancestors before descendants; the order
/// is fixed by the ids alone. Errors: kInvalidArgument when there are more than `commits_max`, or
/// an id is no commit; as GitRepository's.
Result<std::vector<Oid>> commits_reachable(const GitRepository& repository,
                                           std::span<const Oid> tips, std::span<const Oid> excluded,
                                           std::uint64_t commits_max);

/// True when `ancestor` is `descendant` or one of its ancestors. Errors: as GitRepository's; an id
/// that is not here is kNotFound, one that is no commit kInvalidArgument.
Result<bool> is_ancestor(const GitRepository& repository, const Oid& ancestor,
                         const Oid& descendant);

/// Asked now and then during a long walk; what it fails with ends the walk. Empty: never asked.
using WalkPatience = std::function<Result<>()>;

/// Which of `sought` are reachable from `tips`: one walk for all of them, which ends when none can
/// come any more. An id that is not here, or is no commit, is not reachable.
/// Errors: that of `patience`; as GitRepository's for the history of `tips`.
Result<std::unordered_set<Oid>> reachable_among(const GitRepository& repository,
                                                std::span<const Oid> tips,
                                                std::span<const Oid> sought,
                                                const WalkPatience& patience = {});

/// A common ancestor of both that no other common ancestor descends from; none for unrelated
/// histories. Of several (criss-cross merges) the one of highest generation, then smallest id.
Result<std::optional<Oid>> merge_base(const GitRepository& repository, const Oid& one,
                                      const Oid& other);

}  // namespace statehouse
