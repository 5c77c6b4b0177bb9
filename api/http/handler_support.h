#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/http/application.h"
#include "api/http/message.h"
#include "api/service/caller.h"
#include "crypto/base/json.h"
#include "crypto/merkle.h"
#include "policy/decision.h"

namespace statehouse {

// What all handlers share: who asks, what they ask, and how it is answered.

/// Who the gate found. REQUIRES: the gate ran.
const AuthenticatedCaller& caller_of(const HttpRequest& request);

/// Errors: kDenied unless the caller may read the log's entries: by policy, and with a token that
/// is for every repository, since the log is about all of them.
Result<> require_auditor(Application& application, const HttpRequest& request);

/// 401 with `WWW-Authenticate: Basic` (Git clients ask without credentials first) and Bearer.
HttpResponse unauthenticated(const Error& error);

/// `body` with an ETag; 304 without it when the client has it already.
HttpResponse tagged_response(const HttpRequest& request, std::string_view content_type,
                             std::string body, std::string_view cache_control);
/// JSON with an ETag; 304 when the client has it already (reads only).
Result<HttpResponse> json_response(const HttpRequest& request, const Json& body, int status = 200);

/// 403 problem+json that carries the decision and, when it was logged, the entry.
HttpResponse decision_problem(std::string_view doing, const Decision& decision,
                              std::optional<std::uint64_t> entry);

/// The JSON object in the body. Errors: kInvalidArgument; also for members not in `known`.
Result<Json> read_json_body(const HttpRequest& request,
                            std::initializer_list<std::string_view> known);
/// A member that may be absent or null.
Result<std::optional<std::string>> optional_string(const Json& object, std::string_view name);
Result<std::optional<std::uint64_t>> optional_unsigned(const Json& object, std::string_view name);

// Typed query parameters. Errors: kInvalidArgument.
Result<RepositoryName> repository_parameter(const HttpRequest& request);
Result<RefKey> ref_parameter(const HttpRequest& request);  ///< `repository` and `ref`
Result<std::optional<std::uint64_t>> unsigned_parameter(const HttpRequest& request,
                                                        std::string_view name);
Result<std::uint64_t> required_unsigned_parameter(const HttpRequest& request,
                                                  std::string_view name);
Result<std::optional<std::string>> text_parameter(const HttpRequest& request,
                                                  std::string_view name);
Result<std::uint64_t> parse_unsigned(std::string_view text);

/// Which part of a short list is asked for: `limit` items, 1,000 when absent and at most, from the
/// place that `cursor` names.
struct ListWindow {
  std::uint64_t first = 0;
  std::uint64_t count = 0;

  [[nodiscard]] std::uint64_t end() const { return first + count; }
};
Result<ListWindow> window_parameter(const HttpRequest& request);

/// `limit`, 50 when absent, at most `limit_max`.
Result<std::size_t> limit_parameter(const HttpRequest& request, std::size_t limit_max = 500);
/// Cursors are opaque to clients: the number of the last item, marked as such.
std::string format_cursor(std::uint64_t last);
Result<std::optional<std::uint64_t>> cursor_parameter(const HttpRequest& request);
Json cursor_json(const std::optional<std::uint64_t>& next);

// Values as JSON.
Json oid_json(const std::optional<Oid>& oid);
Json text_json(const std::optional<std::string>& text);
Json hashes_json(const MerkleProof& hashes);

}  // namespace statehouse
