#include "api/http/head_parser.h"

#include <algorithm>
#include <array>
#include <optional>

#include "api/http/problem.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

constexpr std::size_t kQueryParametersMax = 100;

/// Two of one of these could make us and a proxy see two different requests.
constexpr std::array<std::string_view, 8> kSingleFields{
    "host",   "authorization", "content-type",   "content-encoding",
    "expect", "range",         "content-length", "transfer-encoding",
};

/// Names under which CGI-like code looks for what the *server* knows.
constexpr std::array<std::string_view, 5> kForgedFields{
    "remote_addr", "remote_port", "local_addr", "local_port", "remote_user",
};

using Refusal = std::unexpected<HttpResponse>;

Refusal refuse(int status, std::string_view detail) {
  const ErrorCode code = ErrorCode::kInvalidArgument;
  return Refusal(problem(status, code, std::string("reading the request: ") + std::string(detail)));
}

std::optional<int> hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

enum class Plus { kIsPlus, kIsSpace };

Result<std::string> percent_decode(std::string_view raw, Plus plus) {
  std::string out;
  out.reserve(raw.size());
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '+' && plus == Plus::kIsSpace) {
      out += ' ';
    } else if (raw[i] != '%') {
      out += raw[i];
    } else {
      const auto high = i + 1 < raw.size() ? hex_value(raw[i + 1]) : std::nullopt;
      const auto low = i + 2 < raw.size() ? hex_value(raw[i + 2]) : std::nullopt;
      if (!high || !low) return invalid_argument("decoding the target: bad percent-encoding");
      out += static_cast<char>(*high * 16 + *low);
      i += 2;
    }
  }
  if (!is_valid_utf8(out)) return invalid_argument("decoding the target: not UTF-8");
  return out;
}

bool has_control(std::string_view text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// The bytes that may stand in a request target (RFC 3986), percent-encoding included.
bool is_target(std::string_view text) {
  return std::ranges::all_of(text, [](unsigned char c) { return c > 0x20 && c < 0x7f; }) &&
         text.find('#') == std::string_view::npos;
}

/// Origin-form, or what follows the authority of an absolute-form (RFC 9112 section 3.2.2).
std::optional<std::string_view> origin_form(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::size_t slash = target.find('/', scheme.size());
    if (slash == std::string_view::npos || slash == scheme.size()) return std::nullopt;
    return target.substr(slash);
  }
  if (!target.starts_with('/')) return std::nullopt;
  return target;
}

std::string_view trim(std::string_view value) {
  const std::size_t first = value.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return value.substr(first, value.find_last_not_of(" \t") - first + 1);
}

std::expected<void, HttpResponse> read_target(std::string_view target, HttpRequest& request) {
  if (target.size() > limits::kRequestTargetBytesMax) return refuse(414, "the target is too long");
  const auto origin = origin_form(target);
  if (!origin || !is_target(*origin)) return refuse(400, "bad request target");
  const std::size_t mark = origin->find('?');
  auto path = decode_path(origin->substr(0, mark));
  if (!path) return Refusal(problem(path.error()));
  request.path = *std::move(path);
  if (mark == std::string_view::npos) return {};
  auto query = decode_query(origin->substr(mark + 1));
  if (!query) return Refusal(problem(query.error()));
  request.query = *std::move(query);
  return {};
}

std::expected<void, HttpResponse> read_request_line(std::string_view line, RequestHead& head) {
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos || last == first) return refuse(400, "bad request line");
  const std::string_view version = line.substr(last + 1);
  if (!is_token(line.substr(0, first))) return refuse(400, "bad method");
  if (!version.starts_with("HTTP/") || version.size() != 8) return refuse(400, "bad version");
  if (version != "HTTP/1.1" && version != "HTTP/1.0") return refuse(505, "speak HTTP/1.1");
  const auto method = method_from_name(line.substr(0, first));
  if (!method) return refuse(501, "no such method");
  head.request.method = *method;
  head.is_http_1_0 = version == "HTTP/1.0";
  head.keep_alive = !head.is_http_1_0;
  return read_target(line.substr(first + 1, last - first - 1), head.request);
}

std::expected<void, HttpResponse> read_field(std::string_view line, HeaderFields& fields) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos) return refuse(400, "a header line without a colon");
  std::string name = to_lower_ascii(line.substr(0, colon));
  // Also refuses folded lines and white space before the colon: neither is a token byte.
  if (!is_token(name)) return refuse(400, "bad header name");
  const std::string_view value = trim(line.substr(colon + 1));
  if (!is_header_value(value)) return refuse(400, "a control byte in a header value");
  if (std::ranges::find(kForgedFields, name) != kForgedFields.end()) return {};
  if (std::ranges::find(kSingleFields, name) != kSingleFields.end() && fields.count(name) != 0) {
    return refuse(400, "header " + name + " given twice");
  }
  fields.add(std::move(name), std::string(value));
  return {};
}

/// REQUIRES: `name` is one of the single fields.
std::optional<std::string_view> field(const RequestHead& head, std::string_view name) {
  const auto value = head.request.headers.single(name);
  STATEHOUSE_ASSERT(value.has_value());
  return *value;
}

