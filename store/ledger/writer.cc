#include "store/ledger/writer.h"

#include <algorithm>
#include <chrono>

#include "crypto/base/durable_step.h"
#include "crypto/checkpoint.h"
#include "store/ledger/batch.h"

namespace statehouse {

namespace {

/// WAL size at which its content is copied into the database: 16 MiB of 4 KiB pages. Small enough
/// for quick reads, large enough that the copy is rare.
constexpr std::uint64_t kWalPagesMax = 4096;

int on_wal(void* wal_pages, sqlite3* /*database*/, const char* /*name*/, int pages) {
  static_cast<std::atomic<std::uint64_t>*>(wal_pages)->store(static_cast<std::uint64_t>(pages));
  return SQLITE_OK;
}

Error outcome_unknown(const Error& cause) {
  return Error{ErrorCode::kInternal,
               "committing to the ledger: the outcome is unknown until restart: " + cause.message,
               "restart the server; undo nothing"};
}

Error stopped_after(const Error& cause) {
  return Error{ErrorCode::kUnavailable,
               "the ledger stopped writing and waits for a restart: " + cause.message,
               "restart the server"};
}

Error nothing_written(const Error& cause) {
  return Error{ErrorCode::kUnavailable, "committing to the ledger: " + cause.message, cause.fix};
}

}  // namespace

LedgerWriter::LedgerWriter(std::unique_ptr<LedgerConnection> connection,
                           const LedgerOptions& options, NoteSigner signer, StartReport start,
                           std::optional<HighWaterFile> high_water, PublishedTree& published)
    : options_(options),
      signer_(std::move(signer)),
      published_(published),
      connection_(std::move(connection)),
      tree_(std::move(start.tree)),
      high_water_(std::move(high_water)),
      last_entry_ms_(start.last_entry_time.unix_ms()) {
  sqlite3_wal_hook(connection_->database.handle(), on_wal, &wal_pages_);
  thread_ = std::thread([this] { loop(); });
}

LedgerWriter::~LedgerWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
}

Result<> LedgerWriter::run(JobFunction function) {
  STATEHOUSE_ASSERT(std::this_thread::get_id() != thread_.get_id());
  auto job = std::make_unique<Job>();
  job->function = std::move(function);
  std::future<Result<>> answer = job->answer.get_future();
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return std::unexpected(*stopped_);
    if (ending_) return unavailable("the ledger is shutting down");
    queue_.push_back(std::move(job));
  }
  wake_.notify_one();
  return answer.get();
}

void LedgerWriter::stop(Error reason) {
  const std::lock_guard lock(mutex_);
  if (!stopped_) stopped_ = std::move(reason);
}

std::optional<Error> LedgerWriter::stopped() const {
  const std::lock_guard lock(mutex_);
  return stopped_;
}

std::uint64_t LedgerWriter::jobs_waiting() const {
  const std::lock_guard lock(mutex_);
  return queue_.size();
}

std::uint64_t LedgerWriter::wal_pages() const { return wal_pages_.load(); }

void LedgerWriter::loop() {
  while (true) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [&] { return ending_ || !queue_.empty(); });
    if (ending_ || stopped_) {
      const Error reason =
          stopped_ ? *stopped_ : Error{ErrorCode::kUnavailable, "the ledger is shutting down", ""};
      for (auto& job : queue_) job->answer.set_value(std::unexpected(reason));
      queue_.clear();
      if (ending_) return;
      continue;
    }
    std::unique_ptr<Job> first = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    run_batch(std::move(first));
  }
}

std::unique_ptr<LedgerWriter::Job> LedgerWriter::take_job() {
  const std::lock_guard lock(mutex_);
  if (queue_.empty() || ending_) return nullptr;
  std::unique_ptr<Job> job = std::move(queue_.front());
  queue_.pop_front();
  return job;
}

void LedgerWriter::run_batch(std::unique_ptr<Job> first) {
  Jobs jobs;
  const auto time = batch_time();
  const Result<> begun =
      time ? connection_->statements.begin_write.run() : Result<>(std::unexpected(time.error()));
  if (!begun) {
    jobs.push_back(std::move(first));
    return answer(jobs, std::unexpected(nothing_written(begun.error())));
  }
  LedgerBatch batch(connection_->statements, options_.origin, options_.epoch, options_.entropy,
                    *time, tree_.size());
  Result<> common = run_jobs(batch, std::move(first), jobs);
  const bool any = std::ranges::any_of(jobs, [](const auto& job) { return bool{job->outcome}; });
  if (common && any) common = commit(batch);
  const Result<> cleaned = roll_back();
  if (!cleaned) stop(stopped_after(cleaned.error()));
  answer(jobs, common);
  checkpoint_wal();
}

