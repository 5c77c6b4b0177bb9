#include "api/http/io_loop.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "api/http/problem.h"

namespace statehouse {

namespace {

constexpr ConnectionId kMailboxId = 0;
constexpr ConnectionId kFirstListenerId = 1;
/// What one connection may receive before others get their turn.
constexpr std::size_t kReadSliceBytes = 256U << 10;
constexpr int kAcceptsPerTurnMax = 64;
constexpr int kEventsMax = 256;
constexpr std::chrono::milliseconds kSweepIntervalMin{10};
constexpr std::chrono::milliseconds kSweepIntervalMax{250};
constexpr std::chrono::seconds kRateCheckInterval{1};
constexpr std::uint32_t kConnectionEvents = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";

std::chrono::milliseconds sweep_interval(const HttpServerOptions& options) {
  const auto shortest = std::min({options.header_deadline, options.idle_max,
                                  options.write_stall_max, options.linger_max, options.rate_grace});
  return std::clamp(shortest / 4, kSweepIntervalMin, kSweepIntervalMax);
}

}  // namespace

Result<std::unique_ptr<IoLoop>> IoLoop::create(Parts parts, std::vector<Listener> listeners) {
  FileDescriptor epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return std::unexpected(errno_error("creating an epoll descriptor", errno));
  std::unique_ptr<IoLoop> loop(
      new IoLoop(std::move(parts), std::move(listeners), std::move(epoll)));
  TRY(loop->watch(loop->parts_.mailbox->descriptor(), kMailboxId, EPOLLIN));
  const auto& listening = loop->acceptor_.listeners();
  for (std::size_t i = 0; i < listening.size(); ++i) {
    TRY(loop->watch(listening[i].descriptor(), kFirstListenerId + i, EPOLLIN));
  }
  return loop;
}

IoLoop::IoLoop(Parts parts, std::vector<Listener> listeners, FileDescriptor epoll)
    : parts_(std::move(parts)),
      epoll_(std::move(epoll)),
      acceptor_(std::move(listeners), parts_.options.accept, parts_.options.log, parts_.metrics),
      renderer_(parts_.clock),
      sweep_interval_(sweep_interval(parts_.options)),
      now_(std::chrono::steady_clock::now()),
      next_sweep_(now_ + sweep_interval_),
      next_id_(kFirstListenerId + acceptor_.listeners().size()) {}

Result<> IoLoop::watch(int descriptor, std::uint64_t id, std::uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return std::unexpected(errno_error("watching a socket", errno));
  }
  return {};
}

void IoLoop::run() {
  block_sigpipe();
  std::array<epoll_event, kEventsMax> events;
  while (!stopped_) {
    const int timeout = runnable_.empty() ? static_cast<int>(sweep_interval_.count()) : 0;
    const int count = ::epoll_wait(epoll_.get(), events.data(), kEventsMax, timeout);
    now_ = std::chrono::steady_clock::now();
    for (int i = 0; i < count; ++i) handle(events.at(static_cast<std::size_t>(i)));
    for (const ConnectionId id : std::exchange(runnable_, {})) {
      if (Connection* connection = find(id)) pump(*connection);
    }
    if (now_ >= next_sweep_) sweep();
    if (draining_ && connections_.empty()) {
      const std::scoped_lock lock(empty_mutex_);
      is_empty_ = true;
      empty_.notify_all();
    }
  }
  abandon_busy();
}

bool IoLoop::wait_until_empty(std::chrono::milliseconds wait_max) {
  std::unique_lock lock(empty_mutex_);
  return empty_.wait_for(lock, wait_max, [this] { return is_empty_; });
}

Connection* IoLoop::find(ConnectionId id) {
  const auto found = connections_.find(id);
  return found == connections_.end() ? nullptr : found->second.get();
}

