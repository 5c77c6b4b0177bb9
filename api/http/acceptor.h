#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "api/http/dispatcher.h"
#include "api/http/exchange.h"
#include "api/http/listener.h"
#include "api/http/metrics.h"
#include "crypto/base/error.h"

namespace statehouse {

/// accept4(2), replaceable by tests: returns a descriptor, or -1 with errno set.
using AcceptFunction = std::function<int(int listening_fd)>;

/// Accepts connections and outlives every error of accept(2): none of them closes a listener.
///
/// Errors of one connection (ECONNABORTED, EHOSTUNREACH…) are counted and the next is tried. Lack
/// of a resource (EMFILE, ENFILE, ENOBUFS, ENOMEM) and anything else pauses for 10 ms, doubling to
/// 1 s until one succeeds. A reserve descriptor lets it accept and close when descriptors ran
/// out, so that clients see a closed connection, not a hanging one. Logs at most once a second.
/// Used by the I/O thread only.
class Acceptor {
 public:
  Acceptor(std::vector<Listener> listeners, AcceptFunction accept, const LogLine& log,
           HttpMetrics& metrics);

  struct Accepted {
    FileDescriptor socket;
    Listener::Kind kind;
  };

  /// The next connection of listener `index`; nothing when none waits or accepting is paused.
  std::optional<Accepted> accept(std::size_t index, SteadyTime now);

  [[nodiscard]] const std::vector<Listener>& listeners() const { return listeners_; }
  /// While set, the listeners need not be polled until then.
  [[nodiscard]] std::optional<SteadyTime> paused_until() const { return paused_until_; }
  void resume() { paused_until_.reset(); }
  /// True once after descriptors ran out: the caller should close something idle.
  bool take_out_of_descriptors() { return std::exchange(out_of_descriptors_, false); }
  void close() { listeners_.clear(); }

 private:
  void failed(int error, int listening_fd, SteadyTime now);

  std::vector<Listener> listeners_;
  AcceptFunction accept_;
  const LogLine& log_;
  HttpMetrics& metrics_;
  FileDescriptor reserve_;
  std::optional<SteadyTime> paused_until_;
  std::chrono::milliseconds pause_{0};
  std::optional<SteadyTime> logged_;
  bool out_of_descriptors_ = false;
};

}  // namespace statehouse
