#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "crypto/base/file.h"

namespace statehouse {

/// What one non-blocking step on a connection did.
struct IoResult {
  enum class Status {
    kProgress,    ///< `bytes` were moved
    kWantsRead,   ///< nothing moved: try again when the socket is readable
    kWantsWrite,  ///< nothing moved: try again when the socket is writable
    kClosed,      ///< the peer closed its side in an orderly way (reads only)
    kFailed,      ///< the connection is broken
  };
  Status status;
  std::size_t bytes = 0;

  [[nodiscard]] bool would_block() const {
    return status == Status::kWantsRead || status == Status::kWantsWrite;
  }
};

/// One connected, non-blocking socket, plain or under TLS. Owns the descriptor.
/// Used by one thread at a time: the I/O thread, or the worker that holds the request.
/// Callers have SIGPIPE blocked or ignored.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Goes on with the handshake; kProgress when it is complete (at once for plain sockets).
  virtual IoResult handshake() = 0;
  virtual IoResult read(char* into, std::size_t count) = 0;
  /// Sends a prefix of `first` followed by `second`. REQUIRES: not both empty.
  virtual IoResult write(std::string_view first, std::string_view second) = 0;
  /// Sends at most `count` bytes of `file` from `offset`.
  virtual IoResult send_file(int file, std::uint64_t offset, std::size_t count) = 0;
  /// Ends our side: the peer reads end of file after what was sent.
  virtual void shut_down_writing() = 0;

  [[nodiscard]] virtual int descriptor() const = 0;
  [[nodiscard]] virtual bool is_tls() const = 0;
};

/// `socket` is connected and non-blocking.
std::unique_ptr<Transport> plain_transport(FileDescriptor socket);

/// Waits until `result` says to try again, at most until `deadline`. False: timed out, or the
/// socket is in error. REQUIRES: result.would_block().
bool wait_until_ready(const Transport& transport, IoResult result,
                      std::chrono::steady_clock::time_point deadline);

}  // namespace statehouse
