#include "tests/api/http/fixture.h"

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <thread>

#include "crypto/base/limits.h"

namespace statehouse {

namespace {

constexpr int kDeadlineMs = 10'000;

bool ready(int descriptor, short events) {
  pollfd waiting{descriptor, events, 0};
  return ::poll(&waiting, 1, kDeadlineMs) == 1;
}

Handler text(std::function<Result<std::string>(HttpRequest&)> make) {
  return [make = std::move(make)](HttpRequest& request) -> Result<HttpResponse> {
    return HttpResponse::with_body(200, "text/plain", TRY(make(request)));
  };
}

}  // namespace

RawClient RawClient::unconnected() {
  return RawClient(FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)));
}

void RawClient::connect_to(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
          0);
}

RawClient RawClient::to_port(std::uint16_t port) {
  RawClient client = unconnected();
  client.connect_to(port);
  return client;
}

RawClient RawClient::to_control(const Path& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  REQUIRE(path.string().size() < sizeof(address.sun_path));
  path.string().copy(address.sun_path, sizeof(address.sun_path) - 1);
  FileDescriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) ==
          0);
  return RawClient(std::move(socket));
}

bool RawClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::uint64_t RawClient::flood(std::string_view pattern, std::uint64_t bytes_max) {
  std::uint64_t sent_bytes = 0;
  while (sent_bytes < bytes_max) {
    pollfd waiting{socket_.get(), POLLOUT | POLLIN, 0};
    if (::poll(&waiting, 1, kDeadlineMs) <= 0 || (waiting.revents & POLLIN) != 0) break;
    const ssize_t sent =
        ::send(socket_.get(), pattern.data(), pattern.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) continue;
    if (sent <= 0) break;
    sent_bytes += static_cast<std::uint64_t>(sent);
  }
  return sent_bytes;
}

void RawClient::finish_sending() { ::shutdown(socket_.get(), SHUT_WR); }

bool RawClient::fill() {
  std::array<char, 65536> buffer;
  if (!ready(socket_.get(), POLLIN)) {
    FAIL_CHECK("the server did not answer in time");
    timed_out_ = true;
    return false;
  }
  const ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
  if (got <= 0) return false;
  received_.append(buffer.data(), static_cast<std::size_t>(got));
  return true;
}

Answer RawClient::read(bool to_head) {
  Answer answer;
  std::size_t end = std::string::npos;
  while ((end = received_.find("\r\n\r\n")) == std::string::npos) {
    if (!fill()) return answer;
  }
  answer.raw_head = received_.substr(0, end + 2);
  received_.erase(0, end + 4);
  answer.status = std::stoi(answer.raw_head.substr(9, 3));
  for (std::size_t at = answer.raw_head.find("\r\n") + 2; at < answer.raw_head.size();) {
    const std::size_t stop = answer.raw_head.find("\r\n", at);
    const std::string line = answer.raw_head.substr(at, stop - at);
    const std::size_t colon = line.find(": ");
    REQUIRE(colon != std::string::npos);
    answer.headers[to_lower_ascii(line.substr(0, colon))] = line.substr(colon + 2);
    at = stop + 2;
  }
  if (to_head || answer.status == 304 || answer.status == 204 || answer.status == 100)
    return answer;
  if (answer.headers.contains("transfer-encoding")) {
    while (true) {
      std::size_t line = std::string::npos;
      while ((line = received_.find("\r\n")) == std::string::npos) {
        if (!fill()) return answer.status = -1, answer;
      }
      const std::size_t size = std::stoul(received_.substr(0, line), nullptr, 16);
      while (received_.size() < line + 2 + size + 2) {
        if (!fill()) return answer.status = -1, answer;
      }
      answer.body += received_.substr(line + 2, size);
      received_.erase(0, line + 2 + size + 2);
      if (size == 0) return answer;
    }
  }
  const std::size_t size = std::stoul(answer.headers.at("content-length"));
  while (received_.size() < size) {
    if (!fill()) return answer.status = -1, answer;
  }
  answer.body = received_.substr(0, size);
  received_.erase(0, size);
  return answer;
}

