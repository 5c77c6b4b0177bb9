#pragma once

#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

// Text encodings of bytes (RFC 4648). Bytes are carried in std::string / std::string_view and may
// hold NUL. All functions are pure and may be called from any thread.

/// Lower-case hexadecimal.
std::string hex_encode(std::string_view bytes);

/// Strict: even length, digits and lower-case a-f only.
Result<std::string> hex_decode(std::string_view text);

/// Standard alphabet with padding.
std::string base64_encode(std::string_view bytes);

/// Strict: standard alphabet, exact padding, zero trailing bits, no white space.
/// So each byte string has exactly one accepted text.
Result<std::string> base64_decode(std::string_view text);

/// URL-safe alphabet without padding.
std::string base64url_encode(std::string_view bytes);

/// Strict counterpart of `base64url_encode`.
Result<std::string> base64url_decode(std::string_view text);

/// Makes bytes from outside safe for a message, a log line or a terminal: printable ASCII stays,
/// valid UTF-8 letters stay except controls and bidirectional overrides, everything else becomes
/// \xHH; longer input is cut after `bytes_max` bytes and ends in "…".
std::string escape_for_message(std::string_view bytes, std::size_t bytes_max = 200);

/// A line of a file as a reviewer should see it: as it is, tabs and backslashes too, but with
/// controls and marks that hide or reorder text named (<U+202e>), and bytes that are no UTF-8 in
/// hexadecimal (<0x9f>). Never cut.
std::string show_line(std::string_view line);

/// True when `bytes` is well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF).
bool is_valid_utf8(std::string_view bytes);

}  // namespace statehouse
