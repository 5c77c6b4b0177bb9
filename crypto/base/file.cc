#include "crypto/base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <system_error>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

std::string shown_name(const Path& path) { return escape_for_message(path.filename().string()); }

std::unexpected<Error> errno_failure(std::string_view doing, const Path& path, int errno_value) {
  return std::unexpected(errno_error(std::string(doing) + " " + shown_name(path), errno_value));
}

Path temporary_sibling(const Path& path) {
  static std::atomic<unsigned> counter{0};
  Path sibling = path;
  sibling += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1));
  return sibling;
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void FileDescriptor::reset() {
  // close(2) is not retried on EINTR: on Linux the descriptor is gone either way.
  if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

Result<FileDescriptor> open_file(const Path& path, int flags, mode_t mode) {
  int fd = -1;
  do {
    fd = ::open(path.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, mode);
  } while (fd < 0 && errno == EINTR);
  if (fd < 0) return errno_failure("opening", path, errno);
  return FileDescriptor(fd);
}

Result<> write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return std::unexpected(errno_error("writing", errno));
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<std::string> read_file(const Path& path, std::uint64_t bytes_max) {
  const FileDescriptor fd = TRY(open_file(path, O_RDONLY));
  struct stat status{};
  if (::fstat(fd.get(), &status) != 0) return errno_failure("reading", path, errno);
  if (!S_ISREG(status.st_mode)) {
    return invalid_argument("reading " + shown_name(path) + ": not a regular file");
  }
  std::string bytes;
  std::string buffer(65536, '\0');
  while (true) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return errno_failure("reading", path, errno);
    if (got == 0) return bytes;
    bytes.append(buffer, 0, static_cast<std::size_t>(got));
    if (bytes.size() > bytes_max) {
      return invalid_argument("reading " + shown_name(path) + ": longer than " +
                              std::to_string(bytes_max) + " bytes");
    }
  }
}

Result<> sync_descriptor(int fd, const Path& path_for_message) {
  if (::fsync(fd) != 0) return errno_failure("syncing", path_for_message, errno);
  return {};
}

Result<> sync_file(const Path& path) {
  const FileDescriptor fd = TRY(open_file(path, O_RDONLY));
  return sync_descriptor(fd.get(), path);
}

Result<> sync_directory(const Path& path) {
  const FileDescriptor fd = TRY(open_file(path, O_RDONLY | O_DIRECTORY));
  return sync_descriptor(fd.get(), path);
}

Result<> write_file_durably(const Path& path, std::string_view bytes, mode_t mode,
                            DurableSteps& steps, std::string_view step) {
  const std::string name(step);
  const Path temporary = temporary_sibling(path);
  FileDescriptor fd = TRY(open_file(temporary, O_WRONLY | O_CREAT | O_EXCL, mode));
  const auto written = [&]() -> Result<> {
    TRY(durable_step(steps, name + ".write", [&] { return write_all(fd.get(), bytes); }));
    TRY(durable_step(steps, name + ".sync", [&] { return sync_descriptor(fd.get(), path); }));
    return durable_step(steps, name + ".rename", [&]() -> Result<> {
      if (::rename(temporary.c_str(), path.c_str()) != 0) {
        return errno_failure("replacing", path, errno);
      }
      return {};
    });
  }();
  if (!written) {
    ::unlink(temporary.c_str());
    return written;
  }
  return durable_step(steps, name + ".sync-directory",
                      [&] { return sync_directory(path.parent_path()); });
}

Result<> create_directory_durably(const Path& path) {
  if (::mkdir(path.c_str(), 0700) != 0) return errno_failure("creating directory", path, errno);
  return sync_directory(path.parent_path());
}

Result<> make_directories(const Path& path) {
  if (path.has_parent_path() && path.parent_path() != path && ::access(path.c_str(), F_OK) != 0) {
    TRY(make_directories(path.parent_path()));
  }
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return errno_failure("creating directory", path, errno);
  }
  return {};
}

Result<> remove_tree(const Path& path) {
  std::error_code error;
  std::filesystem::remove_all(path, error);
  if (error) return errno_failure("removing", path, error.value());
  return {};
}

Result<std::vector<std::string>> list_directory(const Path& path) {
  std::error_code error;
  std::vector<std::string> names;
  std::filesystem::directory_iterator entry(path, error);
  const std::filesystem::directory_iterator end;
  while (!error && entry != end) {
    names.push_back(entry->path().filename().string());
    entry.increment(error);
  }
  if (error) return errno_failure("listing", path, error.value());
  std::ranges::sort(names);
  return names;
}

Result<TemporaryDirectory> TemporaryDirectory::create(const Path& parent, std::string_view prefix) {
  std::string name = (parent / (std::string(prefix) + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) {
    return errno_failure("creating a temporary directory in", parent, errno);
  }
  return TemporaryDirectory(Path(name));
}

TemporaryDirectory::TemporaryDirectory(TemporaryDirectory&& other) noexcept
    : path_(std::exchange(other.path_, Path())) {}

TemporaryDirectory& TemporaryDirectory::operator=(TemporaryDirectory&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

TemporaryDirectory::~TemporaryDirectory() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

Result<FileLock> FileLock::acquire(const Path& path) {
  FileDescriptor fd = TRY(open_file(path, O_RDWR | O_CREAT, 0600));
  return lock(path, std::move(fd), LOCK_EX);
}

Result<FileLock> FileLock::share(const Path& path) {
  FileDescriptor fd = TRY(open_file(path, O_RDONLY));
  return lock(path, std::move(fd), LOCK_SH);
}

Result<FileLock> FileLock::lock(const Path& path, FileDescriptor fd, int operation) {
  if (::flock(fd.get(), operation | LOCK_NB) == 0) return FileLock(std::move(fd));
  if (errno == EWOULDBLOCK) {
    return unavailable(
        "locking " + escape_for_message(path.string()) + ": another process holds it",
        "stop that process, or let the running server do it");
  }
  return errno_failure("locking", path, errno);
}

}  // namespace statehouse
