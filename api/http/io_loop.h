#pragma once

#include <sys/epoll.h>

#include <array>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "api/http/acceptor.h"
#include "api/http/connection.h"
#include "api/http/mailbox.h"
#include "api/http/metrics.h"
#include "api/http/server.h"
#include "api/http/stream.h"
#include "api/http/tls.h"
#include "api/http/worker.h"

namespace statehouse {

/// The I/O thread: holds every connection in epoll, assembles requests, hands complete ones to the
/// workers and takes the connections back. Never runs a handler, never waits for a client.
/// Refusals by form (400, 408, 413…) it answers itself.
class IoLoop {
 public:
  /// Everything outlives the loop. `submit` and `queue_length` reach the workers of a lane.
  struct Parts {
    const HttpServerOptions& options;
    const AssemblerContext& assembling;
    const WriteLimits& write_limits;
    const TlsContext* tls;  ///< null: TCP is plain
    const Clock& clock;
    HttpMetrics& metrics;
    std::shared_ptr<Mailbox> mailbox;
    std::function<void(Lane, std::unique_ptr<Exchange>)> submit;
    std::function<std::size_t(Lane)> queue_length;
  };

  /// Errors: kUnavailable (no descriptor left).
  static Result<std::unique_ptr<IoLoop>> create(Parts parts, std::vector<Listener> listeners);

  /// Runs until `Mail::stop`. Connections that workers still hold live on until destruction.
  void run();

  /// Blocks until no connection is left, at most `wait_max`; true when none is. Any thread.
  /// REQUIRES: a drain was posted.
  bool wait_until_empty(std::chrono::milliseconds wait_max);

 private:
  using State = Connection::State;

  IoLoop(Parts parts, std::vector<Listener> listeners, FileDescriptor epoll);

  Result<> watch(int descriptor, std::uint64_t id, std::uint32_t events);
  void handle(const epoll_event& event);
  void handle_connection(Connection& connection, std::uint32_t events);

  void accept_from(std::size_t index);
  void admit(Acceptor::Accepted accepted);
  Result<> adopt(Acceptor::Accepted accepted);
  bool make_room();
  void pause_or_resume_accepting();

  void pump(Connection& connection);
  void shake_hands(Connection& connection);
  void read_requests(Connection& connection);
  bool read_some(Connection& connection);
  void feed(Connection& connection, std::string_view bytes);
  void body_progress(Connection& connection);
  void hand_over(Connection& connection);
  void submit(Connection& connection, Lane lane, std::unique_ptr<Exchange> exchange);
  void refuse(Connection& connection, HttpResponse response);

  void read_mail();
  void handed_back(std::unique_ptr<Exchange> exchange, Exchange::Outcome outcome);
  void next_request(Connection& connection);
  void wait_for_client(Connection& connection, std::unique_ptr<Exchange> exchange);
  void write_more(Connection& connection);
  void parked(Connection& connection, std::unique_ptr<Exchange> exchange);
  void resume(Connection& connection, WakeReason reason);
  void count_sent(Connection& connection, const Exchange& exchange);

  void become_idle(Connection& connection);
  void linger(Connection& connection);
  void close(Connection& connection);
  void sweep();
  void expired(Connection& connection);
  void body_expired(Connection& connection);
  void begin_drain();
  void abandon_busy();

  Connection* find(ConnectionId id);

  const Parts parts_;
  const FileDescriptor epoll_;
  Acceptor acceptor_;
  ResponseRenderer renderer_;
  const std::chrono::milliseconds sweep_interval_;
  std::unordered_map<ConnectionId, std::unique_ptr<Connection>> connections_;
  std::list<Connection*> idle_;     // kIdle, longest idle first
  std::list<Connection*> reading_;  // kHandshake and kReading, oldest first
  std::vector<ConnectionId> runnable_;
  std::array<char, 64U << 10> scratch_{};
  SteadyTime now_;
  SteadyTime next_sweep_;
  ConnectionId next_id_;
  bool accepting_paused_ = false;
  bool draining_ = false;
  bool stopped_ = false;

  std::mutex empty_mutex_;
  std::condition_variable empty_;
  bool is_empty_ = false;  // guarded by empty_mutex_
};

}  // namespace statehouse
