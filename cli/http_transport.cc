#include <httplib.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <utility>

#include "cli/api_transport.h"
#include "cli/server_url.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr std::chrono::seconds kConnectTimeout{10};
constexpr std::chrono::seconds kSilenceMax{60};

/// What a transfer may cost, and why it was ended when it was.
class Transfer {
 public:
  Transfer(const ApiRequest& request, const BodySink& sink)
      : request_(request),
        sink_(sink),
        begun_(std::chrono::steady_clock::now()),
        deadline_(begun_ + request.time_max) {}

  void begin(const httplib::Response& head) {
    has_head_ = true;
    to_sink_ = sink_ && head.status >= 200 && head.status < 300;
  }

  bool take(const char* data, std::size_t length) {
    received_ += length;
    if (received_ > request_.response_bytes_max) {
      return stop(
          {ErrorCode::kUnavailable,
           "the answer is longer than " + std::to_string(request_.response_bytes_max) + " bytes",
           ""});
    }
    if (std::chrono::steady_clock::now() > deadline_) {
      return stop({ErrorCode::kUnavailable, "the answer did not end in time", "try again later"});
    }
    if (!to_sink_) {
      body_.append(data, length);
      return true;
    }
    auto taken = sink_({data, length});
    return taken ? true : stop(std::move(taken).error());
  }

  [[nodiscard]] const std::optional<Error>& stopped() const { return stopped_; }
  /// The connection ended before anything that is HTTP came back, and not because of silence.
  [[nodiscard]] bool was_turned_away() const {
    return !has_head_ && std::chrono::steady_clock::now() - begun_ < kSilenceMax;
  }
  std::string take_body() { return std::move(body_); }

 private:
  bool stop(Error why) {
    stopped_ = std::move(why);
    return false;
  }

  const ApiRequest& request_;
  const BodySink& sink_;
  std::chrono::steady_clock::time_point begun_;
  std::chrono::steady_clock::time_point deadline_;
  bool has_head_ = false;
  bool to_sink_ = false;
  std::uint64_t received_ = 0;
  std::string body_;
  std::optional<Error> stopped_;
};

/// What OpenSSL's verdict on the server's certificate means, and what mends it.
Error certificate_error(const std::string& name, long verdict) {
  const auto error = [&name](std::string_view what, std::string fix) {
    return Error{ErrorCode::kUnverified, "connecting to " + name + ": " + std::string(what),
                 std::move(fix)};
  };
  switch (verdict) {
    case X509_V_OK:  // the chain is good: what is left is the name
      return error("its certificate is made out to another name",
                   "give --server the name in the certificate, or have one made for this name");
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return error("its certificate, or one in its chain, has expired",
                   "renew it on the server; or this machine's clock is wrong");
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return error("its certificate, or one in its chain, is not valid yet",
                   "is this machine's clock right?");
    default:
      return error("its certificate is not trusted: " +
                       std::string(::X509_verify_cert_error_string(verdict)),
                   "give its authority with --ca-file FILE, STATEHOUSE_CA_FILE or SSL_CERT_FILE");
  }
}

Error connection_error(const std::string& name, httplib::Error error) {
  if (error == httplib::Error::SSLLoadingCerts) {
    return {ErrorCode::kInvalidArgument,
            "connecting to " + name + ": the file of authorities holds no certificate",
            "name a PEM file: --ca-file FILE, STATEHOUSE_CA_FILE or SSL_CERT_FILE"};
  }
  if (error == httplib::Error::SSLConnection) {
    return {ErrorCode::kUnavailable, "connecting to " + name + ": no TLS connection comes about",
            "does the server speak https there, or is it http://?"};
  }
  if (error == httplib::Error::Connection || error == httplib::Error::ConnectionTimeout) {
    return {ErrorCode::kUnavailable, "connecting to " + name + ": no connection",
            "is the server running, and is --server right?"};
  }
  return {ErrorCode::kUnavailable,
          "talking to " + name + ": the answer ended early or took too long", "try again"};
}

/// What a TLS server does with plain HTTP: it sends an alert, or just closes.
Error no_http_error(const std::string& name) {
  constexpr std::string_view kPlain = "http://";
  return {ErrorCode::kUnavailable, "talking to " + name + ": it closed without an answer in HTTP",
          "if it speaks TLS, ask it by https: --server https://" + name.substr(kPlain.size()) +
              "; otherwise try again"};
}

class HttpTransport final : public ApiTransport {
 public:
  /// `secure` is `client` when that speaks TLS.
  HttpTransport(std::unique_ptr<httplib::ClientImpl> client, const httplib::SSLClient* secure,
                std::string name, httplib::Headers headers)
      : client_(std::move(client)),
        secure_(secure),
        name_(std::move(name)),
        headers_(std::move(headers)) {
    client_->set_connection_timeout(kConnectTimeout);
    client_->set_read_timeout(kSilenceMax);
    client_->set_write_timeout(kSilenceMax);
    client_->set_follow_location(false);
    client_->set_decompress(false);  // an answer is as long as it says: no compression bombs
    client_->set_keep_alive(true);
  }

