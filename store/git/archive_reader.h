#pragma once

#include <string_view>

#include "crypto/base/error.h"
#include "store/git/archive.h"
#include "store/git/archive_entry.h"

namespace statehouse {

/// What happens with the entries of an archive as it is read. By default nothing.
class ArchiveVisitor {
 public:
  virtual ~ArchiveVisitor() = default;
  virtual Result<> begin(const ArchiveEntry& /*entry*/) { return {}; }
  virtual Result<> content(std::string_view /*piece*/) { return {}; }
  virtual Result<> end() { return {}; }
};

/// Reads `fd` from its start and checks it as check_archive does, handing each entry to `visitor`
/// as soon as its header is checked. Errors: kUnverified; the visitor's.
Result<ArchiveDigest> read_archive(int fd, const ArchiveLimits& archive_limits,
                                   ArchiveVisitor& visitor);

}  // namespace statehouse