void IoLoop::handle(const epoll_event& event) {
  const ConnectionId id = event.data.u64;
  if (id == kMailboxId) {
    read_mail();
  } else if (id - kFirstListenerId < acceptor_.listeners().size()) {
    accept_from(id - kFirstListenerId);
  } else if (Connection* connection = find(id)) {
    handle_connection(*connection, event.events);
  }
}

void IoLoop::handle_connection(Connection& connection, std::uint32_t events) {
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  if ((events & (EPOLLIN | EPOLLRDHUP)) != 0 || broken) connection.readable = true;
  // Under TLS a write may wait for a read (RFC 8446 key updates), so that any edge counts.
  if ((events & EPOLLOUT) != 0 || broken || connection.transport->is_tls()) {
    connection.writable = true;
  }
  if ((events & EPOLLRDHUP) != 0 || broken) {
    connection.peer_closed = true;
    if (connection.presence) connection.presence->set_gone();
  }
  pump(connection);
}

// Accepting.

void IoLoop::accept_from(std::size_t index) {
  for (int i = 0; i < kAcceptsPerTurnMax; ++i) {
    auto accepted = acceptor_.accept(index, now_);
    if (!accepted) break;
    admit(*std::move(accepted));
  }
  if (acceptor_.take_out_of_descriptors()) make_room();
  pause_or_resume_accepting();
}

/// Listeners are level-triggered: while accepting is paused they must not wake us.
void IoLoop::pause_or_resume_accepting() {
  const auto until = acceptor_.paused_until();
  const bool pause = until && now_ < *until;
  if (pause == accepting_paused_) return;
  accepting_paused_ = pause;
  if (!pause) acceptor_.resume();
  const auto& listeners = acceptor_.listeners();
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    epoll_event event{};
    event.events = pause ? 0U : static_cast<std::uint32_t>(EPOLLIN);
    event.data.u64 = kFirstListenerId + i;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, listeners[i].descriptor(), &event);
  }
}

void IoLoop::admit(Acceptor::Accepted accepted) {
  if (connections_.size() >= parts_.options.connections_max && !make_room()) {
    ++parts_.metrics.connections_shed;
    return;
  }
  // A client that left already, or a stranger on the control socket: the socket is just closed.
  static_cast<void>(adopt(std::move(accepted)));
}

Result<> IoLoop::adopt(Acceptor::Accepted accepted) {
  auto connection = std::make_unique<Connection>();
  connection->peer = TRY(peer_of(accepted.socket.get(), accepted.kind));
  connection->id = next_id_++;
  const bool tls = parts_.tls != nullptr && accepted.kind == Listener::Kind::kTcp;
  connection->peer.is_tls = tls;
  if (tls) {
    connection->transport = TRY(parts_.tls->accept(std::move(accepted.socket)));
  } else {
    connection->transport = plain_transport(std::move(accepted.socket));
  }
  TRY(watch(connection->transport->descriptor(), connection->id, kConnectionEvents));
  Connection& kept = *connection;
  connections_.emplace(kept.id, std::move(connection));
  ++parts_.metrics.connections_open;
  if (!tls) {
    become_idle(kept);
    return {};
  }
  kept.state = State::kHandshake;
  kept.deadline = now_ + parts_.options.header_deadline;
  kept.enter(&reading_);
  return {};
}

/// Closes the connection that has been idle longest, or else the one that has been sending its
/// request longest. False: all are in work.
bool IoLoop::make_room() {
  if (idle_.empty() && reading_.empty()) return false;
  ++parts_.metrics.connections_shed;
  close(*(idle_.empty() ? reading_ : idle_).front());
  return true;
}

// Reading.

void IoLoop::pump(Connection& connection) {
  switch (connection.state) {
    case State::kHandshake:
      return shake_hands(connection);
    case State::kIdle:
    case State::kReading:
      return read_requests(connection);
    case State::kWriting:
      if (connection.writable) write_more(connection);
      return;
    case State::kParked:
    case State::kLingering:
      if (connection.peer_closed) close(connection);
      return;
    case State::kBusy:
      return;
  }
}

