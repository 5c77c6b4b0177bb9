#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// One request of the REST interface. A value.
struct ApiRequest {
  std::string method = "GET";
  std::string target;  ///< path and query, percent-encoded: "/v1/version?repository=a"
  std::string body;    ///< JSON, or empty
  std::uint64_t response_bytes_max = 16U << 20;
  std::chrono::seconds time_max{120};  ///< from the first byte sent to the last received
};

/// What came back, whatever its status. A value; everything in it is from outside.
struct ApiResponse {
  int status = 0;
  std::string content_type;
  std::string body;  ///< empty when a sink took it
};

/// Takes the bytes of a successful response (2xx) as they arrive.
using BodySink = std::function<Result<>(std::string_view bytes)>;

/// A way to have requests answered. Threads: one.
class ApiTransport {
 public:
  virtual ~ApiTransport() = default;

  /// Sends once, follows no redirect, never retries. With a `sink`, the body of a 2xx response goes
  /// there; an error from it ends the transfer and becomes the result.
  /// Errors: kUnavailable (no connection, timed out, ended early), kUnverified (TLS certificate:
  /// untrusted, of another name, expired), kInvalidArgument (no certificate in `ca_file`),
  /// kUnavailable too when the response is longer than allowed.
  virtual Result<ApiResponse> send(const ApiRequest& request, const BodySink& sink) = 0;

  /// Names the other side in messages ("http://127.0.0.1:8417").
  [[nodiscard]] virtual std::string name() const = 0;
};

/// Where and as whom to connect. A value; `token` is secret.
struct HttpEndpoint {
  std::string url;      ///< "http://host:port" or "https://host", without a path and final slash
  std::string token;    ///< empty: anonymous
  Path ca_file;         ///< empty: the system's authorities
  std::string version;  ///< of this program, for User-Agent
};

/// HTTP/1.1 over TCP, with TLS for https. Errors: kInvalidArgument when the URL is not usable.
Result<std::unique_ptr<ApiTransport>> make_http_transport(const HttpEndpoint& endpoint);

/// Plain HTTP/1.1 over the control socket of a running server: the caller is the host's operator.
std::unique_ptr<ApiTransport> make_control_transport(const Path& socket_path);

/// In-process: `handler` is Environment::run_local_request bound to a data directory.
std::unique_ptr<ApiTransport> make_local_transport(
    std::string name, std::function<Result<ApiResponse>(const ApiRequest&)> handler);

}  // namespace statehouse
