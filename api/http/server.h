#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/acceptor.h"
#include "api/http/dispatcher.h"
#include "api/http/message.h"
#include "api/http/metrics.h"
#include "api/http/router.h"
#include "crypto/base/clock.h"
#include "crypto/base/entropy.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/base/limits.h"

namespace statehouse {

/// What a server needs to know. The defaults are what ships; tests shorten the times.
struct HttpServerOptions {
  std::string listen = "127.0.0.1:8417";  ///< HOST:PORT or [ADDRESS]:PORT; port 0 picks one
  std::optional<Path> control_socket;     ///< made with mode 0600; a left-over one is replaced
  Path temporary_directory = "/tmp";      ///< for bodies that do not fit in memory

  std::optional<Path> tls_certificate;  ///< PEM chain; with `tls_key`, TCP speaks TLS >= 1.2 only
  std::optional<Path> tls_key;

  std::size_t quick_workers = 4;
  std::size_t long_workers = 16;
  std::size_t queue_length_max = 4096;  ///< per lane; beyond it requests get 503 Retry-After

  std::size_t connections_max = limits::kConnectionsMax;
  std::uint64_t body_memory_bytes_total_max = 256ULL << 20;
  std::uint64_t body_file_bytes_total_max = 8ULL << 30;

  std::chrono::milliseconds header_deadline = limits::kHeaderDeadline;  ///< also for TLS handshakes
  std::chrono::milliseconds idle_max = limits::kIdleConnectionMax;
  std::chrono::milliseconds write_stall_max = limits::kWriteStallMax;
  std::chrono::milliseconds rate_grace{30'000};  ///< before a slow body or response is judged
  std::uint64_t bytes_per_second_min = 1024;     ///< average that a body or response must keep
  std::chrono::milliseconds linger_max{2000};    ///< after a refusal, for the client to read it

  AcceptFunction accept;  ///< empty: accept4(2)
  Gate gate;              ///< empty: only public routes answer
  LogLine log;            ///< empty: nothing is logged
};

/// The HTTP front end (RFC 9110, 9112): own sockets, one epoll thread that holds idle connections
/// and assembles complete requests, and workers that run handlers and write responses.
///
/// No client can hold a worker without having sent a complete request; bytes of a client never
/// reach the HTTP library's parser. Responses that the client reads slowly go back to epoll, except
/// streaming ones, which hold one of the long workers under a stall limit and a least rate.
/// The server owns its threads and sockets. Threads: any.
class HttpServer {
 public:
  /// Binds, listens and starts. `router`, `clock` and `entropy` outlive the server.
  /// Errors: kInvalidArgument (address, certificate), kConflict or kInternal (bind).
  static Result<std::unique_ptr<HttpServer>> start(HttpServerOptions options, const Router& router,
                                                   const Clock& clock, const Entropy& entropy);

  /// Stops at once: running handlers are waited for, everything else is cut.
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  [[nodiscard]] std::uint16_t port() const;
  /// "http://127.0.0.1:8417", "https://…" with TLS.
  [[nodiscard]] std::string url() const;
  [[nodiscard]] const HttpMetrics& metrics() const;

  /// Stops accepting, closes idle connections, resumes parked ones with kDraining, lets requests
  /// that have begun to arrive finish (their answers say `Connection: close`). Blocks until all
  /// are gone or `wait_max` has passed; true when nothing was cut. Call it once.
  bool drain(std::chrono::milliseconds wait_max);

 private:
  class Impl;

  explicit HttpServer(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
