#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"

namespace statehouse {

using Path = std::filesystem::path;

/// Owns one file descriptor and closes it. -1 means none. Move-only.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int fd) : fd_(fd) {}
  FileDescriptor(FileDescriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() { reset(); }

  [[nodiscard]] int get() const { return fd_; }
  [[nodiscard]] bool valid() const { return fd_ >= 0; }
  int release() { return std::exchange(fd_, -1); }
  void reset();

 private:
  int fd_ = -1;
};

/// open(2) with O_CLOEXEC | O_NOFOLLOW added. `flags` as for open(2); `mode` for O_CREAT.
Result<FileDescriptor> open_file(const Path& path, int flags, mode_t mode = 0600);

/// Writes all of `bytes`, across short writes and EINTR.
Result<> write_all(int fd, std::string_view bytes);

/// Reads a regular file of at most `bytes_max` bytes.
/// Errors: kNotFound, kInvalidArgument (longer, or not a regular file).
Result<std::string> read_file(const Path& path, std::uint64_t bytes_max);

/// fsync(2) on an open descriptor, on a file, on a directory. Errors are never retried: after a
/// failed fsync the page cache may claim to be clean (see docs/durability.md).
Result<> sync_descriptor(int fd, const Path& path_for_message);
Result<> sync_file(const Path& path);
Result<> sync_directory(const Path& path);

/// Creates or replaces `path` so that after a power loss there is the old or the new content, never
/// a mixture: writes `path`.tmp-<pid>-<n> in the same directory, fsyncs it, renames it, fsyncs the
/// directory. Durable when it returns. The steps reported are "`step`.write", "`step`.sync",
/// "`step`.rename" and "`step`.sync-directory".
Result<> write_file_durably(const Path& path, std::string_view bytes, mode_t mode,
                            DurableSteps& steps, std::string_view step);

/// mkdir(2) of one directory, mode 0700, then fsync of its parent. Existing is kConflict.
Result<> create_directory_durably(const Path& path);

/// mkdir -p with mode 0700. No durability promise.
Result<> make_directories(const Path& path);

/// Removes a whole tree; absent is success. No durability promise.
Result<> remove_tree(const Path& path);

/// Names (not paths) in a directory, sorted, without "." and "..".
Result<std::vector<std::string>> list_directory(const Path& path);

/// A directory made by mkdtemp(3) under `parent`, removed with its content by the destructor.
class TemporaryDirectory {
 public:
  static Result<TemporaryDirectory> create(const Path& parent, std::string_view prefix);
  TemporaryDirectory(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory& operator=(TemporaryDirectory&& other) noexcept;
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory();

  [[nodiscard]] const Path& path() const { return path_; }

 private:
  explicit TemporaryDirectory(Path path) : path_(std::move(path)) {}

  Path path_;
};

/// An exclusive flock(2) on a file, held until destruction. Errors: kUnavailable when another
/// process holds it.
class FileLock {
 public:
  static Result<FileLock> acquire(const Path& path);
  /// A shared one, on a file that is there: keeps out who acquires it. Writes nothing.
  static Result<FileLock> share(const Path& path);

 private:
  explicit FileLock(FileDescriptor fd) : fd_(std::move(fd)) {}
  static Result<FileLock> lock(const Path& path, FileDescriptor fd, int operation);

  FileDescriptor fd_;
};

}  // namespace statehouse
