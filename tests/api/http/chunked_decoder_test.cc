#include "api/http/chunked_decoder.h"

#include <doctest/doctest.h>

#include <optional>
#include <string>

namespace statehouse {

namespace {

/// The decoded body, or nothing when the grammar is broken or the body is not complete.
std::optional<std::string> decode(std::string_view wire, std::size_t step = 1000) {
  ChunkedDecoder decoder;
  std::string out;
  while (!wire.empty() && !decoder.done()) {
    const auto used = decoder.feed(wire.substr(0, step), [&](std::string_view bytes) -> Result<> {
      out += bytes;
      return {};
    });
    if (!used) return std::nullopt;
    wire.remove_prefix(*used);
  }
  if (!decoder.done()) return std::nullopt;
  return out;
}

}  // namespace

TEST_CASE("chunk sizes in any form but plain hexadecimal digits are refused") {
  for (const char* size : {"-1", "-2", "0x10", "+5", " 5", "5 ", "5;a=b", "5;", "", "g", "5\t",
                           "1000000000000000", "ffffffffffffffff", "0x", "5\n", "٣"}) {
    CAPTURE(size);
    CHECK_FALSE(decode(std::string(size) + "\r\nhello\r\n0\r\n\r\n").has_value());
  }
}

TEST_CASE("line ends, lengths and trailers that are not exact are refused") {
  for (const char* wire :
       {"5\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello0\r\n\r\n",
        "5\r\nhelloo\r\n0\r\n\r\n", "4\r\nhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\nX: y\r\n\r\n",
        "5\r\nhello\r\n0\n\n", "5\r\rhello\r\n0\r\n\r\n", "5\r\nhello\r\n0\r\n\rx"}) {
    CAPTURE(wire);
    CHECK_FALSE(decode(wire).has_value());
  }
}

TEST_CASE("a chunked body decodes the same in pieces of any size") {
  const std::string wire = "5\r\nhello\r\n00A\r\n, world!!!\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= wire.size(); ++step) {
    CAPTURE(step);
    CHECK(decode(wire, step) == "hello, world!!!");
  }
}

TEST_CASE("what follows the last chunk is left for the next request") {
  ChunkedDecoder decoder;
  const auto used = decoder.feed("0\r\n\r\nGET /", [](std::string_view) { return Result<>(); });
  CHECK(used.value() == 5);
  CHECK(decoder.done());
}

}  // namespace statehouse
