#include "api/http/message.h"

#include <algorithm>
#include <array>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

constexpr std::array<std::pair<Method, std::string_view>, 6> kMethods{{
    {Method::kGet, "GET"},
    {Method::kHead, "HEAD"},
    {Method::kPost, "POST"},
    {Method::kPut, "PUT"},
    {Method::kPatch, "PATCH"},
    {Method::kDelete, "DELETE"},
}};

/// Fields that say how long a message is or whether the connection lives: a handler that could set
/// them could make one response look like two.
constexpr std::array<std::string_view, 7> kComputedFields{
    "content-length", "transfer-encoding", "connection", "keep-alive", "date", "trailer", "upgrade",
};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

Result<> check_field(std::string_view name, std::string_view value) {
  if (!is_token(name)) return invalid_argument("setting a header: its name is not a token");
  const std::string lower_name = to_lower_ascii(name);
  if (std::ranges::find(kComputedFields, lower_name) != kComputedFields.end()) {
    return invalid_argument("setting header " + lower_name + ": the server computes it");
  }
  if (!is_header_value(value)) {
    return invalid_argument("setting header " + lower_name + ": its value holds a control byte");
  }
  return {};
}

}  // namespace

std::string_view method_name(Method method) {
  for (const auto& [candidate, name] : kMethods) {
    if (candidate == method) return name;
  }
  STATEHOUSE_ASSERT(false);
}

std::optional<Method> method_from_name(std::string_view name) {
  for (const auto& [candidate, known] : kMethods) {
    if (known == name) return candidate;
  }
  return std::nullopt;
}

bool is_header_value(std::string_view text) {
  return std::ranges::all_of(text,
                             [](unsigned char c) { return c == '\t' || (c >= 0x20 && c != 0x7f); });
}

bool is_token(std::string_view text) {
  constexpr std::string_view kPunctuation = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::ranges::all_of(text, [&](char c) {
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
           kPunctuation.find(c) != std::string_view::npos;
  });
}

std::string to_lower_ascii(std::string_view text) {
  std::string result(text);
  std::ranges::transform(result, result.begin(), lower);
  return result;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

Result<std::optional<std::string_view>> HeaderFields::single(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const HeaderField& field : fields_) {
    if (!equals_ignoring_case(field.name, name)) continue;
    if (found) return invalid_argument("reading header " + std::string(name) + ": given twice");
    found = field.value;
  }
  return found;
}

std::size_t HeaderFields::count(std::string_view name) const {
  return static_cast<std::size_t>(std::ranges::count_if(
      fields_, [&](const HeaderField& field) { return equals_ignoring_case(field.name, name); }));
}

const std::string& HttpRequest::path_parameter(std::string_view name) const {
  const auto found =
      std::ranges::find(path_parameters, name, &std::pair<std::string, std::string>::first);
  STATEHOUSE_ASSERT(found != path_parameters.end());
  return found->second;
}

Result<std::optional<std::string_view>> HttpRequest::query_parameter(std::string_view name) const {
  std::optional<std::string_view> found;
  for (const auto& [key, value] : query) {
    if (key != name) continue;
    if (found) {
      return invalid_argument("reading query parameter " + escape_for_message(name) +
                              ": given twice");
    }
    found = value;
  }
  return found;
}

Result<std::string_view> HttpRequest::required_query_parameter(std::string_view name) const {
  const auto value = TRY(query_parameter(name));
  if (!value) return invalid_argument("reading query parameter " + std::string(name) + ": missing");
  return *value;
}

HttpResponse HttpResponse::empty(int status) { return HttpResponse(status); }

HttpResponse HttpResponse::with_body(int status, std::string_view content_type, std::string body) {
  HttpResponse response(status);
  STATEHOUSE_ASSERT(response.set_header("Content-Type", content_type).has_value());
  response.body_ = std::move(body);
  return response;
}

HttpResponse HttpResponse::with_file(std::string_view content_type, FileBody file) {
  HttpResponse response = with_body(200, content_type, {});
  response.body_ = std::move(file);
  return response;
}

HttpResponse HttpResponse::with_stream(std::string_view content_type, StreamProducer producer) {
  HttpResponse response = with_body(200, content_type, {});
  response.body_ = std::move(producer);
  return response;
}

HttpResponse HttpResponse::parked(Parking parking) {
  HttpResponse response(200);
  response.body_ = std::make_shared<Parking>(std::move(parking));
  return response;
}

std::optional<std::string_view> HttpResponse::header(std::string_view name) const {
  for (const HeaderField& field : headers_) {
    if (equals_ignoring_case(field.name, name)) return field.value;
  }
  return std::nullopt;
}

Result<> HttpResponse::set_header(std::string_view name, std::string_view value) {
  TRY(check_field(name, value));
  std::erase_if(headers_, [&](const HeaderField& f) { return equals_ignoring_case(f.name, name); });
  headers_.push_back({std::string(name), std::string(value)});
  return {};
}

Result<> HttpResponse::add_header(std::string_view name, std::string_view value) {
  TRY(check_field(name, value));
  headers_.push_back({std::string(name), std::string(value)});
  return {};
}

}  // namespace statehouse
