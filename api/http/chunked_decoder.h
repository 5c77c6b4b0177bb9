#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// Reads the chunked transfer coding (RFC 9112 section 7.1), strictly: a size is 1 to 15 hex digits
/// and nothing else, lines end in CRLF, no chunk extensions, no trailer fields. All of those are
/// legal for a server to refuse and none is sent by the clients we serve, while each has been used
/// to smuggle requests. A value; threads: one.
class ChunkedDecoder {
 public:
  using Consumer = std::function<Result<>(std::string_view)>;

  /// Consumes a prefix of `bytes`, at most through the end of the last chunk, and hands decoded
  /// bytes to `consumer`. Returns how many bytes were consumed: fewer than given only when done.
  /// Errors: kInvalidArgument (grammar), or the consumer's. Do not call again after an error.
  Result<std::size_t> feed(std::string_view bytes, const Consumer& consumer);

  [[nodiscard]] bool done() const { return state_ == State::kDone; }

 private:
  enum class State {
    kSizeFirst,  ///< the first digit of a size
    kSize,
    kSizeLf,
    kData,
    kDataCr,
    kDataLf,
    kLastCr,  ///< after the zero chunk: the empty trailer section
    kLastLf,
    kDone,
  };

  Result<> step(char c);
  Result<> size_digit(char c);

  State state_ = State::kSizeFirst;
  std::uint64_t left_ = 0;
  int digits_ = 0;
};

}  // namespace statehouse
