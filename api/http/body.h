#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The body of a request after chunked decoding: bytes in memory up to
/// `limits::kBodyMemoryBytesMax`, otherwise an unlinked temporary file that disappears with its
/// owner. A value, move-only. Not durable. Threads: one at a time.
class RequestBody {
 public:
  RequestBody() = default;
  explicit RequestBody(std::string bytes) : bytes_(std::move(bytes)), size_(bytes_.size()) {}
  /// `file` holds exactly `size` bytes from offset 0.
  RequestBody(FileDescriptor file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  [[nodiscard]] std::uint64_t size() const { return size_; }
  [[nodiscard]] bool empty() const { return size_ == 0; }
  [[nodiscard]] bool in_memory() const { return !file_.valid(); }

  /// The bytes of a body that is in memory; empty for a body in a file.
  [[nodiscard]] const std::string& bytes() const { return bytes_; }

  /// The file of a body that is not in memory, borrowed, or -1. Its offset is unspecified: use
  /// pread(2), or lseek(2) before handing it to a child as standard input.
  [[nodiscard]] int descriptor() const { return file_.get(); }

  /// All bytes. Errors: kInvalidArgument when there are more than `bytes_max`; kInternal (I/O).
  [[nodiscard]] Result<std::string> read_all(std::uint64_t bytes_max) const;

  /// At most `count` bytes from `offset`; empty at the end. Errors: kInternal (I/O).
  [[nodiscard]] Result<std::string> read_at(std::uint64_t offset, std::size_t count) const;

 private:
  std::string bytes_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

/// How much all bodies of one server may hold at once. Threads: any.
class BodyBudget {
 public:
  BodyBudget(std::uint64_t memory_bytes_max, std::uint64_t file_bytes_max)
      : memory_left_(static_cast<std::int64_t>(memory_bytes_max)),
        file_left_(static_cast<std::int64_t>(file_bytes_max)) {}

  /// Takes `bytes` from a share, or takes nothing and says false.
  [[nodiscard]] bool take_memory(std::uint64_t bytes) { return take(memory_left_, bytes); }
  [[nodiscard]] bool take_file(std::uint64_t bytes) { return take(file_left_, bytes); }
  void give_memory(std::uint64_t bytes) { memory_left_ += static_cast<std::int64_t>(bytes); }
  void give_file(std::uint64_t bytes) { file_left_ += static_cast<std::int64_t>(bytes); }

 private:
  static bool take(std::atomic<std::int64_t>& left, std::uint64_t bytes);

  std::atomic<std::int64_t> memory_left_;
  std::atomic<std::int64_t> file_left_;
};

/// What one request holds of a budget; given back by the destructor. Move-only.
class BodyShare {
 public:
  explicit BodyShare(BodyBudget* budget = nullptr) : budget_(budget) {}
  BodyShare(BodyShare&& other) noexcept;
  BodyShare& operator=(BodyShare&& other) noexcept;
  BodyShare(const BodyShare&) = delete;
  BodyShare& operator=(const BodyShare&) = delete;
  ~BodyShare() { release(); }

  [[nodiscard]] bool take_memory(std::uint64_t bytes);
  [[nodiscard]] bool take_file(std::uint64_t bytes);
  void give_back_memory();

 private:
  void release();

  BodyBudget* budget_;  // borrowed; outlives every request; null means unlimited
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t file_bytes_ = 0;
};

/// Collects a body as it arrives: in memory first, moved to a file when it grows. The file is
/// created with O_TMPFILE in `directory`, so it never has a name. Threads: one.
class BodyCollector {
 public:
  /// `directory` is on the file system that may hold large bodies (DATA/tmp).
  BodyCollector(Path directory, std::size_t memory_bytes_max, BodyBudget* budget)
      : directory_(std::move(directory)), memory_bytes_max_(memory_bytes_max), share_(budget) {}

  /// Errors: kUnavailable (budget used up, disk full), kInternal (I/O).
  Result<> append(std::string_view bytes);

  [[nodiscard]] std::uint64_t size() const { return size_; }

  /// The whole body; the collector is empty afterwards. `share()` must live as long as the body.
  RequestBody finish();
  BodyShare take_share() { return std::move(share_); }

 private:
  Result<> move_to_file();

  Path directory_;
  std::size_t memory_bytes_max_;
  BodyShare share_;
  std::string bytes_;
  FileDescriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace statehouse
