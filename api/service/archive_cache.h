#pragma once

#include <memory>
#include <mutex>

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
  /// missing. Its size is checked; its bytes are verified by whoever receives them, and by `fsck`.
  /// Errors: kCorrupt when what is built is not what was stated.
  Result<std::shared_ptr<const FileDescriptor>> open(const RepositoryName& repository,
                                                     const Oid& tree, std::string_view digest_text,
                                                     std::uint64_t bytes);

  /// Removes archives, those used longest ago first, until at most `bytes_max` are left. What is
  /// asked for again is built again. Errors: as listing and removing files.
  Result<> trim(std::uint64_t bytes_max);

  /// Checks every file against its name and removes those that differ; returns how many there were
  /// and how many were removed.
  struct Checked {
    std::uint64_t files = 0;
    std::uint64_t removed = 0;
  };
  Result<Checked> check_all();

 private:
  [[nodiscard]] Path path_of(std::string_view hex) const;

  const Core& core_;
  Path directory_;
};

}  // namespace statehouse
