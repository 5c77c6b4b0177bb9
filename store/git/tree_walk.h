#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/limits.h"
#include "store/git/git_repository.h"
#include "store/model/name.h"

namespace statehouse {

// Walks over trees. All are iterative (a deep tree costs no stack) and budgeted: a "git bomb" of
// ten small trees names 10^10 paths, so it is the number of entries met that is bounded.

struct TreeBudget {
  std::uint64_t entries_max = limits::kTreeEntriesMax;
  std::size_t depth_max = limits::kTreeDepthMax;
};

/// An entry with its full path, in byte order of paths when walking.
struct TreeItem {
  std::string path;
  FileMode mode = FileMode::kFile;
  Oid oid;
};

enum class WalkStep { kDescend, kSkip };

/// Calls `visit` for each entry below `tree`, folders before their content; the answer kSkip leaves
/// out a folder's content. An error from `visit` ends the walk and is returned.
/// Errors: kInvalidArgument when the budget is used up; as GitRepository's.
Result<> walk_tree(const GitRepository& repository, const Oid& tree, const TreeBudget& budget,
                   const std::function<Result<WalkStep>(const TreeItem&)>& visit);

/// The entry at `path` below `tree`; none when there is nothing. Follows no symbolic link.
Result<std::optional<TreeEntry>> find_in_tree(const GitRepository& repository, const Oid& tree,
                                              const TreePath& path);

struct TreeFile {
  std::string path;
  FileMode mode = FileMode::kFile;
  std::string bytes;
};

/// Every file below `tree` with its content (a symbolic link's content is its target).
/// Errors: kInvalidArgument when there are more than `files_max`, or one is longer than
/// `file_bytes_max` (with its path), or all are longer than limits::kTreeFilesBytesMax.
Result<std::vector<TreeFile>> read_tree_files(const GitRepository& repository, const Oid& tree,
                                              std::size_t files_max, std::uint64_t file_bytes_max);

}  // namespace statehouse
