#include "api/http/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

using Status = IoResult::Status;

struct SslContextDeleter {
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
};
struct SslDeleter {
  void operator()(SSL* ssl) const { ::SSL_free(ssl); }
};
using SslContext = std::unique_ptr<SSL_CTX, SslContextDeleter>;
using Ssl = std::unique_ptr<SSL, SslDeleter>;

Error tls_error(const std::string& doing) {
  std::array<char, 256> text{};
  ::ERR_error_string_n(::ERR_get_error(), text.data(), text.size());
  ::ERR_clear_error();
  return {ErrorCode::kInvalidArgument, doing + ": " + escape_for_message(text.data()), {}};
}

/// Chooses http/1.1 when the client offers protocols, and refuses a client that offers only others.
int select_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_size,
                    const unsigned char* offered, unsigned offered_size, void* /*argument*/) {
  static constexpr unsigned char kOurs[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  const int found =
      ::SSL_select_next_proto(&chosen, out_size, kOurs, sizeof(kOurs) - 1, offered, offered_size);
  *out = chosen;
  return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

class TlsTransport final : public Transport {
 public:
  TlsTransport(FileDescriptor socket, Ssl ssl) : socket_(std::move(socket)), ssl_(std::move(ssl)) {}

  IoResult handshake() override {
    ::ERR_clear_error();
    return from_return(::SSL_accept(ssl_.get()), 0);
  }

  IoResult read(char* into, std::size_t count) override {
    ::ERR_clear_error();
    std::size_t got = 0;
    const int code = ::SSL_read_ex(ssl_.get(), into, count, &got);
    return from_return(code, got);
  }

  IoResult write(std::string_view first, std::string_view second) override {
    if (first.empty() || second.empty() || first.size() >= kRecordBytes) {
      return write_one(first.empty() ? second : first);
    }
    // One record for head and small body. A retry sees the same bytes, as OpenSSL requires.
    std::string joined(first);
    joined.append(second.substr(0, kRecordBytes - first.size()));
    return write_one(joined);
  }

  IoResult send_file(int file, std::uint64_t offset, std::size_t count) override {
    std::array<char, kRecordBytes> piece;
    const ssize_t got =
        ::pread(file, piece.data(), std::min(count, piece.size()), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) return {Status::kProgress, 0};
    if (got <= 0) return {Status::kFailed};
    return write_one({piece.data(), static_cast<std::size_t>(got)});
  }

  void shut_down_writing() override {
    ::ERR_clear_error();
    ::SSL_shutdown(ssl_.get());
    ::shutdown(socket_.get(), SHUT_WR);
  }

  [[nodiscard]] int descriptor() const override { return socket_.get(); }
  [[nodiscard]] bool is_tls() const override { return true; }

 private:
  static constexpr std::size_t kRecordBytes = 16U << 10;

  IoResult write_one(std::string_view bytes) {
    ::ERR_clear_error();
    std::size_t sent = 0;
    const int code = ::SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &sent);
    return from_return(code, sent);
  }

  IoResult from_return(int code, std::size_t bytes) {
    if (code > 0) return {Status::kProgress, bytes};
    switch (::SSL_get_error(ssl_.get(), code)) {
      case SSL_ERROR_WANT_READ:
        return {Status::kWantsRead};
      case SSL_ERROR_WANT_WRITE:
        return {Status::kWantsWrite};
      case SSL_ERROR_ZERO_RETURN:
        return {Status::kClosed};
      default:
        return {Status::kFailed};
    }
  }

  FileDescriptor socket_;
  Ssl ssl_;
};

}  // namespace

struct TlsContext::Impl {
  SslContext context;
};

TlsContext::TlsContext(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TlsContext::TlsContext(TlsContext&&) noexcept = default;
TlsContext& TlsContext::operator=(TlsContext&&) noexcept = default;
TlsContext::~TlsContext() = default;

Result<TlsContext> TlsContext::load(const Path& certificate_chain, const Path& key) {
  SslContext context(::SSL_CTX_new(::TLS_server_method()));
  if (!context) return std::unexpected(tls_error("preparing TLS"));
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  ::SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  // Idle connections are many: their record buffers are freed. Writes may resume from a copy.
  ::SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                        SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  ::SSL_CTX_set_alpn_select_cb(context.get(), select_protocol, nullptr);
  if (::SSL_CTX_use_certificate_chain_file(context.get(), certificate_chain.c_str()) != 1) {
    return std::unexpected(tls_error("reading certificate " + certificate_chain.string()));
  }
  if (::SSL_CTX_use_PrivateKey_file(context.get(), key.c_str(), SSL_FILETYPE_PEM) != 1) {
    return std::unexpected(tls_error("reading key " + key.string()));
  }
  // Keys of another type than the certificate's load without complaint.
  if (::SSL_CTX_check_private_key(context.get()) != 1) {
    return std::unexpected(tls_error("matching key " + key.string() + " with the certificate"));
  }
  return TlsContext(std::make_unique<Impl>(Impl{std::move(context)}));
}

Result<std::unique_ptr<Transport>> TlsContext::accept(FileDescriptor socket) const {
  Ssl ssl(::SSL_new(impl_->context.get()));
  if (!ssl || ::SSL_set_fd(ssl.get(), socket.get()) != 1) {
    return std::unexpected(tls_error("preparing a connection"));
  }
  return std::make_unique<TlsTransport>(std::move(socket), std::move(ssl));
}

}  // namespace statehouse