void IoLoop::shake_hands(Connection& connection) {
  const IoResult result = connection.transport->handshake();
  if (result.would_block()) return;
  if (result.status != IoResult::Status::kProgress) {
    ++parts_.metrics.tls_handshakes_failed;
    return close(connection);
  }
  if (draining_) return close(connection);
  become_idle(connection);
  read_requests(connection);
}

/// Reads until a request is complete, nothing is left, or the slice is used up.
/// `connection` may be closed afterwards.
void IoLoop::read_requests(Connection& connection) {
  const ConnectionId id = connection.id;
  for (std::size_t received = 0; received < kReadSliceBytes; received += scratch_.size()) {
    if (!read_some(connection)) return;
    if (find(id) == nullptr) return;
    if (connection.state != State::kIdle && connection.state != State::kReading) return;
  }
  runnable_.push_back(id);
}

/// False when there is nothing more to read now, or the connection was closed.
bool IoLoop::read_some(Connection& connection) {
  if (!connection.input.empty()) {
    const std::string input = std::exchange(connection.input, {});
    feed(connection, input);
    return true;
  }
  if (!connection.readable) return false;
  const IoResult result = connection.transport->read(scratch_.data(), scratch_.size());
  if (result.would_block()) {
    connection.readable = false;
    return false;
  }
  if (result.status != IoResult::Status::kProgress) {
    close(connection);
    return false;
  }
  parts_.metrics.bytes_received += result.bytes;
  feed(connection, {scratch_.data(), result.bytes});
  return true;
}

void IoLoop::feed(Connection& connection, std::string_view bytes) {
  if (connection.state == State::kIdle) {
    connection.state = State::kReading;
    connection.assembler = std::make_unique<RequestAssembler>(parts_.assembling, connection.peer);
    connection.deadline = now_ + parts_.options.header_deadline;
    connection.in_body = false;
    connection.enter(&reading_);
  }
  const std::size_t used = connection.assembler->feed(bytes);
  switch (connection.assembler->state()) {
    case RequestAssembler::State::kHead:
      return;
    case RequestAssembler::State::kBody:
      return body_progress(connection);
    case RequestAssembler::State::kComplete:
      connection.input.assign(bytes.substr(used));
      return hand_over(connection);
    case RequestAssembler::State::kRefused:
      ++parts_.metrics.requests_refused;
      return refuse(connection, connection.assembler->take_refusal());
  }
}

void IoLoop::body_progress(Connection& connection) {
  if (!connection.in_body) {
    connection.in_body = true;
    connection.since = now_;
    connection.deadline = now_ + parts_.options.rate_grace;
  }
  if (!connection.assembler->take_continue()) return;
  const IoResult sent = connection.transport->write(kContinue, {});
  // 25 bytes always fit into the buffer of a client that reads its answers.
  if (sent.bytes != kContinue.size()) close(connection);
}

void IoLoop::hand_over(Connection& connection) {
  AssembledRequest request = connection.assembler->take_request();
  connection.assembler.reset();
  if (draining_) request.keep_alive = false;
  const Lane lane = request.lane;
  if (parts_.queue_length(lane) >= parts_.options.queue_length_max) {
    ++parts_.metrics.requests_overloaded;
    return refuse(connection, problem(503, ErrorCode::kUnavailable,
                                      "answering the request: the server is busy"));
  }
  connection.presence = request.request.presence;
  if (connection.peer_closed) connection.presence->set_gone();
  connection.woken = false;
  connection.bytes_counted = 0;
  auto exchange =
      std::make_unique<Exchange>(connection.id, *connection.transport, std::move(request));
  exchange->mailbox = parts_.mailbox;
  ++parts_.metrics.requests_running;
  submit(connection, lane, std::move(exchange));
}

