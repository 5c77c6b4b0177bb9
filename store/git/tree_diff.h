#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "store/git/tree_walk.h"

namespace statehouse {

enum class ChangeKind {
  kAdded,
  kDeleted,
  kModified,     ///< content or executable bit
  kTypeChanged,  ///< file to symbolic link or back
};

/// "added", "deleted", "modified", "type-changed".
std::string_view change_kind_name(ChangeKind kind);

/// One changed file. A side that is absent has a zero id.
struct TreeChange {
  std::string path;
  ChangeKind kind = ChangeKind::kModified;
  FileMode old_mode = FileMode::kFile;
  FileMode new_mode = FileMode::kFile;
  Oid old_oid;
  Oid new_oid;
};

/// The files that differ between two trees (`from` empty: everything in `to` is added), in byte
/// order of paths. Folders are never listed; a file that becomes a folder is a deletion and
/// additions. Equal subtrees are not read. No rename detection: what was reviewed is a list of
/// exact contents. Errors: kInvalidArgument when the budget is used up; as GitRepository's.
Result<std::vector<TreeChange>> diff_trees(const GitRepository& repository,
                                           const std::optional<Oid>& from, const Oid& to,
                                           const TreeBudget& budget = {});

}  // namespace statehouse
