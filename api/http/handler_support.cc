#include "api/http/handler_support.h"

#include <algorithm>
#include <charconv>

#include "api/http/problem.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"
#include "policy/evaluate.h"

namespace statehouse {

namespace {

constexpr std::string_view kCursorPrefix = "c";

/// Sets a header whose value this code made: a failure would be a bug.
void set_header(HttpResponse& response, std::string_view name, std::string_view value) {
  const Result<> set = response.set_header(name, value);
  STATEHOUSE_ASSERT(set.has_value());
}

/// RFC 9110, 13.1.2: a list of tags, compared without their `W/`; a proxy that compresses weakens
/// them.
bool client_has(const HttpRequest& request, std::string_view etag) {
  const auto header = request.header("if-none-match");
  if (!header || !*header) return false;
  std::string_view rest = **header;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    std::string_view tag = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    while (!tag.empty() && (tag.front() == ' ' || tag.front() == '\t')) tag.remove_prefix(1);
    while (!tag.empty() && (tag.back() == ' ' || tag.back() == '\t')) tag.remove_suffix(1);
    if (tag.starts_with("W/")) tag.remove_prefix(2);
    if (tag == etag || tag == "*") return true;
  }
  return false;
}

}  // namespace

const AuthenticatedCaller& caller_of(const HttpRequest& request) {
  const auto* caller = std::any_cast<AuthenticatedCaller>(&request.caller);
  STATEHOUSE_ASSERT(caller != nullptr);
  return *caller;
}

Result<> require_auditor(Application& application, const HttpRequest& request) {
  const AuthenticatedCaller& caller = caller_of(request);
  if (caller.is_control()) return {};
  const auto active = application.store().core().configuration.current();
  if (!may_read_entries(active->configuration, caller.identity())) {
    return denied("reading the log's entries: only auditors and administrators may",
                  "ask to be added to the group `auditors`");
  }
  return caller.require_whole_store("reading the log's entries");
}

HttpResponse unauthenticated(const Error& error) {
  const Json body = {{"type", "about:blank"},     {"title", "Unauthorized"}, {"status", 401},
                     {"code", "unauthenticated"}, {"detail", error.message}, {"fix", error.fix}};
  HttpResponse response = HttpResponse::with_body(401, "application/problem+json", dump_json(body));
  set_header(response, "WWW-Authenticate", "Basic realm=\"statehouse\", charset=\"UTF-8\"");
  const Result<> added = response.add_header("WWW-Authenticate", "Bearer realm=\"statehouse\"");
  STATEHOUSE_ASSERT(added.has_value());
  return response;
}

HttpResponse tagged_response(const HttpRequest& request, std::string_view content_type,
                             std::string body, std::string_view cache_control) {
  const std::string etag = "\"" + sha256_hex(body).substr(0, 32) + "\"";
  HttpResponse response = client_has(request, etag)
                              ? HttpResponse::empty(304)
                              : HttpResponse::with_body(200, content_type, std::move(body));
  set_header(response, "ETag", etag);
  set_header(response, "Cache-Control", cache_control);
  return response;
}

Result<HttpResponse> json_response(const HttpRequest& request, const Json& body, int status) {
  std::string text = dump_json(body);
  const bool is_read = request.method == Method::kGet || request.method == Method::kHead;
  if (!is_read) return HttpResponse::with_body(status, "application/json", std::move(text));
  return tagged_response(request, "application/json", std::move(text), "private, no-cache");
}

HttpResponse decision_problem(std::string_view doing, const Decision& decision,
                              std::optional<std::uint64_t> entry) {
  std::string detail(doing);
  std::string fix;
  for (const RuleResult& rule : decision.rules) {
    if (!rule.denies()) continue;
    if (fix.empty()) fix = rule.fix;
    detail += (detail == doing ? ": denied: " : "; ") + rule.policy + "/" + rule.rule + ": " +
              rule.reason;
  }
  Json body = {{"type", "about:blank"},
               {"title", "Forbidden"},
               {"status", 403},
               {"code", "denied"},
               {"detail", detail},
               {"fix", fix},
               {"decision", to_json(decision)}};
  if (entry) body["entry"] = *entry;
  return HttpResponse::with_body(403, "application/problem+json", dump_json(body));
}

Result<Json> read_json_body(const HttpRequest& request,
                            std::initializer_list<std::string_view> known) {
  const std::string text = TRY(request.body.read_all(limits::kJsonBodyBytesMax));
  Json body = TRY(parse_json(text.empty() ? "{}" : text, limits::kJsonBodyBytesMax));
  if (!body.is_object()) return invalid_argument("reading the request: its body is not an object");
  for (const auto& [name, value] : body.items()) {
    if (std::ranges::find(known, name) == known.end()) {
      return invalid_argument("reading the request: unknown member `" +
                              escape_for_message(name, 60) + "`");
    }
  }
  return body;
}

