#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "store/git/object.h"

namespace statehouse {

// One entry of a ustar-v1 archive as bytes; the format is in archive.h. Private to the writer and
// the reader of archives.

inline constexpr std::size_t kArchiveBlockBytes = 512;

struct ArchiveEntry {
  std::string path;
  FileMode mode = FileMode::kFile;
  std::uint64_t size = 0;   ///< of the content; 0 for a symbolic link
  std::string link_target;  ///< of a symbolic link
};

/// Everything before the content: the pax header if one is needed, and the ustar header. The only
/// bytes that this entry may have. REQUIRES: `size` below 8 GiB; mode is a file's or a link's.
std::string archive_headers(const ArchiveEntry& entry);

/// Why an entry may not be in an archive, whatever it holds: a path that is no TreePath, a link
/// that is absolute or leaves the root. Errors: kInvalidArgument.
Result<> check_archive_entry(const ArchiveEntry& entry);

/// Zeros that fill `size` up to a whole number of blocks.
std::string_view archive_padding(std::uint64_t size);

}  // namespace statehouse
