#include "api/http/acceptor.h"

#include <fcntl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace statehouse {

namespace {

constexpr std::chrono::milliseconds kPauseMin{10};
constexpr std::chrono::milliseconds kPauseMax{1000};
constexpr std::chrono::seconds kLogInterval{1};
/// Errors of single connections taken in a row before other work gets its turn.
constexpr int kConnectionErrorsMax = 64;

int accept_socket(int listening_fd) {
  return ::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
}

FileDescriptor open_reserve() { return FileDescriptor(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

/// Errors that accept(2) passes on from the new connection; the next one may be fine.
bool concerns_one_connection(int error) {
  switch (error) {
    case ECONNABORTED:
    case EINTR:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case EOPNOTSUPP:
    case ENETUNREACH:
    case ETIMEDOUT:
      return true;
    default:
      return false;
  }
}

}  // namespace

Acceptor::Acceptor(std::vector<Listener> listeners, AcceptFunction accept, const LogLine& log,
                   HttpMetrics& metrics)
    : listeners_(std::move(listeners)),
      accept_(accept ? std::move(accept) : accept_socket),
      log_(log),
      metrics_(metrics),
      reserve_(open_reserve()) {}

std::optional<Acceptor::Accepted> Acceptor::accept(std::size_t index, SteadyTime now) {
  if (index >= listeners_.size() || (paused_until_ && now < *paused_until_)) return std::nullopt;
  const Listener& listener = listeners_[index];
  for (int errors = 0; errors < kConnectionErrorsMax; ++errors) {
    const int socket = accept_(listener.descriptor());
    if (socket >= 0) {
      pause_ = std::chrono::milliseconds(0);
      ++metrics_.connections_accepted;
      return Accepted{FileDescriptor(socket), listener.kind()};
    }
    const int error = errno;
    if (error == EAGAIN || error == EWOULDBLOCK) return std::nullopt;
    failed(error, listener.descriptor(), now);
    if (!concerns_one_connection(error)) return std::nullopt;
  }
  return std::nullopt;
}

void Acceptor::failed(int error, int listening_fd, SteadyTime now) {
  ++metrics_.accept_errors;
  if (log_ && (!logged_ || now - *logged_ >= kLogInterval)) {
    logged_ = now;
    log_(std::string("warning accepting a connection: ") + ::strerrordesc_np(error));
  }
  if (concerns_one_connection(error)) return;
  if (error == EMFILE || error == ENFILE) {
    out_of_descriptors_ = true;
    reserve_.reset();
    const FileDescriptor refused(accept_socket(listening_fd));
    reserve_ = open_reserve();
  }
  pause_ = std::clamp(pause_ * 2, kPauseMin, kPauseMax);
  paused_until_ = now + pause_;
}

}  // namespace statehouse
