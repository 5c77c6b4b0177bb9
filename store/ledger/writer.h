#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/signed_note.h"
#include "store/ledger/connection.h"
#include "store/ledger/high_water.h"
#include "store/ledger/ledger.h"
#include "store/ledger/start_check.h"
#include "store/ledger/transaction.h"

namespace statehouse {

class LedgerBatch;

/// The ledger thread and its queue; internal to store/ledger.
///
/// Owns the only connection that writes. One batch at a time: run jobs, append to the tree, sign,
/// COMMIT, write the high-water file, publish, answer. Whatever goes wrong at COMMIT or after it
/// stops the writer for good.
class LedgerWriter {
 public:
  using JobFunction = std::function<Result<>(Transaction&)>;

  /// REQUIRES: there is a `high_water`, or `stop` is called before the first job.
  LedgerWriter(std::unique_ptr<LedgerConnection> connection, const LedgerOptions& options,
               NoteSigner signer, StartReport start, std::optional<HighWaterFile> high_water,
               PublishedTree& published);
  ~LedgerWriter();
  LedgerWriter(const LedgerWriter&) = delete;
  LedgerWriter& operator=(const LedgerWriter&) = delete;

  /// Queues `job`, waits, returns its answer. Threads: any but the ledger's own.
  Result<> run(JobFunction job);
  /// From now on every job is answered `reason`. The first reason stays.
  void stop(Error reason);

  [[nodiscard]] std::optional<Error> stopped() const;
  [[nodiscard]] std::uint64_t jobs_waiting() const;
  [[nodiscard]] std::uint64_t wal_pages() const;
  /// Set while the clock is so far behind the last entry that nothing may be signed.
  struct ClockProblem {
    Error error;
    Timestamp since;  ///< when that was first seen
  };
  [[nodiscard]] std::optional<ClockProblem> clock_problem();

 private:
  struct Job {
    JobFunction function;
    std::promise<Result<>> answer;
    Result<> outcome;  // of the function; the ledger thread's
  };
  using Jobs = std::vector<std::unique_ptr<Job>>;

  void loop();
  std::unique_ptr<Job> take_job();
  void run_batch(std::unique_ptr<Job> first);
  Result<Timestamp> batch_time() const;
  /// Runs jobs until the queue is empty or the batch is full.
  Result<> run_jobs(LedgerBatch& batch, std::unique_ptr<Job> first, Jobs& jobs);
  Result<> integrate(const LedgerBatch& batch, LogTree& tree, CheckpointRecord& checkpoint);
  /// COMMIT and what follows. An error with kUnavailable means "nothing was written".
  Result<> commit(const LedgerBatch& batch);
  Result<> make_durable();
  Result<> roll_back();
  void checkpoint_wal();
  static void answer(Jobs& jobs, const Result<>& common);

  // Constant after construction.
  const LedgerOptions options_;
  const NoteSigner signer_;
  PublishedTree& published_;

  // The ledger thread's own.
  std::unique_ptr<LedgerConnection> connection_;
  LogTree tree_;
  std::optional<HighWaterFile> high_water_;
  std::atomic<std::int64_t> last_entry_ms_;  ///< written by the ledger thread, read by any

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::unique_ptr<Job>> queue_;       // guarded by mutex_
  std::optional<Error> stopped_;                 // guarded by mutex_
  bool ending_ = false;                          // guarded by mutex_
  std::optional<Timestamp> clock_behind_since_;  // guarded by mutex_
  std::atomic<std::uint64_t> wal_pages_{0};

  std::thread thread_;  // last: it uses all of the above
};

}  // namespace statehouse
