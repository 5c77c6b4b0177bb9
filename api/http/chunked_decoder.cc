#include "api/http/chunked_decoder.h"

#include <algorithm>

namespace statehouse {

namespace {

constexpr int kSizeDigitsMax = 15;

std::unexpected<Error> bad(const char* why) {
  return invalid_argument(std::string("reading a chunked body: ") + why);
}

}  // namespace

Result<> ChunkedDecoder::size_digit(char c) {
  std::uint64_t value = 0;
  if (c >= '0' && c <= '9') {
    value = static_cast<std::uint64_t>(c - '0');
  } else if (c >= 'a' && c <= 'f') {
    value = static_cast<std::uint64_t>(c - 'a' + 10);
  } else if (c >= 'A' && c <= 'F') {
    value = static_cast<std::uint64_t>(c - 'A' + 10);
  } else {
    return bad("a chunk size is hexadecimal digits only");
  }
  if (++digits_ > kSizeDigitsMax) return bad("the chunk size is too long");
  left_ = left_ * 16 + value;
  state_ = State::kSize;
  return {};
}

Result<> ChunkedDecoder::step(char c) {
  const auto expect = [&](char wanted, State next, const char* why) -> Result<> {
    if (c != wanted) return bad(why);
    state_ = next;
    return {};
  };
  switch (state_) {
    case State::kSizeFirst:
      left_ = 0;
      digits_ = 0;
      return size_digit(c);
    case State::kSize:
      return c == '\r' ? expect('\r', State::kSizeLf, "") : size_digit(c);
    case State::kSizeLf:
      return expect('\n', left_ == 0 ? State::kLastCr : State::kData, "CR without LF");
    case State::kDataCr:
      return expect('\r', State::kDataLf, "a chunk is longer than its size");
    case State::kDataLf:
      return expect('\n', State::kSizeFirst, "CR without LF");
    case State::kLastCr:
      return expect('\r', State::kLastLf, "trailer fields are not accepted");
    case State::kLastLf:
      return expect('\n', State::kDone, "CR without LF");
    case State::kData:
    case State::kDone:
      break;
  }
  STATEHOUSE_ASSERT(false);
}

Result<std::size_t> ChunkedDecoder::feed(std::string_view bytes, const Consumer& consumer) {
  std::size_t at = 0;
  while (at < bytes.size() && !done()) {
    if (state_ != State::kData) {
      TRY(step(bytes[at]));
      ++at;
      continue;
    }
    const std::size_t count = std::min<std::uint64_t>(left_, bytes.size() - at);
    TRY(consumer(bytes.substr(at, count)));
    at += count;
    left_ -= count;
    if (left_ == 0) state_ = State::kDataCr;
  }
  return at;
}

}  // namespace statehouse
