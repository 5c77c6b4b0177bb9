#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
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
  /// How many archives are built anew at once for those who ask.
  static constexpr std::size_t kRebuildsMax = 4;

  /// `directory` is DATA/snapshots/sha256 and exists; archives are built in `scratch`, on the same
  /// file system, which start empties. Together they are kept to `bytes_max`, while building too.
  ArchiveCache(const Core& core, Path directory, Path scratch,
               std::uint64_t bytes_max = limits::kArchiveCacheBytesMax)
      : core_(core),
        directory_(std::move(directory)),
        scratch_(std::move(scratch)),
        bytes_max_(bytes_max) {}

  /// Builds the archive of `tree`, keeps it, and says what it is.
  /// Errors: kInvalidArgument (a tree the format refuses), kUnavailable (disk full).
  Result<ArchiveDigest> build(const RepositoryName& repository, const Oid& tree);

  /// Says what build() would, and writes nothing. Errors: as build().
  Result<ArchiveDigest> digest(const RepositoryName& repository, const Oid& tree) const;

  /// The file of an archive whose statement says `expected`; built again from `tree` when it is
  /// missing or is not what its name says. The bytes are hashed when this process opens the file
  /// first and when its inode changed since; whoever receives them verifies them anyhow.
  /// Errors: kCorrupt when what is built is not what was stated; kUnavailable while somebody else
  /// builds it, or kRebuildsMax others.
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

  /// Room for a file that grows; given back at the end, when the file is kept or gone.
  class Room {
   public:
    explicit Room(ArchiveCache& cache) : cache_(cache) {}
    ~Room() { cache_.give_back(reserved_); }
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;

    /// Removes other archives until there is room for `bytes` more.
    Result<> grow(std::uint64_t bytes);

   private:
    ArchiveCache& cache_;
    std::uint64_t reserved_ = 0;
    std::uint64_t used_ = 0;
  };

  Result<> reserve(std::uint64_t bytes);
  void give_back(std::uint64_t bytes);
  Result<std::uint64_t> bytes_after_trim(std::uint64_t bytes_max);
  Result<ArchiveDigest> build_once(const std::string& hex, const RepositoryName& repository,
                                   const Oid& tree);
  [[nodiscard]] Path path_of(std::string_view hex) const;
  Result<bool> is_good(const FileDescriptor& file, const std::string& hex, std::uint64_t bytes);
  static Result<bool> mark_use(const FileDescriptor& file, Known& known);
  void forget(std::string_view name);

  const Core& core_;
  const Path directory_;
  const Path scratch_;
  const std::uint64_t bytes_max_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Known> known_;  ///< by digest
  std::set<std::string> rebuilding_;    ///< digests
  std::mutex room_mutex_;               ///< taken before mutex_
  // Guarded by room_mutex_.
  std::optional<std::uint64_t> kept_bytes_;  ///< at most so many are in directory_
  std::uint64_t reserved_bytes_ = 0;         ///< for what is being built
};

}  // namespace statehouse
