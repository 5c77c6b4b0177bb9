#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "api/http/request_assembler.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// A listening, non-blocking socket. Move-only.
class Listener {
 public:
  enum class Kind { kTcp, kControl };

  /// `address` is HOST:PORT or [ADDRESS]:PORT; backlog 1024; SO_REUSEADDR.
  /// Errors: kInvalidArgument (address), kConflict (in use), kInternal.
  static Result<Listener> tcp(const std::string& address);

  /// A Unix socket that only our user may connect to: the file is 0600 from the moment it exists.
  /// A file left over from an earlier process is replaced. The destructor does not remove it.
  /// REQUIRES: the caller holds the data directory's lock.
  static Result<Listener> control(const Path& path);

  [[nodiscard]] int descriptor() const { return socket_.get(); }
  [[nodiscard]] Kind kind() const { return kind_; }
  /// The TCP port bound to; 0 for a control socket.
  [[nodiscard]] std::uint16_t port() const { return port_; }
  void close() { socket_.reset(); }

 private:
  Listener(Kind kind, FileDescriptor socket, std::uint16_t port)
      : kind_(kind), socket_(std::move(socket)), port_(port) {}

  Kind kind_;
  FileDescriptor socket_;
  std::uint16_t port_;
};

/// Who is connected on `socket`. For control sockets also proof that the peer runs as our user or
/// as root (SO_PEERCRED). Errors: kUnavailable (gone already), kDenied.
Result<Peer> peer_of(int socket, Listener::Kind kind);

/// Splits HOST:PORT. Errors: kInvalidArgument.
struct HostAndPort {
  std::string host;  ///< without brackets
  std::string port;
};
Result<HostAndPort> parse_listen_address(const std::string& address);

}  // namespace statehouse
