#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace statehouse {

/// Counters of the HTTP front end. Threads: any; read them one by one, they are not a snapshot.
struct HttpMetrics {
  std::atomic<std::uint64_t> connections_accepted{0};
  std::atomic<std::uint64_t> connections_open{0};       ///< gauge
  std::atomic<std::uint64_t> connections_shed{0};       ///< closed to make room
  std::atomic<std::uint64_t> connections_timed_out{0};  ///< idle, slow header, slow body, stalled
  std::atomic<std::uint64_t> accept_errors{0};
  std::atomic<std::uint64_t> tls_handshakes_failed{0};

  std::array<std::atomic<std::uint64_t>, 6> responses_by_class{};  ///< [2] counts 2xx
  std::atomic<std::uint64_t> requests_refused{0};     ///< bad syntax or over a limit, never routed
  std::atomic<std::uint64_t> requests_overloaded{0};  ///< 503, no room in the queue
  std::atomic<std::uint64_t> handler_exceptions{0};
  std::atomic<std::uint64_t> bytes_received{0};
  std::atomic<std::uint64_t> bytes_sent{0};
  std::atomic<std::uint64_t> requests_running{0};  ///< gauge: on a worker or queued for one
  std::atomic<std::uint64_t> responses_parked{0};  ///< gauge: long polls
};

}  // namespace statehouse
