#include "api/http/worker.h"

#include <csignal>
#include <utility>

#include "api/http/mailbox.h"

namespace statehouse {

namespace {

/// How much one exchange may send before others get the worker.
constexpr std::uint64_t kSliceBytes = 4U << 20;

After after_of(const Exchange& exchange) {
  return exchange.close_after ? After::kClose : After::kKeepAlive;
}

std::uint64_t body_bytes(const HttpResponse& response) {
  if (const auto* text = std::get_if<std::string>(&response.body())) return text->size();
  if (const auto* file = std::get_if<FileBody>(&response.body())) return file->size;
  return 0;
}

}  // namespace

bool WriteLimits::too_slow(SteadyTime start, SteadyTime now, std::uint64_t bytes) const {
  const auto elapsed = std::chrono::duration_cast<std::chrono::milliseconds>(now - start);
  if (elapsed <= rate_grace) return false;
  return bytes * 1000 < bytes_per_second_min * static_cast<std::uint64_t>(elapsed.count());
}

Exchange::Outcome ExchangeRunner::run(Exchange& exchange) {
  switch (exchange.task) {
    case Exchange::Task::kAnswer:
      exchange.close_after = !exchange.assembled.keep_alive;
      return respond(exchange, dispatcher_.dispatch(exchange.assembled.request));
    case Exchange::Task::kResume: {
      const auto parking = std::exchange(exchange.parking, nullptr);
      exchange.subscription.reset();
      if (exchange.wake_reason == WakeReason::kDraining) exchange.close_after = true;
      return respond(exchange, dispatcher_.resume(*parking, exchange.wake_reason));
    }
    case Exchange::Task::kWrite:
      return write(exchange);
  }
  STATEHOUSE_ASSERT(false);
}

Exchange::Outcome ExchangeRunner::respond(Exchange& exchange, HttpResponse response) {
  if (const auto* parking = std::get_if<std::shared_ptr<Parking>>(&response.body())) {
    return park(exchange, *parking);
  }
  const HttpRequest& request = exchange.assembled.request;
  ++metrics_.responses_by_class.at(static_cast<std::size_t>(response.status()) / 100 % 6);
  if (const auto* producer = std::get_if<StreamProducer>(&response.body())) {
    return stream(exchange, response, *producer);
  }
  // Clients that read slowly must not hold what they sent.
  exchange.assembled.request.body = RequestBody();
  exchange.assembled.request.body_share = BodyShare();
  exchange.output.head = renderer_.head(request.method, response, body_bytes(response),
                                        after_of(exchange), exchange.assembled.is_http_1_0);
  const bool bodiless =
      request.method == Method::kHead || response.status() == 204 || response.status() == 304;
  HttpResponse::Body body = response.take_body();
  if (auto* text = std::get_if<std::string>(&body); text != nullptr && !bodiless) {
    exchange.output.body = std::move(*text);
  } else if (auto* file = std::get_if<FileBody>(&body); file != nullptr && !bodiless) {
    exchange.output.file = std::move(*file);
  }
  return write(exchange);
}

Exchange::Outcome ExchangeRunner::park(Exchange& exchange, std::shared_ptr<Parking> parking) {
  exchange.parking = std::move(parking);
  const Result<> subscribed = dispatcher_.guard("parking a request", [&]() -> Result<> {
    exchange.subscription =
        exchange.parking->subscribe(make_wake(exchange.mailbox, exchange.connection));
    return {};
  });
  return subscribed ? Exchange::Outcome::kParked : Exchange::Outcome::kClose;
}

Exchange::Outcome ExchangeRunner::write(Exchange& exchange) {
  const IoResult result =
      exchange.output.advance(exchange.transport, kSliceBytes, exchange.bytes_sent);
  if (result.would_block()) return Exchange::Outcome::kBlocked;
  if (result.status != IoResult::Status::kProgress) return Exchange::Outcome::kClose;
  if (!exchange.output.done()) return Exchange::Outcome::kSliceUsed;
  return exchange.close_after ? Exchange::Outcome::kClose : Exchange::Outcome::kFinished;
}

Exchange::Outcome ExchangeRunner::stream(Exchange& exchange, const HttpResponse& response,
                                         const StreamProducer& producer) {
  if (exchange.assembled.is_http_1_0) exchange.close_after = true;
  auto blocked_for = SteadyTime::duration::zero();
  const auto write_blocking = [&](std::string_view bytes) {
    while (!bytes.empty()) {
      const IoResult result = exchange.transport.write(bytes, {});
      if (result.status == IoResult::Status::kProgress) {
        exchange.bytes_sent += result.bytes;
        bytes.remove_prefix(result.bytes);
        continue;
      }
      if (!result.would_block()) return false;
      // Only time spent waiting for the client counts against it, not the producer's.
      const SteadyTime before = std::chrono::steady_clock::now();
      if (!wait_until_ready(exchange.transport, result, before + limits_.stall_max)) return false;
      blocked_for += std::chrono::steady_clock::now() - before;
      if (limits_.too_slow(SteadyTime(), SteadyTime() + blocked_for, exchange.bytes_sent)) {
        return false;
      }
    }
    return true;
  };
  const auto guarded = [&](ResponseSink& sink) {
    return dispatcher_.guard("streaming a response", [&] { return producer(sink); });
  };
  const bool complete =
      renderer_.stream(exchange.assembled.request, response, guarded, write_blocking,
                       after_of(exchange), exchange.assembled.is_http_1_0);
  if (!complete) return Exchange::Outcome::kAbort;
  return exchange.close_after ? Exchange::Outcome::kClose : Exchange::Outcome::kFinished;
}

void block_sigpipe() {
  sigset_t signals;
  ::sigemptyset(&signals);
  ::sigaddset(&signals, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

WorkerPool::WorkerPool(std::size_t threads, RunnerFactory runner, HandBack hand_back)
    : runner_(std::move(runner)), hand_back_(std::move(hand_back)) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

void WorkerPool::submit(std::unique_ptr<Exchange> exchange) {
  {
    const std::scoped_lock lock(mutex_);
    queue_.push_back(std::move(exchange));
  }
  wake_.notify_one();
}

std::size_t WorkerPool::queue_length() const {
  const std::scoped_lock lock(mutex_);
  return queue_.size();
}

void WorkerPool::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    queue_.clear();
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

void WorkerPool::work() {
  block_sigpipe();
  const auto runner = runner_();
  while (true) {
    std::unique_ptr<Exchange> exchange;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      exchange = std::move(queue_.front());
      queue_.pop_front();
    }
    const Exchange::Outcome outcome = runner->run(*exchange);
    hand_back_(std::move(exchange), outcome);
  }
}

}  // namespace statehouse