Result<Timestamp> LedgerWriter::batch_time() const {
  const Timestamp now = options_.clock.now();
  const Timestamp last = Timestamp::from_unix_ms(last_entry_ms_.load());
  if (now + options_.clock_tolerance < last) {
    return unavailable("the clock is behind: it says " + now.rfc3339() + ", the last entry is of " +
                           last.rfc3339(),
                       "set the clock right");
  }
  return std::max(now, last);
}

std::optional<LedgerWriter::ClockProblem> LedgerWriter::clock_problem() {
  const Result<Timestamp> time = batch_time();
  const std::lock_guard lock(mutex_);
  if (time) {
    clock_behind_since_.reset();
    return std::nullopt;
  }
  if (!clock_behind_since_) clock_behind_since_ = options_.clock.now();
  return ClockProblem{time.error(), *clock_behind_since_};
}

Result<> LedgerWriter::run_jobs(LedgerBatch& batch, std::unique_ptr<Job> first, Jobs& jobs) {
  const auto deadline = std::chrono::steady_clock::now() + options_.batch_time_max;
  for (std::unique_ptr<Job> job = std::move(first); job; job = take_job()) {
    bool transaction_lost = false;
    job->outcome = batch.run(job->function, &transaction_lost);
    jobs.push_back(std::move(job));
    if (transaction_lost || !connection_->database.in_transaction()) {
      const Result<>& cause = jobs.back()->outcome;
      return unavailable("committing to the ledger: the database gave up the whole batch" +
                         (cause ? "" : ": " + cause.error().message));
    }
    if (jobs.size() >= options_.batch_jobs_max || std::chrono::steady_clock::now() >= deadline) {
      break;
    }
  }
  return {};
}

Result<> LedgerWriter::integrate(const LedgerBatch& batch, LogTree& tree,
                                 CheckpointRecord& checkpoint) {
  TRY(tree.append(batch.leaves(), connection_->statements));
  checkpoint.size = tree.size();
  checkpoint.root = tree.root();
  checkpoint.note =
      TRY(sign_checkpoint({options_.origin, checkpoint.size, checkpoint.root}, signer_));
  return connection_->statements.insert_checkpoint.run(checkpoint.size, checkpoint.note);
}

Result<> LedgerWriter::commit(const LedgerBatch& batch) {
  const bool appended = !batch.leaves().empty();
  LogTree tree;
  CheckpointRecord checkpoint;
  if (appended) {
    tree = tree_;
    const Result<> integrated = integrate(batch, tree, checkpoint);
    if (!integrated) return std::unexpected(nothing_written(integrated.error()));
  }
  TRY(make_durable());
  if (!appended) return {};
  tree_ = std::move(tree);
  last_entry_ms_ = batch.time().unix_ms();
  // Before anybody can see the checkpoint: whoever shows us an older ledger later is found out.
  const Result<> kept = high_water_->write(checkpoint.note, options_.steps);
  if (!kept) {
    stop(stopped_after(kept.error()));
    return std::unexpected(outcome_unknown(kept.error()));
  }
  published_.publish(std::move(checkpoint));
  return {};
}

Result<> LedgerWriter::make_durable() {
  // `before` failing means that nothing happened; anything else is only harmless when SQLite says
  // that the disk is full and the transaction is still open.
  const Result<> allowed = options_.steps.before("ledger.commit");
  if (!allowed) return std::unexpected(nothing_written(allowed.error()));
  Result<> outcome = connection_->statements.commit.run();
  if (!outcome && outcome.error().code == ErrorCode::kUnavailable &&
      connection_->database.in_transaction()) {
    return std::unexpected(nothing_written(outcome.error()));
  }
  if (outcome) outcome = options_.steps.after("ledger.commit");
  if (outcome) return {};
  stop(stopped_after(outcome.error()));
  return std::unexpected(outcome_unknown(outcome.error()));
}

Result<> LedgerWriter::roll_back() {
  if (!connection_->database.in_transaction()) return {};
  return connection_->statements.rollback.run();
}

void LedgerWriter::checkpoint_wal() {
  if (wal_pages_.load() < kWalPagesMax || stopped()) return;
  int rc = SQLITE_OK;
  const Result<> outcome = durable_step(options_.steps, "ledger.wal-checkpoint", [&]() -> Result<> {
    sqlite3* const handle = connection_->database.handle();
    rc = sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    if (rc == SQLITE_OK) return {};
    return std::unexpected(sqlite_error(handle, rc, "copying the write-ahead log"));
  });
  // Everything is still in the WAL: a full disk or a busy reader only means "later". A failed sync
  // is never retried.
  if (outcome || outcome.error().code == ErrorCode::kUnavailable) return;
  stop(stopped_after(outcome.error()));
}

void LedgerWriter::answer(Jobs& jobs, const Result<>& common) {
  for (const auto& job : jobs) {
    const bool own = !job->outcome || common;
    job->answer.set_value(own ? job->outcome : common);
  }
}

}  // namespace statehouse
