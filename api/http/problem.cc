#include "api/http/problem.h"

#include <algorithm>
#include <array>
#include <utility>

#include "crypto/base/json.h"

namespace statehouse {

namespace {

constexpr std::array<std::pair<int, std::string_view>, 24> kTitles{{
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {406, "Not Acceptable"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {410, "Gone"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {415, "Unsupported Media Type"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {422, "Unprocessable Content"},
    {428, "Precondition Required"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
}};

HttpResponse render(int status, ErrorCode code, std::string_view detail, std::string_view fix) {
  Json document{{"type", "about:blank"},
                {"status", status},
                {"code", error_code_name(code)},
                {"title", status_title(status)},
                {"detail", detail}};
  if (!fix.empty()) document["fix"] = fix;
  HttpResponse response =
      HttpResponse::with_body(status, "application/problem+json", dump_json(document));
  if (status == 503) STATEHOUSE_ASSERT(response.set_header("Retry-After", "1").has_value());
  return response;
}

}  // namespace

std::string_view status_title(int status) {
  const auto found = std::ranges::find(kTitles, status, &std::pair<int, std::string_view>::first);
  return found == kTitles.end() ? std::string_view() : found->second;
}

int http_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return 400;
    case ErrorCode::kNotFound:
      return 404;
    case ErrorCode::kConflict:
      return 409;
    case ErrorCode::kDenied:
      return 403;
    case ErrorCode::kUnverified:
      return 422;
    case ErrorCode::kUnavailable:
      return 503;
    case ErrorCode::kCorrupt:
    case ErrorCode::kInternal:
      return 500;
  }
  STATEHOUSE_ASSERT(false);
}

HttpResponse problem(const Error& error) {
  const int status = http_status(error.code);
  // What went wrong inside is for the operator: paths and library messages stay in the log.
  if (status == 500) {
    return render(status, error.code, "the server failed; its log says more", error.fix);
  }
  return render(status, error.code, error.message, error.fix);
}

HttpResponse problem(int status, ErrorCode code, std::string_view detail, std::string_view fix) {
  STATEHOUSE_ASSERT(status >= 400 && status < 600);
  return render(status, code, detail, fix);
}

HttpResponse refusal_as_text(const HttpResponse& refusal) {
  const auto* body = std::get_if<std::string>(&refusal.body());
  STATEHOUSE_ASSERT(body != nullptr);
  const auto document = parse_json(*body);
  STATEHOUSE_ASSERT(document.has_value());
  std::string line = document->value("detail", "");
  const std::string fix = document->value("fix", "");
  if (!fix.empty()) line += "; " + fix;
  HttpResponse response =
      HttpResponse::with_body(refusal.status(), "text/plain; charset=utf-8", line + "\n");
  for (const HeaderField& field : refusal.headers()) {
    if (equals_ignoring_case(field.name, "content-type")) continue;
    STATEHOUSE_ASSERT(response.add_header(field.name, field.value).has_value());
  }
  return response;
}

}  // namespace statehouse
