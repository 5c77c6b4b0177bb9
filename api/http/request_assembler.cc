#include "api/http/request_assembler.h"

#include <algorithm>
#include <utility>

#include "api/http/problem.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

/// The longest request line that can hold an acceptable target: method, two spaces, version.
constexpr std::size_t kRequestLineBytesMax = limits::kRequestTargetBytesMax + 32;

HttpResponse refusal(int status, std::string_view why) {
  return problem(status, ErrorCode::kInvalidArgument, "reading the request: " + std::string(why));
}

HttpResponse body_too_large(std::uint64_t bytes_max) {
  return problem(
      413, ErrorCode::kInvalidArgument,
      "reading the request: the body is longer than " + std::to_string(bytes_max) + " bytes");
}

}  // namespace

std::size_t RequestAssembler::feed(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && state_ == State::kHead) used += feed_head(bytes.substr(used));
  if (state_ == State::kBody) used += feed_body(bytes.substr(used));
  return used;
}

/// Takes bytes through the next LF.
std::size_t RequestAssembler::feed_head(std::string_view bytes) {
  const std::size_t lf = bytes.find('\n');
  const std::size_t wanted = lf == std::string_view::npos ? bytes.size() : lf + 1;
  // One byte over the limit is enough to see that it was passed.
  const std::size_t room = limits::kHeaderBlockBytesMax + 1 - block_.size();
  const std::size_t count = std::min(wanted, room);
  block_.append(bytes.substr(0, count));
  if (!head_within_limits()) return count;
  if (count < wanted || lf == std::string_view::npos) return count;
  if (!block_.ends_with("\r\n")) {
    refuse(refusal(400, "a line must end in CR LF"));
  } else if (block_ == "\r\n" && !skipped_empty_line_) {
    block_.clear();
    skipped_empty_line_ = true;
  } else if (block_.ends_with("\r\n\r\n") || block_ == "\r\n") {
    head_complete();
  } else {
    ++lines_;
  }
  return count;
}

bool RequestAssembler::head_within_limits() {
  if (lines_ == 0 && block_.size() > kRequestLineBytesMax) {
    refuse(refusal(414, "the target is too long"));
  } else if (block_.size() > limits::kHeaderBlockBytesMax) {
    refuse(refusal(431, "the header block is too long"));
  } else if (lines_ > limits::kHeaderFieldsMax + 1) {
    refuse(refusal(431, "too many header fields"));
  }
  return state_ != State::kRefused;
}

void RequestAssembler::head_complete() {
  auto head = parse_request_head(block_);
  block_ = std::string();
  if (!head) return refuse(std::move(head).error());
  head_ = *std::move(head);
  head_.request.peer_address = peer_.address;
  head_.request.peer_port = peer_.port;
  head_.request.is_control_socket = peer_.is_control_socket;
  head_.request.is_tls = peer_.is_tls;
  auto admission = context_.admit(head_);
  if (!admission) return refuse(std::move(admission).error());
  admission_ = *admission;
  if (!head_.has_body()) {
    state_ = State::kComplete;
    return;
  }
  if (head_.content_length > admission_.body_bytes_max || admission_.body_bytes_max == 0) {
    return refuse(body_too_large(admission_.body_bytes_max));
  }
  body_.emplace(context_.temporary_directory, limits::kBodyMemoryBytesMax, context_.budget);
  send_continue_ = head_.expects_continue;
  state_ = State::kBody;
}

std::size_t RequestAssembler::feed_body(std::string_view bytes) {
  if (bytes.empty()) return 0;
  send_continue_ = false;  // it did not wait
  return head_.framing == Framing::kChunked ? feed_chunked(bytes) : feed_length(bytes);
}

std::size_t RequestAssembler::feed_length(std::string_view bytes) {
  const std::uint64_t left = head_.content_length - body_->size();
  const std::size_t count = std::min<std::uint64_t>(left, bytes.size());
  if (auto appended = append(bytes.substr(0, count)); !appended) {
    refuse(appended.error());
  } else if (body_->size() == head_.content_length) {
    state_ = State::kComplete;
  }
  return count;
}

std::size_t RequestAssembler::feed_chunked(std::string_view bytes) {
  auto used = chunks_.feed(bytes, [this](std::string_view data) { return append(data); });
  if (!used) {
    refuse(used.error());
    return bytes.size();
  }
  if (chunks_.done()) state_ = State::kComplete;
  return *used;
}

Result<> RequestAssembler::append(std::string_view bytes) {
  if (bytes.size() > admission_.body_bytes_max - body_->size()) {
    too_large_ = true;
    return invalid_argument("too large");
  }
  return body_->append(bytes);
}

void RequestAssembler::refuse(const Error& error) {
  refuse(too_large_ ? body_too_large(admission_.body_bytes_max) : problem(error));
}

void RequestAssembler::refuse(HttpResponse response) {
  state_ = State::kRefused;
  send_continue_ = false;
  body_.reset();
  refusal_ = std::move(response);
}

AssembledRequest RequestAssembler::take_request() {
  STATEHOUSE_ASSERT(state_ == State::kComplete);
  AssembledRequest result{std::move(head_.request), admission_.lane, head_.keep_alive,
                          head_.is_http_1_0};
  if (body_) {
    result.request.body = body_->finish();
    result.request.body_share = body_->take_share();
  }
  return result;
}

HttpResponse RequestAssembler::take_refusal() {
  STATEHOUSE_ASSERT(state_ == State::kRefused);
  return *std::move(refusal_);
}

}  // namespace statehouse