void IoLoop::submit(Connection& connection, Lane lane, std::unique_ptr<Exchange> exchange) {
  connection.state = State::kBusy;
  connection.deadline = SteadyTime::max();
  connection.enter(nullptr);
  parts_.submit(lane, std::move(exchange));
}

/// Answers without a worker and closes. What the client still sends stays unread: it sees our end
/// of file, and gets `linger_max` to read the answer before the connection is torn down.
void IoLoop::refuse(Connection& connection, HttpResponse response) {
  ++parts_.metrics.responses_by_class.at(static_cast<std::size_t>(response.status()) / 100 % 6);
  const auto body = std::get<std::string>(response.take_body());
  const std::string head =
      renderer_.head(Method::kGet, response, body.size(), After::kClose, false);
  const IoResult sent = connection.transport->write(head, body);
  parts_.metrics.bytes_sent += sent.bytes;
  linger(connection);
}

// Taking connections back.

void IoLoop::read_mail() {
  Mail mail = parts_.mailbox->take();
  for (Mail::HandedBack& letter : mail.handed_back) {
    handed_back(std::move(letter.exchange), letter.outcome);
  }
  for (const ConnectionId id : mail.woken) {
    Connection* connection = find(id);
    if (connection == nullptr) continue;
    connection->woken = true;
    if (connection->state == State::kParked) resume(*connection, WakeReason::kWoken);
  }
  if (mail.drain) begin_drain();
  stopped_ = stopped_ || mail.stop;
}

void IoLoop::count_sent(Connection& connection, const Exchange& exchange) {
  parts_.metrics.bytes_sent += exchange.bytes_sent - connection.bytes_counted;
  connection.bytes_counted = exchange.bytes_sent;
}

