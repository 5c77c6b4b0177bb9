#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/http/message.h"
#include "crypto/base/error.h"

namespace statehouse {

/// How the end of a request's body is known (RFC 9112 section 6). There is never more than one way.
enum class Framing {
  kNone,     ///< neither field: no body
  kLength,   ///< Content-Length
  kChunked,  ///< Transfer-Encoding: chunked
};

/// A request without its body.
struct RequestHead {
  HttpRequest request;
  Framing framing = Framing::kNone;
  std::uint64_t content_length = 0;
  bool is_http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;

  [[nodiscard]] bool has_body() const { return framing == Framing::kChunked || content_length > 0; }
};

/// Reads one header block: request line, fields and the empty line, ending "\r\n\r\n".
///
/// Stricter than RFC 9112 wherever two readers could disagree: only CRLF ends a line; no folding,
/// no white space around a name; one framing only (Content-Length of digits once, or
/// Transfer-Encoding exactly "chunked" once, never both, never in HTTP/1.0); exactly one Host in
/// HTTP/1.1; one each of Authorization, Content-Type, Content-Encoding, Expect and Range at most.
/// Fields by which a gateway would pass on who calls under a server's own names (REMOTE_ADDR,
/// REMOTE_USER…) are dropped. The failing side is the answer to send before closing: 400, 414, 417,
/// 431, 501, 505. REQUIRES: `block` holds no LF without a CR before it, and exactly one empty line,
/// at its end.
std::expected<RequestHead, HttpResponse> parse_request_head(std::string_view block);

/// Decodes the target's path as described at HttpRequest::path. Errors: kInvalidArgument.
Result<std::string> decode_path(std::string_view raw);

/// Decodes "a=b&c=d" as described at HttpRequest::query; at most 100 pairs, valid UTF-8, no NUL.
/// Errors: kInvalidArgument.
Result<std::vector<std::pair<std::string, std::string>>> decode_query(std::string_view raw);

}  // namespace statehouse
