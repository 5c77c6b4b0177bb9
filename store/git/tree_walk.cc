#include "store/git/tree_walk.h"

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

/// One folder on the way from the root to where the walk stands.
struct Level {
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
  std::size_t prefix_bytes = 0;  ///< of the folder's path, with its "/"
};

std::unexpected<Error> over_budget(std::string_view what, std::uint64_t allowed,
                                   std::string_view path) {
  return invalid_argument("walking a tree: more than " + std::to_string(allowed) + " " +
                          std::string(what) + " at " + escape_for_message(path));
}

}  // namespace

Result<> walk_tree(const GitRepository& repository, const Oid& tree, const TreeBudget& budget,
                   const std::function<Result<WalkStep>(const TreeItem&)>& visit) {
  std::vector<Level> levels;
  std::vector<TreeEntry> root = TRY_WITH("walking a tree", repository.read_tree(tree));
  levels.push_back({std::move(root), 0, 0});
  std::string prefix;
  std::uint64_t entries_met = 0;
  while (!levels.empty()) {
    Level& level = levels.back();
    prefix.resize(level.prefix_bytes);
    if (level.next == level.entries.size()) {
      levels.pop_back();
      continue;
    }
    const TreeEntry& entry = level.entries[level.next++];
    const TreeItem item{prefix + entry.name, entry.mode, entry.oid};
    if (++entries_met > budget.entries_max) {
      return over_budget("entries", budget.entries_max, item.path);
    }
    const WalkStep step = TRY(visit(item));
    if (!entry.is_tree() || step == WalkStep::kSkip) continue;
    if (levels.size() > budget.depth_max) {
      return over_budget("nested folders", budget.depth_max, item.path);
    }
    std::vector<TreeEntry> children = TRY(repository.read_tree(entry.oid));
    prefix = item.path + "/";
    levels.push_back({std::move(children), 0, prefix.size()});
  }
  return {};
}

Result<std::optional<TreeEntry>> find_in_tree(const GitRepository& repository, const Oid& tree,
                                              const TreePath& path) {
  std::string_view rest = path.str();
  Oid folder = tree;
  for (;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view name = rest.substr(0, slash);
    const std::vector<TreeEntry> entries = TRY(repository.read_tree(folder));
    const TreeEntry* found = nullptr;
    for (const TreeEntry& entry : entries) {
      if (entry.name == name) found = &entry;
    }
    if (found == nullptr) return std::nullopt;
    if (slash == std::string_view::npos) return *found;
    if (!found->is_tree()) return std::nullopt;
    folder = found->oid;
    rest.remove_prefix(slash + 1);
  }
}

Result<std::vector<TreeFile>> read_tree_files(const GitRepository& repository, const Oid& tree,
                                              std::size_t files_max, std::uint64_t file_bytes_max) {
  std::vector<TreeFile> files;
  std::uint64_t bytes_left = limits::kTreeFilesBytesMax;
  const auto visit = [&](const TreeItem& item) -> Result<WalkStep> {
    if (item.mode == FileMode::kTree) return WalkStep::kDescend;
    if (item.mode == FileMode::kGitlink) {
      return invalid_argument("reading " + escape_for_message(item.path) + ": it is a submodule");
    }
    if (files.size() == files_max) {
      return invalid_argument("reading a tree: more than " + std::to_string(files_max) + " files");
    }
    std::string bytes = TRY_WITH("reading " + escape_for_message(item.path),
                                 repository.read_blob(item.oid, file_bytes_max));
    // One blob can stand under every name: a small pack may mean many gigabytes here.
    if (bytes.size() > bytes_left) {
      return invalid_argument("reading a tree: its files have more than " +
                              std::to_string(limits::kTreeFilesBytesMax) + " bytes together");
    }
    bytes_left -= bytes.size();
    files.push_back({item.path, item.mode, std::move(bytes)});
    return WalkStep::kDescend;
  };
  TRY(walk_tree(repository, tree, {}, visit));
  return files;
}

}  // namespace statehouse
