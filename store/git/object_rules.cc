#include "store/git/object_rules.h"

#include <algorithm>
#include <vector>

#include "crypto/base/limits.h"
#include "store/git/name_folding.h"

namespace statehouse {

namespace {

using Finding = std::optional<ObjectRuleViolation>;

constexpr std::uint32_t kUncountable = 1U << 30;

Finding violation(std::string_view rule, std::string path, std::string reason) {
  return ObjectRuleViolation{std::string(rule), std::move(path), std::move(reason)};
}

Finding at_path(Finding finding, const std::string& path) {
  if (finding) finding->path = path;
  return finding;
}

/// The first two names of one folder that a case-blind or composing file system cannot tell apart.
Finding check_collisions(const std::vector<TreeEntry>& entries, const std::string& prefix) {
  std::vector<std::pair<std::string, const TreeEntry*>> keys;
  keys.reserve(entries.size());
  for (const TreeEntry& entry : entries) keys.emplace_back(collision_key(entry.name), &entry);
  std::sort(keys.begin(), keys.end());
  for (std::size_t i = 1; i < keys.size(); ++i) {
    if (keys[i - 1].first != keys[i].first) continue;
    return violation("name-collision", prefix + keys[i].second->name,
                     "it differs from a neighbour only in case, accents or invisible characters");
  }
  return std::nullopt;
}

/// Adds what is known about a child folder called `name` to its parent.
void add_child(TreeSummary& parent, const TreeSummary& child, std::size_t name_bytes) {
  parent.entries = std::min(parent.entries + child.entries, limits::kTreeEntriesMax + 1);
  parent.depth = std::max(parent.depth, child.depth + 1);
  const auto path_bytes = static_cast<std::uint32_t>(name_bytes) + 1 + child.path_max;
  parent.path_max = std::min(std::max(parent.path_max, path_bytes), kUncountable);
  parent.climb_max = std::max(parent.climb_max, child.climb_max == 0 ? 0 : child.climb_max - 1);
}

struct Level {
  Oid oid;
  std::vector<TreeEntry> entries;
  std::size_t next = 0;
  std::string prefix;
  TreeSummary summary;
};

}  // namespace

/// One look at one root tree.
class TreeInspection {
 public:
  TreeInspection(const GitRepository& repository, OidMemory<TreeSummary>& memory)
      : repository_(repository), memory_(memory) {}

  Result<Finding> run(const Oid& root) {
    if (!known(root)) {
      Finding finding = TRY(enter(root, ""));
      while (!finding && !levels_.empty()) finding = TRY(step());
      if (finding) return finding;
    }
    return judge_root(root, *known(root));
  }

 private:
  std::optional<TreeSummary> known(const Oid& tree) {
    if (const auto at = met_.find(tree); at != met_.end()) return at->second;
    return memory_.recall(tree);
  }

  /// Checks what can be said about a folder's names, and starts to walk it.
  Result<Finding> enter(const Oid& tree, std::string prefix) {
    if (levels_.size() > limits::kTreeDepthMax) {
      return violation("tree-depth", std::move(prefix),
                       "more than " + std::to_string(limits::kTreeDepthMax) + " nested folders");
    }
    std::vector<TreeEntry> entries = TRY(repository_.read_tree(tree));
    Level level{tree, std::move(entries), 0, std::move(prefix), {}};
    for (const TreeEntry& entry : level.entries) {
      if (Finding finding = check_entry_name(entry.name)) {
        return at_path(std::move(finding), level.prefix + entry.name);
      }
      level.summary.path_max =
          std::max(level.summary.path_max, static_cast<std::uint32_t>(entry.name.size()));
    }
    if (Finding finding = check_collisions(level.entries, level.prefix)) return finding;
    level.summary.entries = level.entries.size();
    levels_.push_back(std::move(level));
    return std::nullopt;
  }

  /// Looks at one more entry, or leaves a folder that is done.
  Result<Finding> step() {
    Level& level = levels_.back();
    if (level.next == level.entries.size()) {
      leave();
      return std::nullopt;
    }
    const TreeEntry& entry = level.entries[level.next];
    const std::string path = level.prefix + entry.name;
    if (entry.mode == FileMode::kGitlink) {
      return violation("gitlink", path, "a submodule: its content would not be in the store");
    }
    if (entry.mode == FileMode::kSymlink) {
      Finding finding = TRY(inspect_symlink(entry, path, level.summary));
      if (finding) return finding;
    }
    if (entry.is_tree()) {
      const std::optional<TreeSummary> child = known(entry.oid);
      if (!child) return enter(entry.oid, path + "/");
      add_child(level.summary, *child, entry.name.size());
    }
    ++level.next;
    return std::nullopt;
  }

