#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "store/git/git_repository.h"
#include "store/git/oid_memory.h"

namespace statehouse {

/// Why a tree may not enter the store. `rule` is a stable lower-case name ("symlink-escape");
/// `path` is raw bytes from outside: escape it before showing it.
struct ObjectRuleViolation {
  std::string rule;
  std::string path;
  std::string reason;
};

/// What one name in a tree may not be, beyond git's own fsck: names that some file system or some
/// consumer reads as something else. Rules: "name-control" (control and bidirectional characters),
/// "name-encoding" (not UTF-8), "name-trailing" (dot or space), "name-backslash", "name-device"
/// (CON, NUL, COM1…, with any extension), "name-dotgit" (".git" in any disguise).
std::optional<ObjectRuleViolation> check_entry_name(std::string_view name);

/// True for .gitmodules, .gitattributes, .gitignore and .mailmap in any disguise: git reads these
/// from trees, so they may be files only.
bool is_special_name(std::string_view name);

/// What the target of a symbolic link may not be, wherever the link stands: empty, too long, with
/// control bytes or backslashes ("symlink-target"); absolute ("symlink-absolute"); climbing after
/// it descended ("symlink-escape": `a/../..` leaves the root when `a` is itself a link, so ".." is
/// taken only at the front).
std::optional<ObjectRuleViolation> check_symlink_target(std::string_view target);

/// How many folders up a target climbs: 2 for "../../x". With ".." only at the front this is exact,
/// whatever other links stand on the way. REQUIRES: check_symlink_target found nothing.
std::size_t symlink_climb(std::string_view target);

/// A tree without violations, seen from itself.
struct TreeSummary {
  std::uint64_t entries = 0;    ///< below it; stops counting at the limit
  std::uint32_t depth = 0;      ///< nested folders below it
  std::uint32_t path_max = 0;   ///< bytes of the longest path below it
  std::uint32_t climb_max = 0;  ///< folders above it that its links need
};

/// The object rules of the store, for every tree of every new commit: names as above, plus
/// "gitlink", the links, "special-symlink" (.gitmodules and its like), "name-collision",
/// "path-length", "tree-depth", "tree-entries".
///
/// Each distinct tree is looked at once: what a tree holds, as seen from itself (entries, depth,
/// longest path, how far its links climb), is summed up and remembered, so a "git bomb" costs ten
/// reads. Good trees are remembered in bounded memory from push to push. Threads: any.
class ObjectRules {
 public:
  explicit ObjectRules(std::size_t trees_max = 200'000) : memory_(trees_max) {}

  /// The first violation in the trees of `commits` (which a push brings), or none.
  /// Errors: as GitRepository's.
  Result<std::optional<ObjectRuleViolation>> check_commits(const GitRepository& repository,
                                                           std::span<const Oid> commits);
  Result<std::optional<ObjectRuleViolation>> check_tree(const GitRepository& repository,
                                                        const Oid& tree);

 private:
  OidMemory<TreeSummary> memory_;
};

}  // namespace statehouse
