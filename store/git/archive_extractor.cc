#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "crypto/base/encoding.h"
#include "store/git/archive_reader.h"

namespace statehouse {

namespace {

std::unexpected<Error> failed(std::string_view doing, std::string_view path, int errno_value) {
  return std::unexpected(
      errno_error(std::string(doing) + " " + escape_for_message(path), errno_value));
}

/// Opens `path` below `root`, through no symbolic link whatsoever.
Result<FileDescriptor> open_beneath(int root, const std::string& path, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  const long fd = ::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how);
  if (fd < 0) return failed("creating", path, errno);
  return FileDescriptor(static_cast<int>(fd));
}

class Extractor final : public ArchiveVisitor {
 public:
  Extractor(int root, ArchiveSync sync) : root_(root), sync_(sync) {}

  Result<> begin(const ArchiveEntry& entry) override {
    const std::size_t slash = entry.path.rfind('/');
    TRY(enter(slash == std::string::npos ? "." : entry.path.substr(0, slash)));
    const std::string name = entry.path.substr(slash + 1);
    path_ = entry.path;
    if (entry.mode == FileMode::kSymlink) {
      if (::symlinkat(entry.link_target.c_str(), folder_fd_.get(), name.c_str()) != 0) {
        return failed("creating", path_, errno);
      }
      return {};
    }
    file_ = TRY(open_beneath(folder_fd_.get(), name, O_WRONLY | O_CREAT | O_EXCL, 0600));
    const mode_t mode = entry.mode == FileMode::kExecutable ? 0755 : 0644;
    if (::fchmod(file_.get(), mode) != 0) return failed("creating", path_, errno);
    return {};
  }

  Result<> content(std::string_view piece) override { return write_all(file_.get(), piece); }

  Result<> end() override {
    if (file_.valid() && sync_ == ArchiveSync::kEveryFile) {
      TRY(sync_descriptor(file_.get(), path_));
    }
    file_.reset();
    return {};
  }

  /// Folders after their content, the root last.
  Result<> finish() {
    if (sync_ == ArchiveSync::kNone) return {};
    for (std::size_t i = folders_.size(); i > 0; --i) {
      const FileDescriptor fd =
          TRY(open_beneath(root_, folders_[i - 1], O_RDONLY | O_DIRECTORY, 0));
      TRY(sync_descriptor(fd.get(), folders_[i - 1]));
    }
    return sync_descriptor(root_, ".");
  }

 private:
  /// Makes `folder` the current one, creating what is missing. Entries ascend, so the next one is
  /// mostly in the same folder.
  Result<> enter(const std::string& folder) {
    if (folder == folder_ && folder_fd_.valid()) return {};
    for (std::size_t end = folder.find('/'); folder != "."; end = folder.find('/', end + 1)) {
      const std::string part = folder.substr(0, end);
      TRY(create(part));
      if (end == std::string::npos) break;
    }
    folder_fd_ = TRY(open_beneath(root_, folder, O_RDONLY | O_DIRECTORY, 0));
    folder_ = folder;
    return {};
  }

  Result<> create(const std::string& folder) {
    const std::size_t slash = folder.rfind('/');
    const std::string parent = slash == std::string::npos ? "." : folder.substr(0, slash);
    const FileDescriptor parent_fd = TRY(open_beneath(root_, parent, O_RDONLY | O_DIRECTORY, 0));
    const std::string name = folder.substr(slash + 1);
    if (::mkdirat(parent_fd.get(), name.c_str(), 0700) != 0) {
      if (errno == EEXIST) return {};  // entered, or refused, by openat2
      return failed("creating", folder, errno);
    }
    const FileDescriptor fd = TRY(open_beneath(root_, folder, O_RDONLY | O_DIRECTORY, 0));
    if (::fchmod(fd.get(), 0755) != 0) return failed("creating", folder, errno);
    folders_.push_back(folder);
    return {};
  }

  const int root_;
  const ArchiveSync sync_;
  std::string folder_;
  FileDescriptor folder_fd_;
  FileDescriptor file_;
  std::string path_;
  std::vector<std::string> folders_;  ///< created, parents first
};

}  // namespace

Result<> extract_archive(int fd, const ArchiveDigest& expected, const Path& directory,
                         ArchiveSync sync, const ArchiveLimits& archive_limits) {
  const auto require_expected = [&](const ArchiveDigest& digest) -> Result<> {
    if (digest.sha256 == expected.sha256 && digest.size == expected.size) return {};
    return unverified("reading an archive: it is not the one that was promised");
  };
  const ArchiveDigest before = TRY(check_archive(fd, archive_limits));
  TRY(require_expected(before));
  const std::vector<std::string> names = TRY(list_directory(directory));
  if (!names.empty()) {
    return conflict("unpacking an archive: " + directory.string() + " is not empty");
  }
  const FileDescriptor root = TRY(open_file(directory, O_RDONLY | O_DIRECTORY));
  Extractor extractor(root.get(), sync);
  const ArchiveDigest unpacked = TRY(read_archive(fd, archive_limits, extractor));
  TRY(require_expected(unpacked));  // the file may have changed in between
  return extractor.finish();
}

}  // namespace statehouse