std::string RawClient::read_to_end() {
  while (fill()) {
  }
  return std::exchange(received_, {});
}

std::string RawClient::read_some() {
  if (received_.empty()) fill();
  return std::exchange(received_, {});
}

bool RawClient::answers_within(std::chrono::milliseconds wait) {
  pollfd waiting{socket_.get(), POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(wait.count())) == 1;
}

bool RawClient::is_closed() { return received_.empty() && !fill() && !timed_out_; }

TestServer::TestServer(const std::function<void(HttpServerOptions&)>& change) {
  add_routes();
  add_stream_routes();
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.temporary_directory = directory.path();
  options.linger_max = std::chrono::milliseconds(200);
  options.log = [this](std::string_view line) {
    const std::scoped_lock lock(mutex_);
    log_.emplace_back(line);
  };
  if (change) change(options);
  server = HttpServer::start(std::move(options), router, clock, entropy).value();
}

TestServer::~TestServer() { server.reset(); }

void TestServer::add_routes() {
  const auto add = [this](Method method, std::string pattern, Handler handler,
                          std::uint64_t body_bytes_max = 0, Access access = Access::kPublic) {
    REQUIRE(router
                .add({method, std::move(pattern), access, Lane::kQuick, body_bytes_max,
                      std::move(handler)})
                .has_value());
  };
  const Handler hello = text([](HttpRequest&) { return std::string("hello"); });
  add(Method::kGet, "/hello", hello);
  add(Method::kGet, "/secret", hello, 0, Access::kAuthenticated);
  add(Method::kPost, "/secret", hello, 8U << 20, Access::kAuthenticated);
  add(Method::kGet, "/control-only", hello, 0, Access::kControl);
  add(Method::kGet, "/names/{name}",
      text([](HttpRequest& request) { return request.path_parameter("name"); }));
  add(Method::kGet, "/echo-header", text([](HttpRequest& request) -> Result<std::string> {
        return std::string(TRY(request.header("x-echo")).value_or("none"));
      }));
  add(Method::kGet, "/who", text([](HttpRequest& request) {
        return request.peer_address + (request.headers.count("remote_addr") != 0 ? " forged" : "");
      }));
  add(Method::kPost, "/echo",
      text([](HttpRequest& request) { return request.body.read_all(limits::kJsonBodyBytesMax); }),
      limits::kJsonBodyBytesMax);
  add(Method::kPost, "/big", text([](HttpRequest& request) {
        return std::to_string(request.body.size()) + (request.body.in_memory() ? " m" : " f");
      }),
      8U << 20);
  add(Method::kGet, "/throws", [](HttpRequest&) -> Result<HttpResponse> {
    throw std::runtime_error("the cause\r\nX-Injected: yes");
  });
  add(Method::kGet, "/conflict",
      [](HttpRequest&) -> Result<HttpResponse> { return conflict("moving: it moved", "again"); });
  add(Method::kGet, "/bad-header", [](HttpRequest&) -> Result<HttpResponse> {
    HttpResponse response = HttpResponse::empty(204);
    TRY(response.set_header("X-Evil", "a\r\nSet-Cookie: b"));
    return response;
  });
  add(Method::kGet, "/no-content",
      [](HttpRequest&) -> Result<HttpResponse> { return HttpResponse::empty(204); });
  add(Method::kGet, "/large", text([](HttpRequest&) { return std::string(16U << 20, 'x'); }));
  const Path file = directory.path() / "file";
  UnwatchedSteps steps;
  REQUIRE(write_file_durably(file, std::string(1U << 20, 'f'), 0600, steps, "file").has_value());
  add(Method::kGet, "/file", [file](HttpRequest&) -> Result<HttpResponse> {
    auto opened = std::make_shared<FileDescriptor>(TRY(open_file(file, O_RDONLY)));
    return HttpResponse::with_file("application/octet-stream", {std::move(opened), 1, 1'000'000});
  });
}

