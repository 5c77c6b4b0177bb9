#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/server.h"
#include "crypto/base/clock.h"
#include "crypto/base/entropy.h"
#include "crypto/base/file.h"

namespace statehouse {

/// What a client read. `status` 0 means: the connection ended without an answer.
struct Answer {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
  std::string raw_head;
};

/// A client that sends exactly the bytes it is told to. Every read has a deadline of ten seconds,
/// after which the test fails instead of hanging.
class RawClient {
 public:
  static RawClient to_port(std::uint16_t port);
  static RawClient to_control(const Path& path);
  /// A socket that `connect_to` connects later.
  static RawClient unconnected();
  void connect_to(std::uint16_t port);

  /// False when the server no longer takes bytes.
  bool send(std::string_view bytes);
  /// Sends as much as the server takes until `bytes_max`; stops early when it closes.
  std::uint64_t flood(std::string_view pattern, std::uint64_t bytes_max);
  void finish_sending();

  /// The next answer; chunked bodies are decoded. `to_head`: the answer is to a HEAD request.
  Answer read(bool to_head = false);
  /// Everything until the server closes.
  std::string read_to_end();
  /// At least one byte, or "" at the end.
  std::string read_some();
  /// True when bytes or the end arrive within `wait`.
  bool answers_within(std::chrono::milliseconds wait);
  /// True when the server closes without sending anything more.
  bool is_closed();

  [[nodiscard]] int descriptor() const { return socket_.get(); }

 private:
  explicit RawClient(FileDescriptor socket) : socket_(std::move(socket)) {}
  bool fill();

  FileDescriptor socket_;
  std::string received_;
  bool timed_out_ = false;
};

/// A server with toy routes on a free port of the loopback.
///
///   GET  /hello              "hello"                 GET  /echo-header   the X-Echo field
///   POST /echo               the body                POST /big           bodies up to 8 MiB: size
///   GET  /names/{name}       the parameter           GET  /file          1 MiB from a file
///   GET  /stream             "part 0".. "part 9"     GET  /cut           a stream that fails
///   GET  /endless            streams until the client is gone, then sets `stream_ended`
///   GET  /throws, /bad-header, /secret (authenticated), POST /secret, GET /control-only
///   GET  /large              16 MiB of text          GET  /wait          parks until `wake`
class TestServer {
 public:
  explicit TestServer(const std::function<void(HttpServerOptions&)>& change = {});
  ~TestServer();

  RawClient connect() const { return RawClient::to_port(server->port()); }
  /// One request on a connection of its own.
  Answer ask(std::string_view request) const;
  Answer get(std::string_view path) const;
  /// Wakes everything that waits on /wait.
  void wake();
  /// Blocks until every connection whose answer was read is known to be idle again.
  void settle() const;
  /// Blocks until `done` says so, at most ten seconds.
  static bool eventually(const std::function<bool()>& done);

  TemporaryDirectory directory = TemporaryDirectory::create("/tmp", "statehouse-http-").value();
  SystemClock clock;
  SystemEntropy entropy;
  Router router;
  std::vector<std::string> log_lines();
  std::atomic<bool> stream_ended{false};
  std::atomic<int> waiting{0};
  std::unique_ptr<HttpServer> server;

 private:
  void add_routes();
  void add_stream_routes();

  std::mutex mutex_;
  std::vector<std::string> log_;  // guarded by mutex_
  std::map<int, Wake> wakes_;     // guarded by mutex_
  int next_wake_ = 0;             // guarded by mutex_
};

/// "GET <path> HTTP/1.1" with a Host.
std::string get_request(std::string_view path, std::string_view more_fields = {});
std::string post_request(std::string_view path, std::string_view body,
                         std::string_view more_fields = {});
/// Resident memory of this process in bytes.
std::uint64_t resident_bytes();
std::string gzip(std::string_view bytes);

}  // namespace statehouse
