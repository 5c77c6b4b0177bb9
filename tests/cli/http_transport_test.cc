#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <thread>

#include "cli/api_client.h"
#include "crypto/base/file.h"

namespace statehouse {

namespace {

/// Answers one connection with fixed bytes after its request has ended, then closes it.
class OneAnswer {
 public:
  explicit OneAnswer(std::string bytes) : OneAnswer(std::move(bytes), Path()) {}
  OneAnswer(std::string bytes, const Path& unix_path) : bytes_(std::move(bytes)) {
    if (unix_path.empty()) {
      listen_tcp();
    } else {
      listen_unix(unix_path);
    }
    thread_ = std::thread([this] { serve(); });
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;
  ~OneAnswer() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
  /// What was asked. Wait for the answer first.
  std::string request;

 private:
  void listen_tcp() {
    listener_ = FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    STATEHOUSE_ASSERT(::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), length) == 0);
    STATEHOUSE_ASSERT(::listen(listener_.get(), 1) == 0);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &length);
    port_ = ntohs(address.sin_port);
  }

  void listen_unix(const Path& path) {
    listener_ = FileDescriptor(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path.c_str(), sizeof(address.sun_path) - 1);
    STATEHOUSE_ASSERT(
        ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    STATEHOUSE_ASSERT(::listen(listener_.get(), 1) == 0);
  }

  void serve() {
    const FileDescriptor peer(::accept(listener_.get(), nullptr, nullptr));
    if (!peer.valid()) return;
    char buffer[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(peer.get(), buffer, sizeof(buffer), 0);
      if (got <= 0) return;
      request.append(buffer, static_cast<std::size_t>(got));
    }
    std::string_view left = bytes_;
    while (!left.empty()) {
      const ssize_t sent = ::send(peer.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
    ::shutdown(peer.get(), SHUT_WR);
    while (::recv(peer.get(), buffer, sizeof(buffer), 0) > 0) {
    }
  }

  std::string bytes_;
  FileDescriptor listener_;
  int port_ = 0;
  std::thread thread_;
};

std::string response(const std::string& status, const std::string& body,
                     const std::string& headers = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" +
         headers + "Connection: close\r\n\r\n" + body;
}

ApiClient client_of(const std::string& url, const std::string& token = "") {
  return ApiClient(make_http_transport({url, token, {}, "test"}).value());
}

}  // namespace

TEST_CASE("URLs that name no host and port are refused") {
  for (const char* url :
       {"", "127.0.0.1", "ftp://a", "http://", "http://a:", "http://a:0", "http://a:65536",
        "http://a:b", "http://a/b", "http://u@a", "http://[::1", "http://a b", "https://a?b"}) {
    CAPTURE(url);
    CHECK(make_http_transport({url, "", {}, "test"}).error().code == ErrorCode::kInvalidArgument);
  }
  for (const char* url :
       {"http://a", "http://a:8417", "https://a.example.com", "http://[::1]:80"}) {
    CAPTURE(url);
    CHECK(make_http_transport({url, "", {}, "test"}));
  }
}

TEST_CASE("a password in the server's URL is refused and not repeated") {
  for (const char* url : {"http://alice:PASS@a", "https://PASS@a:1", "alice:PASS@a",
                          "http://alice:PA/SS@a", "ftp://alice:PASS@a"}) {
    CAPTURE(url);
    const Error error = make_http_transport({url, "", {}, "test"}).error();
    CHECK(error.code == ErrorCode::kInvalidArgument);
    CHECK(error.message.find("user name or password") != std::string::npos);
    CHECK((error.message + error.fix).find("PA") == std::string::npos);
  }
}

TEST_CASE("a token with a line end in it is refused, not sent as a header") {
  CHECK_FALSE(make_http_transport({"http://a", "t\r\nX: y", {}, "test"}));
}

TEST_CASE("an answer longer than allowed is cut off") {
  OneAnswer server(response("200 OK", std::string(100'000, 'x')));
  const auto result = client_of(server.url()).get_bytes("/x", 1000);
  CHECK(result.error().code == ErrorCode::kUnavailable);
  CHECK(result.error().message.find("longer than 1000 bytes") != std::string::npos);
}

TEST_CASE("an answer that ends early is unavailable") {
  OneAnswer server("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  CHECK(client_of(server.url()).get_bytes("/x", 1000).error().code == ErrorCode::kUnavailable);
}

TEST_CASE("a server that closes or sends a TLS alert to plain HTTP brings a hint at https") {
  for (const std::string& bytes : {std::string(), std::string("\x15\x03\x01\0\x02\x02\x46", 7)}) {
    OneAnswer server(bytes);
    const Error error = client_of(server.url()).get_bytes("/x", 1000).error();
    CHECK(error.code == ErrorCode::kUnavailable);
    CHECK(error.fix.find("--server https://127.0.0.1:") != std::string::npos);
  }
  OneAnswer cut("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort");
  CHECK(client_of(cut.url()).get_bytes("/x", 1000).error().fix.find("https") == std::string::npos);
}

TEST_CASE("a redirect is not followed") {
  OneAnswer elsewhere(response("200 OK", "{}"));
  OneAnswer server(response("302 Found", "", "Location: " + elsewhere.url() + "/\r\n"));
  CHECK_FALSE(client_of(server.url(), "secret").get_bytes("/x", 1000));
  CHECK(elsewhere.request.empty());
}

TEST_CASE("a compressed answer is not inflated") {
  OneAnswer server(response("200 OK", "not gzip", "Content-Encoding: gzip\r\n"));
  CHECK(client_of(server.url()).get_bytes("/x", 1000) == "not gzip");
}

TEST_CASE("an error from whoever takes the bytes ends the transfer and is the result") {
  OneAnswer server(response("200 OK", std::string(100'000, 'x')));
  const BodySink refuse = [](std::string_view) -> Result<> { return unverified("enough"); };
  CHECK(client_of(server.url()).download("/x", 1 << 20, refuse).error().message == "enough");
}

TEST_CASE("the bytes of an error do not reach the sink") {
  OneAnswer server(response("404 Not Found", R"({"code":"not-found","detail":"no such thing"})"));
  std::string taken;
  const BodySink take = [&](std::string_view bytes) -> Result<> {
    taken += bytes;
    return {};
  };
  const auto result = client_of(server.url()).download("/x", 1 << 20, take);
  CHECK(result.error().code == ErrorCode::kNotFound);
  CHECK(result.error().message == "no such thing");
  CHECK(taken.empty());
}

TEST_CASE("the token is sent as a bearer token, the body as JSON") {
  OneAnswer server(response("200 OK", R"({"a":1})"));
  CHECK(client_of(server.url(), "sth_secret").post("/v1/x", Json{{"b", 2}}) == Json{{"a", 1}});
  CHECK(server.request.starts_with("POST /v1/x HTTP/1.1\r\n"));
  CHECK(server.request.find("Authorization: Bearer sth_secret\r\n") != std::string::npos);
  CHECK(server.request.find("Content-Type: application/json\r\n") != std::string::npos);
}

TEST_CASE("the control socket speaks the same HTTP, without a token") {
  const auto directory = TemporaryDirectory::create("/tmp", "cli-").value();
  const Path path = directory.path() / "control.sock";
  OneAnswer server(response("200 OK", R"({"a":1})"), path);
  CHECK(ApiClient(make_control_transport(path)).get("/v1/x") == Json{{"a", 1}});
  CHECK(server.request.find("Host: localhost\r\n") != std::string::npos);
  CHECK(server.request.find("Authorization") == std::string::npos);
}

}  // namespace statehouse
