#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/api_transport.h"
#include "crypto/base/json.h"

namespace statehouse {

/// Query parameters; one without a value is left out.
using Query = std::vector<std::pair<std::string, std::optional<std::string>>>;

/// "/v1/version?repository=team%2Fapp&version=3".
std::string with_query(std::string_view path, const Query& query);

/// Percent-encodes everything but RFC 3986's unreserved characters.
std::string percent_encode(std::string_view text);

/// Turns a response that is not 2xx into an Error: from application/problem+json its code, detail,
/// fix and entry (all escaped); from anything else the status alone. 401 is kDenied.
Error problem_error(const ApiResponse& response);

/// Errors: kUnavailable unless `document` is an object whose member `name` is a list: for answers
/// that are about to be printed as one.
Result<> require_list(const Json& document, std::string_view name);

/// The REST interface as JSON in, JSON out. Errors of every call: those of the transport, those of
/// the server's problem document, and kUnavailable when a success is not the JSON it should be.
/// Move-only. Threads: one.
class ApiClient {
 public:
  explicit ApiClient(std::unique_ptr<ApiTransport> transport) : transport_(std::move(transport)) {}

  Result<Json> get(std::string_view path, const Query& query = {});
  Result<Json> post(std::string_view path, const Json& body);
  Result<Json> remove(std::string_view path);

  /// The exact bytes of a response.
  Result<std::string> get_bytes(std::string_view target, std::uint64_t bytes_max);

  /// Streams the bytes of a response into `sink`.
  Result<> download(std::string_view target, std::uint64_t bytes_max, const BodySink& sink);

  /// Follows `next` until `limit` items of `plural` are there. The result has the server's form:
  /// the array under `plural`, and `next`.
  Result<Json> list(std::string_view path, Query query, std::string_view plural, std::size_t limit,
                    const std::optional<std::string>& cursor);

  [[nodiscard]] std::string name() const { return transport_->name(); }

 private:
  Result<ApiResponse> send(const ApiRequest& request, const BodySink& sink = nullptr);
  Result<Json> send_json(const ApiRequest& request);

  std::unique_ptr<ApiTransport> transport_;
};

}  // namespace statehouse
