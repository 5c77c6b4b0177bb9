#pragma once

#include <cstdint>

#include "api/http/body.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// Bounds of one inflation.
struct InflateLimits {
  std::uint64_t bytes_max = 0;  ///< inflated
  std::uint64_t ratio_max = 0;  ///< inflated / compressed, judged beyond the first 64 KiB
};

/// Why an inflation stopped; kTooLarge is 413, kMalformed 400.
enum class InflateFailure { kMalformed, kTooLarge, kUnavailable };

struct InflateError {
  InflateFailure failure;
  Error error;
};

/// Inflates a gzip body (RFC 1952): exactly one member, checksum and length verified, nothing after
/// it. Output beyond a limit stops at once: no more than one 64 KiB step past it is ever produced.
/// The result is in memory or in a file as with any body; `share` pays for it. Threads: any.
std::expected<RequestBody, InflateError> inflate_gzip(const RequestBody& compressed,
                                                      const InflateLimits& limits,
                                                      BodyCollector& into);

}  // namespace statehouse
