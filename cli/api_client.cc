#include "cli/api_client.h"

#include <algorithm>
#include <array>

#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr std::size_t kDetailBytesMax = 2000;
constexpr std::size_t kPageItemsMax = 100;
constexpr std::string_view kGiveToken = "give a token: --token-file FILE or STATEHOUSE_TOKEN";

ErrorCode code_of(std::string_view name, int status) {
  static constexpr std::array<ErrorCode, 8> kCodes{
      ErrorCode::kInvalidArgument, ErrorCode::kNotFound,   ErrorCode::kConflict,
      ErrorCode::kDenied,          ErrorCode::kUnverified, ErrorCode::kUnavailable,
      ErrorCode::kCorrupt,         ErrorCode::kInternal};
  for (const ErrorCode code : kCodes) {
    if (error_code_name(code) == name) return code;
  }
  switch (status) {
    case 400:
      return ErrorCode::kInvalidArgument;
    case 401:
    case 403:
      return ErrorCode::kDenied;
    case 404:
      return ErrorCode::kNotFound;
    case 409:
      return ErrorCode::kConflict;
    case 422:
      return ErrorCode::kUnverified;
    case 408:
    case 429:
    case 502:
    case 503:
    case 504:
      return ErrorCode::kUnavailable;
    default:
      return ErrorCode::kInternal;
  }
}

/// Of a list that goes on at `cursor`.
Error with_cursor_fix(Error error, const std::optional<std::string>& cursor) {
  if (cursor && error.fix.empty() && error.message.find("cursor") != std::string::npos) {
    error.fix = "give --cursor what the list before ended with, or leave it out to begin anew";
  }
  return error;
}

/// The server's advice is for whoever writes the request; here that is this program.
bool is_about_headers(std::string_view fix) {
  return fix.find("Bearer") != std::string_view::npos ||
         fix.find("Basic") != std::string_view::npos;
}

bool is_success(int status) { return status >= 200 && status < 300; }

/// The member as text; free text from the server keeps its lines but loses control characters.
std::string member_text(const Json& problem, std::string_view name) {
  const auto text = json_string(problem, name);
  return text ? escape_for_message(*text, kDetailBytesMax) : std::string();
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kUnreserved =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (kUnreserved.find(c) != std::string_view::npos) {
      encoded.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    encoded += '%';
    encoded += kDigits[byte >> 4U];
    encoded += kDigits[byte & 0x0FU];
  }
  return encoded;
}

std::string with_query(std::string_view path, const Query& query) {
  std::string target(path);
  char separator = '?';
  for (const auto& [name, value] : query) {
    if (!value) continue;
    target += separator + name + "=" + percent_encode(*value);
    separator = '&';
  }
  return target;
}

Error problem_error(const ApiResponse& response) {
  const std::string status = std::to_string(response.status);
  const auto problem = parse_json(response.body);
  if (!problem || !problem->is_object()) {
    const std::string hint =
        response.status >= 300 && response.status < 400
            ? std::string("the address redirects elsewhere: give --server the final URL")
            : std::string(response.status == 401 ? kGiveToken : "");
    return {code_of("", response.status), "the server answered with status " + status, hint};
  }
  Error error{code_of(member_text(*problem, "code"), response.status),
              member_text(*problem, "detail"), member_text(*problem, "fix")};
  if (error.message.empty()) error.message = member_text(*problem, "title");
  if (error.message.empty()) error.message = "the server answered with status " + status;
  if (response.status == 401 && (error.fix.empty() || is_about_headers(error.fix))) {
    error.fix = std::string(kGiveToken);
  }
  if (const auto entry = json_integer(*problem, "entry")) {
    std::string& line = error.fix.empty() ? error.message : error.fix;
    line += "; entry: " + std::to_string(*entry);
  }
  return error;
}

Result<> require_list(const Json& document, std::string_view name) {
  const auto member = json_member(document, name);
  if (member && (*member)->is_array()) return {};
  return unavailable("reading the answer: `" + std::string(name) + "` is not a list",
                     "is this the address of a Statehouse server?");
}

Result<ApiResponse> ApiClient::send(const ApiRequest& request, const BodySink& sink) {
  ApiResponse response = TRY(transport_->send(request, sink));
  if (!is_success(response.status)) return std::unexpected(problem_error(response));
  return response;
}

Result<Json> ApiClient::send_json(const ApiRequest& request) {
  const ApiResponse response = TRY(send(request));
  if (response.body.empty()) {
    return unavailable(
        "reading the answer of " + escape_for_message(name()) + ": the server's answer is empty",
        "is this the address of a Statehouse server?");
  }
  auto document = parse_json(response.body, request.response_bytes_max);
  if (!document) {
    return unavailable(
        "reading the answer of " + escape_for_message(name()) + ": " + document.error().message,
        "is this the address of a Statehouse server?");
  }
  if (!document->is_object()) {
    return unavailable("reading the answer of " + escape_for_message(name()) + ": it is no object",
                       "is this the address of a Statehouse server?");
  }
  return *std::move(document);
}

Result<Json> ApiClient::get(std::string_view path, const Query& query) {
  ApiRequest request;
  request.target = with_query(path, query);
  return send_json(request);
}

Result<Json> ApiClient::post(std::string_view path, const Json& body) {
  ApiRequest request;
  request.method = "POST";
  request.target = std::string(path);
  request.body = dump_json(body);
  return send_json(request);
}

Result<Json> ApiClient::remove(std::string_view path) {
  ApiRequest request;
  request.method = "DELETE";
  request.target = std::string(path);
  return send_json(request);
}

Result<std::string> ApiClient::get_bytes(std::string_view target, std::uint64_t bytes_max) {
  ApiRequest request;
  request.target = std::string(target);
  request.response_bytes_max = bytes_max;
  ApiResponse response = TRY(send(request));
  return std::move(response.body);
}

Result<> ApiClient::download(std::string_view target, std::uint64_t bytes_max,
                             const BodySink& sink) {
  ApiRequest request;
  request.target = std::string(target);
  request.response_bytes_max = bytes_max;
  request.time_max = std::chrono::hours(1);
  TRY(send(request, sink));
  return {};
}

Result<Json> ApiClient::list(std::string_view path, Query query, std::string_view plural,
                             std::size_t limit, const std::optional<std::string>& cursor) {
  if (limit == 0)
    return invalid_argument("a list of nothing was asked for", "give --limit 1 or more");
  Json items = Json::array();
  Json next = cursor ? Json(*cursor) : Json(nullptr);
  query.emplace_back("limit", std::nullopt);
  query.emplace_back("cursor", std::nullopt);
  do {
    query[query.size() - 2].second = std::to_string(std::min(limit - items.size(), kPageItemsMax));
    if (next.is_string()) query.back().second = next.get<std::string>();
    auto answer = get(path, query);
    if (!answer) return std::unexpected(with_cursor_fix(std::move(answer).error(), cursor));
    const Json page = *std::move(answer);
    TRY(require_list(page, plural));
    // A page may be short, or empty, and still have a next one: the server filters after paging.
    for (const Json& item : page[std::string(plural)]) {
      if (items.size() < limit) items.push_back(item);
    }
    const auto cursor_member = json_member(page, "next");
    Json after = cursor_member ? **cursor_member : Json(nullptr);
    if (after.is_string() && after == next) {
      return unavailable("reading the answer: its pages go in a circle");
    }
    next = std::move(after);
  } while (next.is_string() && items.size() < limit);
  return Json{{std::string(plural), items}, {"next", next}};
}

}  // namespace statehouse
