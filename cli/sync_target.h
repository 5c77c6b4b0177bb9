#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The folder that `sync` keeps up to date: a symbolic link that always names a complete tree.
///
///   DIR                 -> DIR.versions/<version>-<tree>      swapped by rename(2)
///   DIR.versions/       complete trees, the last few of them
///     state.json        what was seen (LastSeen)
///     exec-pending      the name of a tree whose --exec has not succeeded yet
///     .lock             held while a sync runs
///     .incoming-XXXXXX  a tree on its way; removed at start
///
/// Owns DIR and DIR.versions. Threads: one; another process is kept out by the lock.
class SyncTarget {
 public:
  /// Creates DIR.versions when missing and removes what a killed sync left. `link` may be absent,
  /// a link made by an earlier sync, or an empty folder (which is replaced).
  /// Errors: kConflict (something else is at `link`), kUnavailable (another sync runs).
  static Result<SyncTarget> open(Path link, DurableSteps& steps);

  /// The name of the tree that DIR shows; none before the first swap.
  [[nodiscard]] Result<std::optional<std::string>> current() const;
  /// Whether a sync put something in place before, also when that tree is gone now.
  [[nodiscard]] bool was_swapped() const;

  /// A new empty folder on the same file system, to be filled and given to `keep`.
  [[nodiscard]] Result<TemporaryDirectory> create_incoming() const;
  /// Makes the filled folder `incoming` the tree `name` (step "sync.keep"). A folder of that name
  /// goes away: nobody vouches for what became of it. REQUIRES: `name` is not what DIR shows.
  Result<> keep(const Path& incoming, const std::string& name);
  /// Makes DIR show the tree `name`: before it the old one, after it the new one, at no moment
  /// anything else (steps "sync.swap", "sync.sync-directory").
  Result<> swap(const std::string& name);
  /// Removes all but the current tree and the `others_max` newest others.
  Result<> prune(std::size_t others_max);

  [[nodiscard]] const Path& versions() const { return versions_; }
  [[nodiscard]] Path state_file() const { return versions_ / "state.json"; }

  /// The tree whose command is still to be run.
  [[nodiscard]] Result<std::optional<std::string>> pending_exec() const;
  Result<> set_pending_exec(const std::string& name);
  Result<> clear_pending_exec();

 private:
  SyncTarget(Path link, Path versions, FileLock lock, DurableSteps& steps)
      : link_(std::move(link)),
        versions_(std::move(versions)),
        lock_(std::move(lock)),
        steps_(&steps) {}

  Result<> remove_leftovers() const;
  /// Whether a complete tree of that name is there.
  [[nodiscard]] bool has(const std::string& name) const;

  Path link_;
  Path versions_;
  FileLock lock_;
  DurableSteps* steps_;
};

/// "41-<tree>": the name of a version's folder.
std::string sync_tree_name(std::uint64_t version, const std::string& tree);

}  // namespace statehouse
