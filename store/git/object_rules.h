#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>

#include "crypto/base/error.h"
#include "store/git/tree_walk.h"

namespace statehouse {

/// Why a tree may not enter the store. `rule` is a stable lower-case name ("symlink-escape");
/// `path` is raw bytes from outside: escape it before showing it.
struct ObjectRuleViolation {
  std::string rule;
  std::string path;
  std::string reason;
};

/// What one name in a tree may not be, beyond git's own fsck: names that some file system or some
/// consumer reads as something else. Rules: "name-control" (control, format and bidirectional
/// characters), "name-encoding" (not UTF-8), "name-trailing" (dot or space), "name-backslash",
/// "name-device" (CON, NUL, COM1…, with any extension), "name-dotgit" (".git" in any disguise).
std::optional<ObjectRuleViolation> check_entry_name(std::string_view name);

/// The key under which two names of one folder collide on a file system that ignores case, or that
/// composes accents (NTFS, APFS, HFS+): simple case folding and canonical decomposition of Latin,
/// Greek and Cyrillic letters, ignorable characters dropped.
std::string collision_key(std::string_view name);

/// How many folders up a symbolic link climbs at most while its target is followed: 0 for "a/b",
/// 1 for "../b", 2 for "x/../../../b" less what it descended. None for targets that are absolute,
/// empty, or hold NUL, a control byte or a backslash.
std::optional<std::size_t> symlink_climb(std::string_view target);

/// The object rules of the store, for every tree of every new commit: names as above, plus
/// "gitlink", "symlink-absolute", "symlink-escape", "special-symlink" (.gitmodules and its like),
/// "name-collision", "path-length", "tree-depth", "tree-entries".
///
/// Each distinct tree is looked at once: what a tree holds, as seen from itself (entries, depth,
/// longest path, how far its links climb), is summed up and remembered, so a "git bomb" costs ten
/// reads. Good trees are remembered in bounded memory from push to push. Threads: any.
class ObjectRules {
 public:
  explicit ObjectRules(std::size_t trees_max = 200'000) : trees_max_(trees_max / 2 + 1) {}
  ObjectRules(const ObjectRules&) = delete;
  ObjectRules& operator=(const ObjectRules&) = delete;

  /// The first violation in the trees of `commits` (which a push brings), or none.
  /// Errors: as GitRepository's.
  Result<std::optional<ObjectRuleViolation>> check_commits(const GitRepository& repository,
                                                           std::span<const Oid> commits);
  Result<std::optional<ObjectRuleViolation>> check_tree(const GitRepository& repository,
                                                        const Oid& tree);

 private:
  friend class TreeInspection;

  /// A tree without violations, seen from itself.
  struct Summary {
    std::uint64_t entries = 0;    ///< below it; stops counting at the limit
    std::uint32_t depth = 0;      ///< nested folders below it
    std::uint32_t path_max = 0;   ///< bytes of the longest path below it
    std::uint32_t climb_max = 0;  ///< folders above it that its links need
  };

  std::optional<Summary> recall(const Oid& tree);
  void remember(const Oid& tree, const Summary& summary);

  const std::size_t trees_max_;  ///< per generation
  std::mutex mutex_;
  std::unordered_map<Oid, Summary> young_;  ///< guarded by mutex_
  std::unordered_map<Oid, Summary> old_;    ///< guarded by mutex_
};

}  // namespace statehouse