  void leave() {
    const Level done = std::move(levels_.back());
    levels_.pop_back();
    met_[done.oid] = done.summary;
    memory_.remember(done.oid, done.summary);
  }

  Result<Finding> inspect_symlink(const TreeEntry& entry, const std::string& path,
                                  TreeSummary& summary) {
    if (is_special_name(entry.name)) {
      return violation("special-symlink", path, "git reads this name, so it may not be a link");
    }
    const std::string target = TRY(read_target(entry.oid));
    if (Finding finding = check_symlink_target(target)) return at_path(std::move(finding), path);
    const auto climb = static_cast<std::uint32_t>(symlink_climb(target));
    summary.climb_max = std::max(summary.climb_max, climb);
    return std::nullopt;
  }

  /// One byte more than a target may have, so that a longer one is seen to be too long.
  Result<std::string> read_target(const Oid& oid) {
    const ObjectHeader header = TRY(repository_.object_header(oid));
    if (header.size > limits::kTreePathBytesMax) {
      return std::string(limits::kTreePathBytesMax + 1, 'x');
    }
    return repository_.read_blob(oid);
  }

  Result<Finding> judge_root(const Oid& root, const TreeSummary& summary) {
    if (summary.entries > limits::kTreeEntriesMax) {
      return violation(
          "tree-entries", "",
          "the tree names more than " + std::to_string(limits::kTreeEntriesMax) + " paths");
    }
    if (summary.depth > limits::kTreeDepthMax) {
      return violation("tree-depth", "",
                       "more than " + std::to_string(limits::kTreeDepthMax) + " nested folders");
    }
    if (summary.path_max > limits::kTreePathBytesMax) {
      return violation(
          "path-length", "",
          "a path has more than " + std::to_string(limits::kTreePathBytesMax) + " bytes");
    }
    if (summary.climb_max == 0) return std::nullopt;
    std::string path = TRY(find_escaping_link(root));
    return violation("symlink-escape", std::move(path), "the link leaves the root");
  }

  /// Goes down to one link that climbs out, by the summaries: one folder per level is read.
  Result<std::string> find_escaping_link(const Oid& root) {
    std::string path;
    Oid folder = root;
    for (std::size_t depth = 0;; ++depth) {
      const std::vector<TreeEntry> entries = TRY(repository_.read_tree(folder));
      const TreeEntry* next = nullptr;
      for (const TreeEntry& entry : entries) {
        const bool escapes = TRY(climbs_beyond(entry, depth));
        if (escapes && !entry.is_tree()) return path + entry.name;
        if (escapes) next = &entry;
      }
      if (next == nullptr) return path;
      path += next->name + "/";
      folder = next->oid;
    }
  }

  /// REQUIRES: `entry` lies `depth` folders below the root.
  Result<bool> climbs_beyond(const TreeEntry& entry, std::size_t depth) {
    if (entry.mode == FileMode::kSymlink) {
      const std::string target = TRY(read_target(entry.oid));
      return symlink_climb(target) > depth;
    }
    if (!entry.is_tree()) return false;
    const std::optional<TreeSummary> child = known(entry.oid);
    return child && child->climb_max > depth + 1;
  }

  const GitRepository& repository_;
  OidMemory<TreeSummary>& memory_;
  std::vector<Level> levels_;
  /// What this look met, whatever the shared memory forgets meanwhile.
  std::unordered_map<Oid, TreeSummary> met_;
};

Result<Finding> ObjectRules::check_tree(const GitRepository& repository, const Oid& tree) {
  return TreeInspection(repository, memory_).run(tree);
}

Result<Finding> ObjectRules::check_commits(const GitRepository& repository,
                                           std::span<const Oid> commits) {
  for (const Oid& oid : commits) {
    const GitCommit commit = TRY(repository.read_commit(oid));
    Finding finding = TRY(check_tree(repository, commit.tree));
    if (finding) return finding;
  }
  return std::nullopt;
}

}  // namespace statehouse
