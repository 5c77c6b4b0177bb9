#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "store/git/git_repository.h"

namespace statehouse {

/// A damaged or missing object, and the tips that cannot be served whole without it.
struct ObjectProblem {
  Oid oid;
  ErrorCode code = ErrorCode::kCorrupt;  ///< kNotFound or kCorrupt
  std::string message;
  std::vector<Oid> tips;
};

struct ClosureReport {
  std::uint64_t objects = 0;  ///< distinct objects read and re-hashed
  std::uint64_t bytes = 0;
  std::vector<ObjectProblem> problems;  ///< empty: every tip is whole
};

/// Reads and re-hashes every object reachable from `tips` (commits or annotated tags), each once,
/// and parses commits and trees: what `statehouse fsck` and the scrubber promise.
///
/// `on_progress` is called about every 1,000 objects with the number so far; it may sleep, and an
/// error from it ends the check and is returned. Damage is not an error: it is in the report.
/// REQUIRES: `repository` comes from RepositoryStore::open_fresh; another handle's cache would hide
/// damage on disk. Memory: about 60 bytes per object. Errors: kUnavailable (I/O).
Result<ClosureReport> check_closure(const GitRepository& repository, std::span<const Oid> tips,
                                    const std::function<Result<>(std::uint64_t)>& on_progress = {});

}  // namespace statehouse
