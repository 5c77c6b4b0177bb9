#include <doctest/doctest.h>

#include <optional>
#include <string>
#include <vector>

#include "crypto/base/subprocess.h"
#include "tests/api/http/fixture.h"

namespace statehouse {

namespace {

/// Runs a real tool; nothing when it failed.
std::optional<std::string> run(std::vector<std::string> arguments, std::string input = {}) {
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.environment = minimal_environment();
  options.stdin_bytes = std::move(input);
  options.time_max = std::chrono::seconds(20);
  const auto result = run_subprocess(options);
  if (!result || !result->succeeded()) return std::nullopt;
  return result->stdout_bytes;
}

/// A certificate for localhost and the server that shows it.
struct TlsServer {
  TlsServer() {
    REQUIRE(run({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                 "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                 "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate})
                .has_value());
    server.emplace([this](HttpServerOptions& options) {
      options.tls_certificate = certificate;
      options.tls_key = key;
      options.header_deadline = std::chrono::milliseconds(2000);
    });
  }

  [[nodiscard]] std::string port() const { return std::to_string(server->server->port()); }

  /// The body that curl reads.
  std::optional<std::string> curl(const std::string& path, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"curl", "-sSf", "--http1.1", "--cacert", certificate};
    arguments.insert(arguments.end(), more.begin(), more.end());
    arguments.push_back("https://localhost:" + port() + path);
    return run(std::move(arguments));
  }
  /// True when a handshake with these s_client options succeeds.
  bool handshake(std::vector<std::string> more) {
    std::vector<std::string> arguments{"openssl", "s_client", "-connect", "localhost:" + port()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(std::move(arguments)).has_value();
  }

  TemporaryDirectory directory = TemporaryDirectory::create("/tmp", "statehouse-tls-").value();
  std::string certificate = directory.path() / "certificate.pem";
  std::string key = directory.path() / "key.pem";
  std::optional<TestServer> server;
};

}  // namespace

TEST_CASE_FIXTURE(TlsServer, "TLS older than 1.2 and unknown protocols are refused") {
  CHECK_FALSE(handshake({"-tls1", "-cipher", "ALL:@SECLEVEL=0"}));
  CHECK_FALSE(handshake({"-tls1_1", "-cipher", "ALL:@SECLEVEL=0"}));
  CHECK_FALSE(handshake({"-alpn", "h2"}));
  CHECK(handshake({"-tls1_2"}));
  CHECK(handshake({"-tls1_3"}));
  CHECK(handshake({"-alpn", "h2,http/1.1"}));
}

TEST_CASE_FIXTURE(TlsServer, "a client without TLS gets nothing over a TLS port") {
  RawClient plain = server->connect();
  plain.send(get_request("/hello"));
  CHECK(plain.read_to_end().find("hello") == std::string::npos);
}

TEST_CASE_FIXTURE(TlsServer, "half-open handshakes hold nobody up and are cut") {
  std::vector<RawClient> silent;
  for (int i = 0; i < 32; ++i) silent.push_back(server->connect());
  CHECK(curl("/hello") == "hello");
  for (RawClient& client : silent) CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TlsServer, "answers of every kind arrive whole over TLS") {
  CHECK(server->server->url().starts_with("https://"));
  CHECK(curl("/hello") == "hello");
  CHECK((curl("/file") == std::string(1'000'000, 'f')));
  CHECK((curl("/large") == std::string(16U << 20, 'x')));
  CHECK(curl("/stream").value_or("").ends_with("part 9\n"));
  CHECK(curl("/echo", {"--data", "over tls"}) == "over tls");
  CHECK(curl("/hello", {"https://localhost:" + port() + "/names/second"}) == "secondhello");
}

TEST_CASE_FIXTURE(TlsServer, "a certificate without its key, or with another's, is refused") {
  SystemClock clock;
  SystemEntropy entropy;
  Router router;
  HttpServerOptions options;
  options.listen = "127.0.0.1:0";
  options.tls_certificate = certificate;
  CHECK_FALSE(HttpServer::start(options, router, clock, entropy).has_value());
  options.tls_key = certificate;
  CHECK_FALSE(HttpServer::start(options, router, clock, entropy).has_value());
  REQUIRE(run({"openssl", "genpkey", "-algorithm", "ed25519", "-out", key}).has_value());
  options.tls_key = key;
  CHECK_FALSE(HttpServer::start(options, router, clock, entropy).has_value());
}

}  // namespace statehouse
