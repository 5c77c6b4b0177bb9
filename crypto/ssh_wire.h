#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// Reads the binary encoding of RFC 4251, section 5, from front to back, and nothing beyond it.
///
/// Views point into the bytes given, which must outlive them. Every error is kInvalidArgument and
/// leaves the reader where it was. Threads: one.
class SshWireReader {
 public:
  explicit SshWireReader(std::string_view bytes) : rest_(bytes) {}

  Result<std::uint8_t> byte();
  Result<std::uint32_t> uint32();

  /// uint32 length, then that many bytes.
  Result<std::string_view> string();

  /// A positive multiple-precision integer in its one canonical form, at most `bytes_max` bytes
  /// without the sign byte, most significant byte first, without leading zeros. Zero and negative
  /// numbers are refused.
  Result<std::string_view> positive_mpint(std::size_t bytes_max);

  /// `count` bytes without a length in front.
  Result<std::string_view> raw(std::size_t count);

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

  /// Fails unless everything was read: trailing bytes are never ignored.
  [[nodiscard]] Result<> require_end() const;

 private:
  std::string_view rest_;
};

/// Appends the same encodings. Lengths beyond 2^32-1 abort (no input of ours can be that long).
void append_ssh_uint32(std::string& out, std::uint32_t value);
void append_ssh_string(std::string& out, std::string_view bytes);

}  // namespace statehouse
