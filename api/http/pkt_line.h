#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// Git's pkt-line framing (gitprotocol-common): four hexadecimal digits of total length, then data.
/// 0000 is a flush, 0001 a delimiter, 0002 the end of a response.

/// The largest data of one packet (65520 bytes with its length).
inline constexpr std::size_t kPktDataBytesMax = 65516;

/// Appends one data packet. REQUIRES: data.size() <= kPktDataBytesMax.
void append_pkt_line(std::string& out, std::string_view data);
inline void append_flush(std::string& out) { out += "0000"; }
inline void append_delimiter(std::string& out) { out += "0001"; }

/// Appends `data` as side-band packets of the given band (1 pack or report, 2 progress, 3 fatal),
/// as many as it takes.
void append_side_band(std::string& out, int band, std::string_view data);

struct PktLine {
  enum class Kind { kData, kFlush, kDelimiter, kResponseEnd };
  Kind kind = Kind::kFlush;
  std::string_view data;  ///< into the reader's buffer; for kData only

  /// `data` without one trailing LF.
  [[nodiscard]] std::string_view text() const;
};

/// Reads packets from a buffer that outlives it.
/// Errors: kInvalidArgument for a length that is not four hexadecimal digits, is 3, or runs past
/// the end. An empty packet ("0004") is data of no bytes.
class PktLineReader {
 public:
  explicit PktLineReader(std::string_view bytes) : rest_(bytes) {}

  Result<PktLine> next();
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  /// What was not read yet, for the pack that follows the packets of a push.
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

}  // namespace statehouse
