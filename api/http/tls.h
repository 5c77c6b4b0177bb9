#pragma once

#include <memory>

#include "api/http/transport.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// A server's TLS settings: certificate chain, key, TLS 1.2 or newer, no renegotiation, no
/// compression, ALPN "http/1.1". Loaded once; a changed certificate needs a restart.
///
/// The one place besides crypto/ that uses OpenSSL: what it needs is the protocol, not a primitive.
/// Threads: any after construction.
class TlsContext {
 public:
  /// Errors: kInvalidArgument (unreadable, not PEM, key does not belong to the certificate).
  static Result<TlsContext> load(const Path& certificate_chain, const Path& key);

  TlsContext(TlsContext&&) noexcept;
  TlsContext& operator=(TlsContext&&) noexcept;
  ~TlsContext();

  /// `socket` is connected and non-blocking. The context outlives the transport.
  [[nodiscard]] Result<std::unique_ptr<Transport>> accept(FileDescriptor socket) const;

 private:
  struct Impl;

  explicit TlsContext(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