  Result<ApiResponse> send(const ApiRequest& request, const BodySink& sink) override {
    Transfer transfer(request, sink);
    httplib::Request message;
    message.method = request.method;
    message.path = request.target;
    message.headers = headers_;
    message.body = request.body;
    if (!request.body.empty()) message.set_header("Content-Type", "application/json");
    message.response_handler = [&](const httplib::Response& head) {
      transfer.begin(head);
      return true;
    };
    message.content_receiver = [&](const char* data, std::size_t length, std::uint64_t,
                                   std::uint64_t) { return transfer.take(data, length); };
    httplib::Response response;
    httplib::Error error = httplib::Error::Success;
    const bool sent = client_->send(message, response, error);
    if (transfer.stopped()) return std::unexpected(*transfer.stopped());
    if (!sent && secure_ != nullptr && error == httplib::Error::SSLServerVerification) {
      return std::unexpected(certificate_error(name_, secure_->get_openssl_verify_result()));
    }
    const bool is_exchange_error = error == httplib::Error::Read || error == httplib::Error::Write;
    if (!sent && is_exchange_error && !has_answered_ && name_.starts_with("http://") &&
        transfer.was_turned_away()) {
      return std::unexpected(no_http_error(name_));
    }
    if (!sent) return std::unexpected(connection_error(name_, error));
    has_answered_ = true;
    return ApiResponse{response.status, response.get_header_value("Content-Type"),
                       transfer.take_body()};
  }

  [[nodiscard]] std::string name() const override { return name_; }

 private:
  std::unique_ptr<httplib::ClientImpl> client_;
  const httplib::SSLClient* secure_;  // for its verdict on a certificate; null without TLS
  std::string name_;
  httplib::Headers headers_;
  bool has_answered_ = false;  // once: what is there speaks HTTP
};

httplib::Headers common_headers(const HttpEndpoint& endpoint) {
  httplib::Headers headers{{"Accept", "*/*"},
                           {"Accept-Encoding", "identity"},
                           {"User-Agent", "statehouse/" + endpoint.version}};
  if (!endpoint.token.empty()) headers.emplace("Authorization", "Bearer " + endpoint.token);
  return headers;
}

}  // namespace

Result<std::unique_ptr<ApiTransport>> make_http_transport(const HttpEndpoint& endpoint) {
  if (endpoint.url.find('@') != std::string::npos) {
    return invalid_argument("reading the server's URL: it holds a user name or password",
                            "write it like https://store.example.org, and give a token: "
                            "--token-file FILE or STATEHOUSE_TOKEN");
  }
  const bool tls = endpoint.url.starts_with("https://");
  if (!tls && !endpoint.url.starts_with("http://")) {
    return invalid_argument("reading the server's URL: \"" + escape_for_message(endpoint.url) +
                                "\" is neither http:// nor https://",
                            "write it like https://store.example.org");
  }
  if (endpoint.token.find_first_of("\r\n ") != std::string::npos) {
    return invalid_argument("reading the token: it holds white space",
                            "a token is one word: sth_ and 43 characters");
  }
  const std::string_view authority =
      std::string_view(endpoint.url).substr(tls ? sizeof("https://") - 1 : sizeof("http://") - 1);
  constexpr int kHttpPort = 80;
  constexpr int kHttpsPort = 443;
  const HostPort at = TRY(parse_authority(authority, tls ? kHttpsPort : kHttpPort));
  std::unique_ptr<httplib::ClientImpl> client;
  const httplib::SSLClient* verifier = nullptr;
  if (tls) {
    auto secure = std::make_unique<httplib::SSLClient>(at.host, at.port);
    verifier = secure.get();
    if (!endpoint.ca_file.empty()) secure->set_ca_cert_path(endpoint.ca_file.c_str());
    secure->enable_server_certificate_verification(true);
    client = std::move(secure);
  } else {
    client = std::make_unique<httplib::ClientImpl>(at.host, at.port);
  }
  return std::make_unique<HttpTransport>(std::move(client), verifier, endpoint.url,
                                         common_headers(endpoint));
}

std::unique_ptr<ApiTransport> make_control_transport(const Path& socket_path) {
  constexpr int kIgnoredPort = 80;  // of a Unix socket; 80 keeps it out of the Host header
  auto client = std::make_unique<httplib::ClientImpl>(socket_path.string(), kIgnoredPort);
  client->set_address_family(AF_UNIX);
  httplib::Headers headers = common_headers({});
  headers.emplace("Host", "localhost");
  return std::make_unique<HttpTransport>(std::move(client), nullptr, socket_path.string(),
                                         std::move(headers));
}

}  // namespace statehouse
