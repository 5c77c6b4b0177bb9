#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "crypto/base/clock.h"
#include "crypto/base/error.h"

namespace statehouse {

/// What the connection does after a response.
enum class After { kKeepAlive, kClose };

/// Renders responses with cpp-httplib: the only file pair of the server that includes its header.
///
/// The library's `process_request` runs on a Stream of ours whose input is a request line we wrote
/// ourselves ("GET / HTTP/1.1", no fields): its parser, with the flaws of Debian's 0.11.4
/// (unbounded lines, percent-decoded header values, chunk sizes by strtoul, smuggling), never sees
/// a byte from a client, and its regex routes, range and compression code are never reached. The
/// last word on header fields has our post-routing handler. One per worker thread; not shared.
class ResponseRenderer {
 public:
  /// Sends bytes to the client, blocking; false when the client is gone or stalls.
  using BlockingWrite = std::function<bool(std::string_view)>;

  /// Runs a stream's producer so that nothing can be thrown; see Dispatcher::guard.
  using GuardedProducer = std::function<Result<>(ResponseSink&)>;

  explicit ResponseRenderer(const Clock& clock);
  ~ResponseRenderer();
  ResponseRenderer(const ResponseRenderer&) = delete;
  ResponseRenderer& operator=(const ResponseRenderer&) = delete;

  /// The status line and header fields of `response` to a request by `method`; `body_bytes` is what
  /// Content-Length says (204 and 304 have none).
  std::string head(Method method, const HttpResponse& response, std::uint64_t body_bytes,
                   After after, bool is_http_1_0);

  /// Sends a whole streaming response: head, then what `producer` writes, chunked for HTTP/1.1.
  /// False when it was cut; the connection must be closed then. HEAD runs no producer.
  bool stream(const HttpRequest& request, const HttpResponse& response,
              const GuardedProducer& producer, const BlockingWrite& write, After after,
              bool is_http_1_0);

 private:
  class Front;

  std::unique_ptr<Front> front_;
};

/// IMF-fixdate (RFC 9110 section 5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT".
std::string http_date(Timestamp time);

}  // namespace statehouse
