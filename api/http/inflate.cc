#include "api/http/inflate.h"

#include <zlib.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>

namespace statehouse {

namespace {

constexpr std::size_t kStepBytes = 64U << 10;
constexpr int kGzipOnly = 16 + MAX_WBITS;

/// Owns an inflating z_stream.
class Inflater {
 public:
  Inflater() : ready_(::inflateInit2(&stream_, kGzipOnly) == Z_OK) {}
  ~Inflater() {
    if (ready_) ::inflateEnd(&stream_);
  }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;

  [[nodiscard]] bool ready() const { return ready_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ready_;
};

std::unexpected<InflateError> failed(InflateFailure failure, Error error) {
  return std::unexpected(InflateError{failure, std::move(error)});
}

std::unexpected<InflateError> malformed(const char* why) {
  return failed(InflateFailure::kMalformed,
                {ErrorCode::kInvalidArgument, std::string("inflating the body: ") + why, {}});
}

bool over_limit(const z_stream& stream, const InflateLimits& limits) {
  if (stream.total_out > limits.bytes_max) return true;
  return stream.total_out > kStepBytes && stream.total_out / limits.ratio_max > stream.total_in;
}

enum class Step { kMore, kEnd };

/// Feeds one piece of input; its output goes to `into`.
std::expected<Step, InflateError> inflate_piece(z_stream& stream, std::string& piece,
                                                const InflateLimits& limits, BodyCollector& into) {
  std::array<char, kStepBytes> out;
  stream.next_in = reinterpret_cast<Bytef*>(piece.data());
  stream.avail_in = static_cast<uInt>(piece.size());
  do {
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    const int code = ::inflate(&stream, Z_NO_FLUSH);
    if (code != Z_OK && code != Z_STREAM_END && code != Z_BUF_ERROR) {
      return malformed("not a valid gzip stream");
    }
    if (over_limit(stream, limits)) {
      return failed(
          InflateFailure::kTooLarge,
          {ErrorCode::kInvalidArgument, "inflating the body: it grows beyond the limit", {}});
    }
    const std::size_t made = out.size() - stream.avail_out;
    if (auto appended = into.append({out.data(), made}); !appended) {
      return failed(InflateFailure::kUnavailable, std::move(appended).error());
    }
    if (code == Z_STREAM_END) {
      if (stream.avail_in != 0) return malformed("bytes after the gzip member");
      return Step::kEnd;
    }
  } while (stream.avail_out == 0 || stream.avail_in > 0);
  return Step::kMore;
}

}  // namespace

std::expected<RequestBody, InflateError> inflate_gzip(const RequestBody& compressed,
                                                      const InflateLimits& limits,
                                                      BodyCollector& into) {
  Inflater inflater;
  if (!inflater.ready()) {
    return failed(InflateFailure::kUnavailable,
                  {ErrorCode::kUnavailable, "inflating the body: out of memory", {}});
  }
  std::uint64_t offset = 0;
  Step step = Step::kMore;
  while (offset < compressed.size()) {
    if (step == Step::kEnd) return malformed("bytes after the gzip member");
    auto piece = compressed.read_at(offset, kStepBytes);
    if (!piece) return failed(InflateFailure::kUnavailable, std::move(piece).error());
    offset += piece->size();
    auto done = inflate_piece(inflater.stream(), *piece, limits, into);
    if (!done) return std::unexpected(std::move(done).error());
    step = *done;
  }
  if (step != Step::kEnd) return malformed("it ends early");
  return into.finish();
}

}  // namespace statehouse