void IoLoop::handed_back(std::unique_ptr<Exchange> exchange, Exchange::Outcome outcome) {
  Connection* found = find(exchange->connection);
  STATEHOUSE_ASSERT(found != nullptr && found->state == State::kBusy);
  Connection& connection = *found;
  connection.state = State::kIdle;  // ours again; what follows decides
  count_sent(connection, *exchange);
  switch (outcome) {
    case Exchange::Outcome::kBlocked:
      return wait_for_client(connection, std::move(exchange));
    case Exchange::Outcome::kSliceUsed:
      connection.exchange = std::move(exchange);
      return write_more(connection);
    case Exchange::Outcome::kParked:
      return parked(connection, std::move(exchange));
    case Exchange::Outcome::kFinished:
    case Exchange::Outcome::kClose:
    case Exchange::Outcome::kAbort:
      break;
  }
  --parts_.metrics.requests_running;
  exchange.reset();
  connection.presence.reset();
  if (outcome == Exchange::Outcome::kAbort) {
    const struct ::linger reset{1, 0};
    ::setsockopt(connection.transport->descriptor(), SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    return close(connection);
  }
  if (outcome == Exchange::Outcome::kClose || draining_) return linger(connection);
  next_request(connection);
}

void IoLoop::next_request(Connection& connection) {
  become_idle(connection);
  if (!connection.input.empty() || connection.readable) read_requests(connection);
}

void IoLoop::wait_for_client(Connection& connection, std::unique_ptr<Exchange> exchange) {
  if (exchange->task != Exchange::Task::kWrite) connection.since = now_;
  if (parts_.write_limits.too_slow(connection.since, now_, exchange->bytes_sent)) {
    ++parts_.metrics.connections_timed_out;
    --parts_.metrics.requests_running;
    return close(connection);
  }
  connection.state = State::kWriting;
  connection.deadline = now_ + parts_.options.write_stall_max;
  connection.exchange = std::move(exchange);
  if (connection.writable) write_more(connection);
}

void IoLoop::write_more(Connection& connection) {
  connection.writable = false;
  if (connection.exchange->task != Exchange::Task::kWrite) connection.since = now_;
  connection.exchange->task = Exchange::Task::kWrite;
  submit(connection, Lane::kQuick, std::move(connection.exchange));
}

void IoLoop::parked(Connection& connection, std::unique_ptr<Exchange> exchange) {
  ++parts_.metrics.responses_parked;
  connection.state = State::kParked;
  connection.deadline = now_ + exchange->parking->wait_max;
  connection.exchange = std::move(exchange);
  if (connection.peer_closed) return close(connection);
  if (connection.woken) return resume(connection, WakeReason::kWoken);
  if (draining_) return resume(connection, WakeReason::kDraining);
}

void IoLoop::resume(Connection& connection, WakeReason reason) {
  --parts_.metrics.responses_parked;
  connection.exchange->task = Exchange::Task::kResume;
  connection.exchange->wake_reason = reason;
  const Lane lane = connection.exchange->assembled.lane;
  submit(connection, lane, std::move(connection.exchange));
}

// Ends and time.

void IoLoop::become_idle(Connection& connection) {
  connection.state = State::kIdle;
  connection.deadline = now_ + parts_.options.idle_max;
  connection.enter(&idle_);
}

void IoLoop::linger(Connection& connection) {
  connection.assembler.reset();
  connection.input = std::string();
  connection.transport->shut_down_writing();
  if (connection.peer_closed) return close(connection);
  connection.state = State::kLingering;
  connection.deadline = now_ + parts_.options.linger_max;
  connection.enter(nullptr);
}

/// REQUIRES: no worker holds it.
void IoLoop::close(Connection& connection) {
  STATEHOUSE_ASSERT(connection.state != State::kBusy);
  if (connection.state == State::kParked) --parts_.metrics.responses_parked;
  if (connection.exchange) --parts_.metrics.requests_running;
  connection.enter(nullptr);
  --parts_.metrics.connections_open;
  connections_.erase(connection.id);
}

void IoLoop::sweep() {
  next_sweep_ = now_ + sweep_interval_;
  pause_or_resume_accepting();
  std::vector<Connection*> due;
  for (const auto& [id, connection] : connections_) {
    if (connection->deadline <= now_) due.push_back(connection.get());
  }
  for (Connection* connection : due) expired(*connection);
}

void IoLoop::expired(Connection& connection) {
  switch (connection.state) {
    case State::kParked:
      return resume(connection, WakeReason::kTimeout);
    case State::kReading:
      if (connection.in_body) return body_expired(connection);
      ++parts_.metrics.connections_timed_out;
      return refuse(connection, problem(408, ErrorCode::kUnavailable,
                                        "reading the request: its header took too long"));
    case State::kHandshake:
    case State::kIdle:
    case State::kWriting:
      ++parts_.metrics.connections_timed_out;
      return close(connection);
    case State::kLingering:
      return close(connection);
    case State::kBusy:
      return;
  }
}

void IoLoop::body_expired(Connection& connection) {
  if (!parts_.write_limits.too_slow(connection.since, now_, connection.assembler->body_bytes())) {
    connection.deadline = now_ + kRateCheckInterval;
    return;
  }
  ++parts_.metrics.connections_timed_out;
  refuse(connection,
         problem(408, ErrorCode::kUnavailable, "reading the request: its body comes too slowly"));
}

void IoLoop::begin_drain() {
  draining_ = true;
  acceptor_.close();
  while (!idle_.empty()) close(*idle_.front());
  std::vector<Connection*> waiting;
  for (const auto& [id, connection] : connections_) {
    if (connection->state == State::kParked) waiting.push_back(connection.get());
  }
  for (Connection* connection : waiting) resume(*connection, WakeReason::kDraining);
}

/// Unblocks workers that wait for their clients. The connections themselves go with the loop.
void IoLoop::abandon_busy() {
  acceptor_.close();
  for (const auto& [id, connection] : connections_) {
    if (connection->presence) connection->presence->set_gone();
    ::shutdown(connection->transport->descriptor(), SHUT_RDWR);
  }
}

}  // namespace statehouse
