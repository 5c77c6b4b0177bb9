#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/base/limits.h"
#include "store/git/git_repository.h"

namespace statehouse {

// The snapshot archive, format "ustar-v1": a tar file (POSIX.1-2017 pax, ustar headers) that is a
// function of the tree alone, so that its digest can be computed by anybody.
//
//   archive   := entry* two blocks of 512 zero bytes, and nothing more
//   entry     := [pax] header content          entries in byte order of the full path
//   header    := mode 0000644 | 0000755 (files), 0000777 (symbolic links, type 2)
//                uid = gid = 0000000, mtime = 0 (eleven zeros), uname, gname and device numbers
//                empty, magic "ustar\0" "00"; numbers are octal digits and a NUL; checksum is six
//                digits, NUL, space
//   name      := a path of at most 100 bytes; else split at the last "/" that leaves a prefix of at
//                most 155 and a name of at most 100 bytes; else pax, and name holds its first 100
//   pax       := a header of type x, named "pax", mode 0000644, whose content are the records
//                "LENGTH linkpath=TARGET\n" (when the target exceeds 100 bytes), then
//                "LENGTH path=PATH\n" (when the path does not fit)
//   content   := the file's bytes, filled up with zeros to 512
//
// No folders, devices, hard links, extended attributes; gitlinks, and symbolic links that are
// absolute or leave the root, are refused. Files have less than 8 GiB.

struct ArchiveLimits {
  std::uint64_t bytes_max = limits::kArchiveBytesMax;  ///< of the whole archive
  std::uint64_t entries_max = limits::kTreeEntriesMax;
};

/// What identifies an archive: the digest and size of its uncompressed bytes.
struct ArchiveDigest {
  std::string sha256;  ///< 32 raw bytes
  std::uint64_t size = 0;
  std::uint64_t entries = 0;
  auto operator<=>(const ArchiveDigest&) const = default;
};

using ByteSink = std::function<Result<>(std::string_view)>;

/// Writes the archive of `tree` to `sink`, one file in memory at a time. The same tree gives the
/// same bytes, always. An error from `sink` ends it and is returned.
/// Errors: kInvalidArgument (what the format refuses, with its path; limits); as GitRepository's.
Result<ArchiveDigest> write_archive(const GitRepository& repository, const Oid& tree,
                                    const ByteSink& sink, const ArchiveLimits& archive_limits = {});

/// Reads the archive in `fd` (a regular file, from its start) and checks that it is exactly what
/// write_archive could have made: each header is made anew and compared, paths ascend, every link
/// stays inside, nothing follows the end. Writes nothing. Errors: kUnverified with the offset.
Result<ArchiveDigest> check_archive(int fd, const ArchiveLimits& archive_limits = {});

enum class ArchiveSync { kNone, kEveryFile };

/// Unpacks the archive in `fd` into the empty folder `directory`. The whole archive is checked, and
/// its digest and size compared with `expected`, before the first file is made. Files are opened
/// with openat2(2) RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS, never over something that is there;
/// folders get mode 0755. With kEveryFile all files and folders are fsynced.
/// Errors: kUnverified (not the archive expected, or not exactly the format), kConflict (something
/// is in the way), kUnavailable. After an error `directory` may hold a part: discard it.
Result<> extract_archive(int fd, const ArchiveDigest& expected, const Path& directory,
                         ArchiveSync sync, const ArchiveLimits& archive_limits = {});

}  // namespace statehouse
