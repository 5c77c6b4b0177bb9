#include "api/http/pkt_line.h"

#include <array>
#include <charconv>

namespace statehouse {

namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// The four digits at the front of `bytes`, or -1.
int packet_length(std::string_view bytes) {
  if (bytes.size() < 4) return -1;
  int length = 0;
  for (const char c : bytes.substr(0, 4)) {
    const int digit = hex_digit(c);
    if (digit < 0) return -1;
    length = length * 16 + digit;
  }
  return length;
}

}  // namespace

void append_pkt_line(std::string& out, std::string_view data) {
  STATEHOUSE_ASSERT(data.size() <= kPktDataBytesMax);
  const std::size_t length = data.size() + 4;
  for (const int shift : {12, 8, 4, 0}) out.push_back(kHexDigits[length >> shift & 15U]);
  out.append(data);
}

void append_side_band(std::string& out, int band, std::string_view data) {
  constexpr std::size_t kChunk = kPktDataBytesMax - 1;
  while (!data.empty()) {
    std::string packet(1, static_cast<char>(band));
    packet.append(data.substr(0, kChunk));
    append_pkt_line(out, packet);
    data.remove_prefix(std::min(kChunk, data.size()));
  }
}

std::string_view PktLine::text() const {
  return data.ends_with('\n') ? data.substr(0, data.size() - 1) : data;
}

Result<PktLine> PktLineReader::next() {
  const int length = packet_length(rest_);
  if (length < 0 || length == 3 || static_cast<std::size_t>(length) > rest_.size()) {
    return invalid_argument("reading a Git request: a packet's length is wrong");
  }
  if (length < 3) {
    rest_.remove_prefix(4);
    constexpr std::array kKinds = {PktLine::Kind::kFlush, PktLine::Kind::kDelimiter,
                                   PktLine::Kind::kResponseEnd};
    return PktLine{kKinds[static_cast<std::size_t>(length)], {}};
  }
  const PktLine line{PktLine::Kind::kData, rest_.substr(4, static_cast<std::size_t>(length) - 4)};
  rest_.remove_prefix(static_cast<std::size_t>(length));
  return line;
}

}  // namespace statehouse