std::expected<std::uint64_t, HttpResponse> read_content_length(std::string_view text) {
  constexpr std::size_t kDigitsMax = 18;  // stays far below 2^63
  const bool digits =
      !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (!digits) return refuse(400, "bad content-length");
  if (text.size() > kDigitsMax) return refuse(413, "the body is too long");
  std::uint64_t value = 0;
  for (const char c : text) value = value * 10 + static_cast<std::uint64_t>(c - '0');
  return value;
}

std::expected<void, HttpResponse> read_framing(RequestHead& head) {
  const auto length = field(head, "content-length");
  const auto coding = field(head, "transfer-encoding");
  if (length && coding) return refuse(400, "both content-length and transfer-encoding");
  if (coding) {
    if (head.is_http_1_0) return refuse(400, "transfer-encoding in HTTP/1.0");
    if (!equals_ignoring_case(*coding, "chunked")) return refuse(501, "only chunked is understood");
    head.framing = Framing::kChunked;
  } else if (length) {
    const auto value = read_content_length(*length);
    if (!value) return Refusal(value.error());
    head.framing = Framing::kLength;
    head.content_length = *value;
  }
  return {};
}

std::expected<void, HttpResponse> read_host(const RequestHead& head) {
  const auto host = field(head, "host");
  if (!host) {
    if (head.is_http_1_0) return {};
    return refuse(400, "no host header");
  }
  if (host->find_first_of(" \t/\\@,?#") != std::string_view::npos) {
    return refuse(400, "bad host header");
  }
  return {};
}

void read_connection(RequestHead& head) {
  for (const HeaderField& header : head.request.headers.all()) {
    if (header.name != "connection") continue;
    std::string_view rest = header.value;
    while (true) {
      const std::size_t comma = rest.find(',');
      const std::string_view option = trim(rest.substr(0, comma));
      if (equals_ignoring_case(option, "close")) {
        head.keep_alive = false;
        return;
      }
      if (equals_ignoring_case(option, "keep-alive")) head.keep_alive = true;
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  }
}

std::expected<void, HttpResponse> read_expectation(RequestHead& head) {
  const auto expect = field(head, "expect");
  if (!expect) return {};
  if (!equals_ignoring_case(*expect, "100-continue")) return refuse(417, "unknown expectation");
  head.expects_continue = !head.is_http_1_0;
  return {};
}

/// Cuts the next line off `rest`.
std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find("\r\n");
  STATEHOUSE_ASSERT(end != std::string_view::npos);
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end + 2);
  return line;
}

}  // namespace

Result<std::string> decode_path(std::string_view raw) {
  if (!raw.starts_with('/')) return invalid_argument("decoding the target: no leading '/'");
  std::string path;
  std::size_t start = 0;
  while (start < raw.size()) {
    const std::size_t slash = std::min(raw.find('/', start + 1), raw.size());
    const std::string segment =
        TRY(percent_decode(raw.substr(start + 1, slash - start - 1), Plus::kIsPlus));
    if (const std::string_view view = segment; view == "." || view == "..") {
      return invalid_argument("decoding the target: a dot segment");
    }
    if (segment.find('/') != std::string::npos || has_control(segment)) {
      return invalid_argument("decoding the target: an encoded slash or control byte",
                              "put names that hold a slash into the query");
    }
    path += '/';
    path += segment;
    start = slash;
  }
  return path;
}

Result<std::vector<std::pair<std::string, std::string>>> decode_query(std::string_view raw) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!raw.empty()) {
    const std::size_t end = std::min(raw.find('&'), raw.size());
    const std::string_view pair = raw.substr(0, end);
    raw.remove_prefix(std::min(end + 1, raw.size()));
    if (pair.empty()) continue;
    if (pairs.size() == kQueryParametersMax) {
      return invalid_argument("decoding the target: too many query parameters");
    }
    const std::size_t equals = pair.find('=');
    std::string name = TRY(percent_decode(pair.substr(0, equals), Plus::kIsSpace));
    std::string value;
    if (equals != std::string_view::npos) {
      value = TRY(percent_decode(pair.substr(equals + 1), Plus::kIsSpace));
    }
    if (name.find('\0') != std::string::npos || value.find('\0') != std::string::npos) {
      return invalid_argument("decoding the target: NUL in the query");
    }
    pairs.emplace_back(std::move(name), std::move(value));
  }
  return pairs;
}

std::expected<RequestHead, HttpResponse> parse_request_head(std::string_view block) {
  RequestHead head;
  std::string_view rest = block;
  if (auto line = read_request_line(take_line(rest), head); !line) return Refusal(line.error());
  std::size_t fields = 0;
  for (std::string_view line = take_line(rest); !line.empty(); line = take_line(rest)) {
    if (++fields > limits::kHeaderFieldsMax) return refuse(431, "too many header fields");
    if (auto field = read_field(line, head.request.headers); !field) return Refusal(field.error());
  }
  if (auto framing = read_framing(head); !framing) return Refusal(framing.error());
  if (auto host = read_host(head); !host) return Refusal(host.error());
  if (auto expect = read_expectation(head); !expect) return Refusal(expect.error());
  read_connection(head);
  return head;
}

}  // namespace statehouse
