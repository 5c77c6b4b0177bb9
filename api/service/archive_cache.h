#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "api/service/core.h"
#include "crypto/base/file.h"
#include "store/git/archive.h"

namespace statehouse {

/// Snapshot archives by digest: DATA/snapshots/sha256/<64 hex>.tar. A cache: a file that is missing
/// is built anew from the tree, and one that is not what its name says is thrown away. Threads:
/// any.
class ArchiveCache {
 public:
  /// `directory` is DATA/snapshots/sha256 and exists.
  ArchiveCache(const Core& core, Path directory) : core_(core), directory_(std::move(directory)) {}

  /// Builds the archive of `tree`, keeps it, and says what it is.
  /// Errors: kInvalidArgument (a tree the format refuses), kUnavailable (disk full).
  Result<ArchiveDigest> build(const RepositoryName& repository, const Oid& tree);

  /// The file of an archive whose statement says `expected`; built again from `tree` when it is
  /// missing or is not what its name says. The bytes are hashed when this process opens the file
  /// first and when its inode changed since; whoever receives them verifies them anyhow.
  /// Errors: kCorrupt when what is built is not what was stated.
  Result<std::shared_ptr<const FileDescriptor>> open(const RepositoryName& repository,
                                                     const Oid& tree, std::string_view digest_text,
                                                     std::uint64_t bytes);

  /// Removes archives, those used longest ago first, until at most `bytes_max` are left. What is
  /// asked for again is built again. Errors: as listing and removing files.
  Result<> trim(std::uint64_t bytes_max);

  /// Checks every file against its name and removes those that differ. What is no regular file, or
  /// cannot be read, stays and is named.
  struct Checked {
    std::uint64_t files = 0;
    std::uint64_t removed = 0;
    std::vector<std::string> strange;  ///< "x.tar: it is no regular file"
  };
  Result<Checked> check_all();

 private:
  /// A file that was hashed and found good.
  struct Known {
    std::int64_t changed_ns = 0;  ///< status change time
    std::optional<std::chrono::steady_clock::time_point> marked;
  };

  [[nodiscard]] Path path_of(std::string_view hex) const;
  Result<bool> is_good(const FileDescriptor& file, const std::string& hex, std::uint64_t bytes);
  static Result<bool> mark_use(const FileDescriptor& file, Known& known);
  void forget(std::string_view name);

  const Core& core_;
  Path directory_;
  std::mutex mutex_;
  std::map<std::string, Known> known_;  ///< by digest; guarded by mutex_
};

}  // namespace statehouse
