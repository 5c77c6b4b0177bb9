#pragma once

#include <any>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "api/http/body.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// The methods a route can have. Any other token is answered with 501 before routing.
enum class Method { kGet, kHead, kPost, kPut, kPatch, kDelete };

/// "GET". Case-sensitive both ways (RFC 9110 section 9.1).
std::string_view method_name(Method method);
std::optional<Method> method_from_name(std::string_view name);

/// A name and a value, both free of control bytes (except HTAB inside a value).
struct HeaderField {
  std::string name;
  std::string value;
};

/// The header fields of a request, in order of arrival, names in lower case, values trimmed and
/// otherwise the bytes on the wire: nothing in them was percent-decoded or joined.
class HeaderFields {
 public:
  /// REQUIRES: `name` is in lower case.
  void add(std::string name, std::string value) {
    fields_.push_back({std::move(name), std::move(value)});
  }

  /// The one value of `name` (any case), or nothing. Errors: kInvalidArgument when the field came
  /// more than once: two readers could pick different ones.
  [[nodiscard]] Result<std::optional<std::string_view>> single(std::string_view name) const;

  [[nodiscard]] std::size_t count(std::string_view name) const;
  [[nodiscard]] const std::vector<HeaderField>& all() const { return fields_; }

 private:
  std::vector<HeaderField> fields_;
};

/// Whether the client of a running request still listens. Shared between the I/O thread, which
/// learns it, and the worker. Threads: any.
class ClientPresence {
 public:
  [[nodiscard]] bool gone() const { return gone_.load(std::memory_order_relaxed); }
  void set_gone() { gone_.store(true, std::memory_order_relaxed); }

 private:
  std::atomic<bool> gone_{false};
};

/// A complete, syntactically valid request, as handlers see it. Everything in it still comes from
/// outside; what was checked is its form (RFC 9112): strict CRLF, one framing, one Host, limits.
struct HttpRequest {
  Method method = Method::kGet;

  /// Percent-decoded once, strictly: starts with '/', valid UTF-8, no control bytes, no `.` or
  /// `..` segment, and no segment that held an encoded '/'.
  std::string path;

  /// Decoded pairs in order; '+' is a space (application/x-www-form-urlencoded).
  std::vector<std::pair<std::string, std::string>> query;

  HeaderFields headers;
  RequestBody body;

  std::string peer_address;  ///< of the socket, numeric; never from a header. Empty for control
  std::uint16_t peer_port = 0;
  bool is_control_socket = false;  ///< came over the 0600 control socket from our own user
  bool is_tls = false;
  std::string route_pattern;  ///< the route's pattern, for metrics; empty before routing

  /// What the gate (see dispatcher.h) learned about the caller; read it with the authenticator's
  /// own accessor.
  std::any caller;

  std::vector<std::pair<std::string, std::string>> path_parameters;
  std::shared_ptr<ClientPresence> presence = std::make_shared<ClientPresence>();
  BodyShare body_share;  ///< what the body holds of the server's budget

  /// The value of the pattern's `{name}`. Aborts when the pattern has none: a bug.
  [[nodiscard]] const std::string& path_parameter(std::string_view name) const;

  /// The one value of a query parameter, or nothing. Errors: kInvalidArgument when it came twice.
  [[nodiscard]] Result<std::optional<std::string_view>> query_parameter(
      std::string_view name) const;

  /// Like `query_parameter`; absent is kInvalidArgument.
  [[nodiscard]] Result<std::string_view> required_query_parameter(std::string_view name) const;

  [[nodiscard]] Result<std::optional<std::string_view>> header(std::string_view name) const {
    return headers.single(name);
  }

  /// True once the client has closed its side. A hint for work that may be abandoned.
  [[nodiscard]] bool client_gone() const { return presence->gone(); }
};

/// Where a streaming response goes. Used by its producer only, on the producer's thread.
class ResponseSink {
 public:
  virtual ~ResponseSink() = default;

  /// Sends `bytes` as one chunk; empty sends nothing. Blocks while the client is slow, at most
  /// `limits::kWriteStallMax` without progress. Errors: kUnavailable when the client is gone or
  /// stalls: stop, nothing more can be sent.
  virtual Result<> write(std::string_view bytes) = 0;

  /// True once the client has closed its side: long work between writes can be abandoned.
  [[nodiscard]] virtual bool client_gone() const = 0;
};

/// A range of an open file, sent with sendfile(2) where the connection is plain.
struct FileBody {
  std::shared_ptr<const FileDescriptor> file;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
};

/// Runs on a worker after the header went out. An error closes the connection without the last
/// chunk, so that the client sees a cut and never a complete answer.
using StreamProducer = std::function<Result<>(ResponseSink&)>;

struct Parking;

/// An answer. Header values can hold no control byte: the setters refuse them.
class HttpResponse {
 public:
  using Body = std::variant<std::string, FileBody, StreamProducer, std::shared_ptr<Parking>>;

  /// No body, no Content-Type.
  static HttpResponse empty(int status);
  /// REQUIRES: `content_type` is a literal or otherwise free of bytes from outside.
  static HttpResponse with_body(int status, std::string_view content_type, std::string body);
  static HttpResponse with_file(std::string_view content_type, FileBody file);
  /// Chunked to HTTP/1.1 clients, until close to HTTP/1.0 ones. Routes that answer so belong in
  /// Lane::kLong.
  static HttpResponse with_stream(std::string_view content_type, StreamProducer producer);
  /// A long poll: the connection waits without a thread. See Parking.
  static HttpResponse parked(Parking parking);

  [[nodiscard]] int status() const { return status_; }
  [[nodiscard]] const std::vector<HeaderField>& headers() const { return headers_; }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name) const;
  [[nodiscard]] const Body& body() const { return body_; }
  [[nodiscard]] Body take_body() { return std::move(body_); }

  /// Sets or replaces a field. Errors: kInvalidArgument when `name` is not a token, or `value`
  /// holds a control byte (CR, LF, NUL…), or the field is one of those the server computes
  /// (Content-Length, Transfer-Encoding, Connection, Keep-Alive, Date).
  Result<> set_header(std::string_view name, std::string_view value);

  /// Adds another field of the same name, under the same rules (WWW-Authenticate).
  Result<> add_header(std::string_view name, std::string_view value);

 private:
  explicit HttpResponse(int status) : status_(status) {}

  int status_;
  std::vector<HeaderField> headers_;
  Body body_;
};

/// Why a parked response is resumed.
enum class WakeReason { kWoken, kTimeout, kDraining };

/// Ends the wait. Callable from any thread, any number of times, also after the connection is gone.
using Wake = std::function<void()>;

/// How to wait for something without holding a thread (long poll).
struct Parking {
  std::chrono::milliseconds wait_max{0};

  /// Called once, on the worker, with the function that ends the wait. It may be called at once.
  /// What is returned is destroyed when the wait ends or the client leaves: unsubscribe there.
  std::function<std::shared_ptr<void>(Wake)> subscribe;

  /// Makes the answer, on a worker. It must not park again.
  std::function<Result<HttpResponse>(WakeReason)> resume;
};

/// True when `text` may stand in a header value: no control byte but HTAB.
bool is_header_value(std::string_view text);
/// True for a non-empty RFC 9110 token.
bool is_token(std::string_view text);
/// ASCII only; other bytes stay.
std::string to_lower_ascii(std::string_view text);
bool equals_ignoring_case(std::string_view a, std::string_view b);

}  // namespace statehouse