void TestServer::add_stream_routes() {
  const auto add = [this](std::string pattern, Handler handler) {
    REQUIRE(router
                .add({Method::kGet, std::move(pattern), Access::kPublic, Lane::kLong, 0,
                      std::move(handler)})
                .has_value());
  };
  add("/stream", [](HttpRequest&) -> Result<HttpResponse> {
    return HttpResponse::with_stream("text/plain", [](ResponseSink& sink) -> Result<> {
      for (int i = 0; i < 10; ++i) TRY(sink.write("part " + std::to_string(i) + "\n"));
      return {};
    });
  });
  add("/cut", [](HttpRequest&) -> Result<HttpResponse> {
    return HttpResponse::with_stream("text/plain", [](ResponseSink& sink) -> Result<> {
      TRY(sink.write("half"));
      throw std::runtime_error("broken");
    });
  });
  add("/endless", [this](HttpRequest&) -> Result<HttpResponse> {
    return HttpResponse::with_stream("text/plain", [this](ResponseSink& sink) -> Result<> {
      const std::string block(64U << 10, 'e');
      Result<> sent;
      while (sent && !sink.client_gone()) sent = sink.write(block);
      stream_ended = true;
      return sent;
    });
  });
  add("/wait", [this](HttpRequest&) -> Result<HttpResponse> {
    Parking parking;
    parking.wait_max = std::chrono::seconds(20);
    parking.subscribe = [this](Wake wake_up) {
      const std::scoped_lock lock(mutex_);
      const int key = next_wake_++;
      wakes_[key] = std::move(wake_up);
      ++waiting;
      return std::shared_ptr<void>(nullptr, [this, key](void*) {
        const std::scoped_lock inner(mutex_);
        wakes_.erase(key);
        --waiting;
      });
    };
    parking.resume = [](WakeReason reason) -> Result<HttpResponse> {
      const char* why = reason == WakeReason::kWoken     ? "woken"
                        : reason == WakeReason::kTimeout ? "timeout"
                                                         : "draining";
      return HttpResponse::with_body(200, "text/plain", why);
    };
    return HttpResponse::parked(std::move(parking));
  });
}

Answer TestServer::ask(std::string_view request) const {
  RawClient client = connect();
  client.send(request);
  return client.read();
}

Answer TestServer::get(std::string_view path) const { return ask(get_request(path)); }

void TestServer::wake() {
  std::map<int, Wake> all;
  {
    const std::scoped_lock lock(mutex_);
    all = wakes_;
  }
  for (const auto& [key, wake_up] : all) wake_up();
}

bool TestServer::eventually(const std::function<bool()>& done) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!done()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

void TestServer::settle() const {
  REQUIRE(eventually([this] { return server->metrics().requests_running == 0; }));
}

std::vector<std::string> TestServer::log_lines() {
  const std::scoped_lock lock(mutex_);
  return log_;
}

std::string get_request(std::string_view path, std::string_view more_fields) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n" +
         std::string(more_fields) + "\r\n";
}

std::string post_request(std::string_view path, std::string_view body,
                         std::string_view more_fields) {
  return "POST " + std::string(path) +
         " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         std::string(more_fields) + "\r\n" + std::string(body);
}

std::uint64_t resident_bytes() {
  FileDescriptor file(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  std::array<char, 200> text{};
  REQUIRE(::read(file.get(), text.data(), text.size() - 1) > 0);
  const std::string fields = text.data();
  return std::stoull(fields.substr(fields.find(' '))) *
         static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string gzip(std::string_view bytes) {
  z_stream stream{};
  REQUIRE(::deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(::deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  out.shrink_to_fit();
  ::deflateEnd(&stream);
  return out;
}

}  // namespace statehouse
