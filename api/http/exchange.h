#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "api/http/message.h"
#include "api/http/request_assembler.h"
#include "api/http/transport.h"

namespace statehouse {

using SteadyTime = std::chrono::steady_clock::time_point;

/// Names one connection for as long as the server lives; never reused.
using ConnectionId = std::uint64_t;

class Mailbox;

/// What is still to be sent of a response whose length is known: head, then body or file.
struct Output {
  std::string head;
  std::string body;
  FileBody file;
  std::uint64_t head_sent = 0;
  std::uint64_t body_sent = 0;
  std::uint64_t file_sent = 0;

  [[nodiscard]] bool done() const {
    return head_sent == head.size() && body_sent == body.size() && file_sent == file.size;
  }

  /// Sends until done, blocked, failed, or about `slice_bytes` are out. `total` counts bytes.
  /// kProgress: done, or the slice is used up.
  IoResult advance(Transport& transport, std::uint64_t slice_bytes, std::uint64_t& total);
};

/// One request on its way through a worker. Owned by exactly one side at a time: made by the I/O
/// thread, held by a worker, handed back. The connection, and so `transport`, outlives it.
struct Exchange {
  /// What the worker has to do next.
  enum class Task { kAnswer, kResume, kWrite };

  /// What the worker says when it hands the exchange back.
  enum class Outcome {
    kFinished,   ///< answered; the connection may carry the next request
    kClose,      ///< answered or broken; close the connection
    kBlocked,    ///< `output` waits until the socket is writable
    kSliceUsed,  ///< `output` can go on, but others had to wait long enough
    kParked,     ///< `parking` waits for its wake
    kAbort,      ///< cut in the middle; reset the connection so that nobody takes it for the end
  };

  Exchange(ConnectionId connection_id, Transport& used, AssembledRequest request)
      : connection(connection_id), transport(used), assembled(std::move(request)) {}

  ConnectionId connection;
  Transport& transport;
  AssembledRequest assembled;
  Task task = Task::kAnswer;
  std::weak_ptr<Mailbox> mailbox;  ///< where the wake of this exchange's parking goes

  std::shared_ptr<Parking> parking;
  std::shared_ptr<void> subscription;  ///< see Parking::subscribe
  WakeReason wake_reason = WakeReason::kWoken;

  Output output;
  bool close_after = false;
  std::uint64_t bytes_sent = 0;
};

}  // namespace statehouse
