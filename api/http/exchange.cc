#include "api/http/exchange.h"

#include <algorithm>

namespace statehouse {

namespace {

/// One sendfile(2): small enough that a slice is noticed, large enough to be cheap.
constexpr std::uint64_t kSendFileBytes = 1U << 20;

}  // namespace

IoResult Output::advance(Transport& transport, std::uint64_t slice_bytes, std::uint64_t& total) {
  std::uint64_t sent = 0;
  while (!done() && sent < slice_bytes) {
    const std::string_view head_left = std::string_view(head).substr(head_sent);
    const std::string_view body_left = std::string_view(body).substr(body_sent);
    const bool text = !head_left.empty() || !body_left.empty();
    const IoResult result =
        text ? transport.write(head_left, body_left)
             : transport.send_file(file.file->get(), file.offset + file_sent,
                                   std::min(file.size - file_sent, kSendFileBytes));
    if (result.status != IoResult::Status::kProgress) return result;
    sent += result.bytes;
    total += result.bytes;
    if (!text) {
      file_sent += result.bytes;
      continue;
    }
    const std::uint64_t of_head = std::min<std::uint64_t>(result.bytes, head_left.size());
    head_sent += of_head;
    body_sent += result.bytes - of_head;
  }
  return {IoResult::Status::kProgress, 0};
}

}  // namespace statehouse
