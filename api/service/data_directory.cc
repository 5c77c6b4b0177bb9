#include "api/service/data_directory.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "crypto/base/encoding.h"

namespace statehouse {

Result<DataDirectory> DataDirectory::open(const Path& root) {
  const std::string shown = escape_for_message(root.string());
  struct stat status{};
  if (::lstat(root.c_str(), &status) != 0) {
    return std::unexpected(errno_error("opening data directory " + shown, errno));
  }
  const std::string doing = "opening data directory " + shown + ": ";
  if (!S_ISDIR(status.st_mode)) return invalid_argument(doing + "not a directory");
  if ((status.st_mode & 077) != 0 || status.st_uid != ::geteuid()) {
    return denied(doing + "it must belong to this user alone",
                  "chown it to the user the server runs as, and chmod 0700 it");
  }
  DataLayout layout{root};
  if (::access(layout.ledger().c_str(), F_OK) != 0) {
    return not_found(doing + "there is no store in it",
                     "run `statehouse init --data " + shown + "` first");
  }
  FileLock lock = TRY(FileLock::acquire(layout.lock()));
  return DataDirectory(std::move(layout), std::move(lock));
}

}  // namespace statehouse
