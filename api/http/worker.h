#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "api/http/dispatcher.h"
#include "api/http/exchange.h"
#include "api/http/metrics.h"
#include "api/http/stream.h"
#include "crypto/base/clock.h"

namespace statehouse {

/// Limits on how a client takes a response.
struct WriteLimits {
  std::chrono::milliseconds stall_max{0};   ///< without a byte of progress
  std::chrono::milliseconds rate_grace{0};  ///< before the average is judged
  std::uint64_t bytes_per_second_min = 0;

  /// True when `bytes` since `start` are too few by `now`.
  [[nodiscard]] bool too_slow(SteadyTime start, SteadyTime now, std::uint64_t bytes) const;
};

/// What a worker does with one exchange: answer, resume or go on writing. One per worker thread.
class ExchangeRunner {
 public:
  ExchangeRunner(const Dispatcher& dispatcher, const WriteLimits& limits, const Clock& clock,
                 HttpMetrics& metrics)
      : dispatcher_(dispatcher), limits_(limits), metrics_(metrics), renderer_(clock) {}

  /// Never throws. Blocks only in handlers and in streaming responses.
  Exchange::Outcome run(Exchange& exchange);

 private:
  Exchange::Outcome respond(Exchange& exchange, HttpResponse response);
  Exchange::Outcome park(Exchange& exchange, std::shared_ptr<Parking> parking);
  Exchange::Outcome stream(Exchange& exchange, const HttpResponse& response,
                           const StreamProducer& producer);
  Exchange::Outcome write(Exchange& exchange);

  const Dispatcher& dispatcher_;
  const WriteLimits& limits_;
  HttpMetrics& metrics_;
  ResponseRenderer renderer_;
};

/// A fixed set of threads that take exchanges in order and hand each back with its outcome.
class WorkerPool {
 public:
  /// Makes what one thread uses; called on that thread, destroyed there.
  using RunnerFactory = std::function<std::unique_ptr<ExchangeRunner>()>;
  /// Called on a worker with the exchange it has done.
  using HandBack = std::function<void(std::unique_ptr<Exchange>, Exchange::Outcome)>;

  /// SIGPIPE is blocked in the threads, so that writing to a closed socket is just an error.
  WorkerPool(std::size_t threads, RunnerFactory runner, HandBack hand_back);
  ~WorkerPool() { stop(); }
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  void submit(std::unique_ptr<Exchange> exchange);
  [[nodiscard]] std::size_t queue_length() const;

  /// Lets running exchanges end and drops queued ones. Blocks.
  void stop();

 private:
  void work();

  const RunnerFactory runner_;
  const HandBack hand_back_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Exchange>> queue_;  // guarded by mutex_
  bool stopping_ = false;                        // guarded by mutex_
  std::vector<std::thread> threads_;
};

/// Blocks SIGPIPE in the calling thread.
void block_sigpipe();

}  // namespace statehouse
