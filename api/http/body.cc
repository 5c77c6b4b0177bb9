#include "api/http/body.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace statehouse {

Result<std::string> RequestBody::read_all(std::uint64_t bytes_max) const {
  if (size_ > bytes_max) {
    return invalid_argument("reading the request body: longer than " + std::to_string(bytes_max) +
                            " bytes");
  }
  if (in_memory()) return bytes_;
  return read_at(0, size_);
}

Result<std::string> RequestBody::read_at(std::uint64_t offset, std::size_t count) const {
  if (offset >= size_) return std::string();
  const std::size_t wanted = std::min<std::uint64_t>(count, size_ - offset);
  if (in_memory()) return bytes_.substr(offset, wanted);
  std::string result(wanted, '\0');
  std::size_t have = 0;
  while (have < wanted) {
    const ssize_t got = ::pread(file_.get(), result.data() + have, wanted - have,
                                static_cast<off_t>(offset + have));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::unexpected(errno_error("reading the request body", errno));
    if (got == 0) return internal_error("reading the request body: its file became shorter");
    have += static_cast<std::size_t>(got);
  }
  return result;
}

bool BodyBudget::take(std::atomic<std::int64_t>& left, std::uint64_t bytes) {
  const auto wanted = static_cast<std::int64_t>(bytes);
  if (left.fetch_sub(wanted) >= wanted) return true;
  left.fetch_add(wanted);
  return false;
}

BodyShare::BodyShare(BodyShare&& other) noexcept
    : budget_(other.budget_),
      memory_bytes_(std::exchange(other.memory_bytes_, 0)),
      file_bytes_(std::exchange(other.file_bytes_, 0)) {}

BodyShare& BodyShare::operator=(BodyShare&& other) noexcept {
  if (this != &other) {
    release();
    budget_ = other.budget_;
    memory_bytes_ = std::exchange(other.memory_bytes_, 0);
    file_bytes_ = std::exchange(other.file_bytes_, 0);
  }
  return *this;
}

bool BodyShare::take_memory(std::uint64_t bytes) {
  if (budget_ != nullptr && !budget_->take_memory(bytes)) return false;
  memory_bytes_ += bytes;
  return true;
}

bool BodyShare::take_file(std::uint64_t bytes) {
  if (budget_ != nullptr && !budget_->take_file(bytes)) return false;
  file_bytes_ += bytes;
  return true;
}

void BodyShare::give_back_memory() {
  if (budget_ != nullptr) budget_->give_memory(memory_bytes_);
  memory_bytes_ = 0;
}

void BodyShare::release() {
  if (budget_ == nullptr) return;
  budget_->give_memory(std::exchange(memory_bytes_, 0));
  budget_->give_file(std::exchange(file_bytes_, 0));
}

Result<> BodyCollector::append(std::string_view bytes) {
  if (!file_.valid() && bytes_.size() + bytes.size() > memory_bytes_max_) TRY(move_to_file());
  if (file_.valid()) {
    if (!share_.take_file(bytes.size())) {
      return unavailable("receiving a body: too many large bodies at once");
    }
    TRY_WITH("receiving a body", write_all(file_.get(), bytes));
  } else {
    if (!share_.take_memory(bytes.size())) {
      return unavailable("receiving a body: too many bodies at once");
    }
    bytes_.append(bytes);
  }
  size_ += bytes.size();
  return {};
}

Result<> BodyCollector::move_to_file() {
  // O_TMPFILE needs no O_NOFOLLOW and no name, so open_file does not fit.
  file_ = FileDescriptor(::open(directory_.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  if (!file_.valid()) return std::unexpected(errno_error("receiving a body", errno));
  if (!share_.take_file(bytes_.size())) {
    return unavailable("receiving a body: too many large bodies at once");
  }
  TRY_WITH("receiving a body", write_all(file_.get(), bytes_));
  share_.give_back_memory();
  bytes_ = std::string();
  return {};
}

RequestBody BodyCollector::finish() {
  if (!file_.valid()) return RequestBody(std::exchange(bytes_, {}));
  return RequestBody(std::move(file_), std::exchange(size_, 0));
}

}  // namespace statehouse