Result<std::optional<std::string>> optional_string(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  if (found == object.end() || found->is_null()) return std::optional<std::string>();
  return std::optional<std::string>(TRY(json_string(object, name)));
}

Result<std::optional<std::uint64_t>> optional_unsigned(const Json& object, std::string_view name) {
  const auto found = object.find(std::string(name));
  if (found == object.end() || found->is_null()) return std::optional<std::uint64_t>();
  const std::int64_t value = TRY(json_integer(object, name));
  if (value < 0) {
    return invalid_argument("reading the request: `" + std::string(name) + "` is negative");
  }
  return std::optional<std::uint64_t>(static_cast<std::uint64_t>(value));
}

Result<RepositoryName> repository_parameter(const HttpRequest& request) {
  const std::string_view text = TRY(request.required_query_parameter("repository"));
  return RepositoryName::parse(text);
}

Result<RefKey> ref_parameter(const HttpRequest& request) {
  RepositoryName repository = TRY(repository_parameter(request));
  const std::string_view text = TRY(request.required_query_parameter("ref"));
  RefName ref = TRY(RefName::parse(text));
  return RefKey{std::move(repository), std::move(ref)};
}

Result<std::uint64_t> parse_unsigned(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool canonical = !text.empty() && (text == "0" || text.front() != '0');
  if (error != std::errc() || end != text.data() + text.size() || !canonical || value > INT64_MAX) {
    return invalid_argument("reading a number: `" + escape_for_message(text, 40) + "` is none");
  }
  return value;
}

Result<std::optional<std::uint64_t>> unsigned_parameter(const HttpRequest& request,
                                                        std::string_view name) {
  const auto text = TRY(request.query_parameter(name));
  if (!text) return std::optional<std::uint64_t>();
  return std::optional<std::uint64_t>(
      TRY_WITH("reading `" + std::string(name) + "`", parse_unsigned(*text)));
}

Result<std::uint64_t> required_unsigned_parameter(const HttpRequest& request,
                                                  std::string_view name) {
  const std::string_view text = TRY(request.required_query_parameter(name));
  return parse_unsigned(text);
}

Result<std::optional<std::string>> text_parameter(const HttpRequest& request,
                                                  std::string_view name) {
  const auto text = TRY(request.query_parameter(name));
  if (!text || text->empty()) return std::optional<std::string>();
  return std::optional<std::string>(*text);
}

Result<std::size_t> limit_parameter(const HttpRequest& request, std::size_t limit_max) {
  const auto limit = TRY(unsigned_parameter(request, "limit"));
  if (limit && *limit == 0) return invalid_argument("reading `limit`: it is at least 1");
  return std::min<std::size_t>(limit.value_or(50), limit_max);
}

Result<ListWindow> window_parameter(const HttpRequest& request) {
  constexpr std::size_t kItemsMax = 1000;
  const auto limit = TRY(unsigned_parameter(request, "limit"));
  if (limit && *limit == 0) return invalid_argument("reading `limit`: it is at least 1");
  const auto first = TRY(cursor_parameter(request));
  return ListWindow{first.value_or(0),
                    std::min<std::uint64_t>(limit.value_or(kItemsMax), kItemsMax)};
}

std::string format_cursor(std::uint64_t last) {
  return base64url_encode(std::string(kCursorPrefix) + std::to_string(last));
}

Result<std::optional<std::uint64_t>> cursor_parameter(const HttpRequest& request) {
  const auto text = TRY(request.query_parameter("cursor"));
  if (!text || text->empty()) return std::optional<std::uint64_t>();
  const auto decoded = base64url_decode(*text);
  if (!decoded || !decoded->starts_with(kCursorPrefix)) {
    return invalid_argument("reading `cursor`: it is not one that this server gave");
  }
  return std::optional<std::uint64_t>(
      TRY(parse_unsigned(std::string_view(*decoded).substr(kCursorPrefix.size()))));
}

Json cursor_json(const std::optional<std::uint64_t>& next) {
  return next ? Json(format_cursor(*next)) : Json(nullptr);
}

Json oid_json(const std::optional<Oid>& oid) { return oid ? Json(oid->hex()) : Json(nullptr); }

Json text_json(const std::optional<std::string>& text) {
  return text ? Json(*text) : Json(nullptr);
}

Json hashes_json(const MerkleProof& hashes) {
  Json list = Json::array();
  for (const MerkleHash& hash : hashes) list.push_back(base64_encode(hash.bytes()));
  return list;
}

}  // namespace statehouse
