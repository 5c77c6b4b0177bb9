#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/ed25519.h"
#include "store/ledger/reader.h"
#include "store/ledger/transaction.h"
#include "store/ledger/verify.h"
#include "store/model/name.h"

namespace statehouse {

/// What a ledger is built from. References are borrowed and must outlive it.
struct LedgerOptions {
  std::string origin;
  Epoch epoch = 1;
  const Ed25519SecretKey& log_key;  ///< signs checkpoints of `epoch`
  const Clock& clock;
  const Entropy& entropy;
  DurableSteps& steps;
  Path high_water_path;  ///< best on another filesystem than the ledger
  Milliseconds clock_tolerance = std::chrono::seconds(60);
  std::size_t batch_jobs_max = 128;
  Milliseconds batch_time_max = std::chrono::milliseconds(5);
  std::size_t reader_connections = 4;
};

/// Whether the ledger writes, and why not.
struct LedgerHealth {
  std::optional<Error> stopped;       ///< set: every commit answers this; reads go on
  std::vector<std::string> problems;  ///< everything start found wrong, one line each
  std::uint64_t tree_size = 0;        ///< published
  std::uint64_t jobs_waiting = 0;
  std::uint64_t wal_pages = 0;
  std::optional<Error> clock;  ///< set: the clock is behind the log; commits answer this meanwhile
  std::optional<Timestamp> clock_since;  ///< when that was first seen, by the same clock
};

/// The order of events and where every governed ref stands: one SQLite file.
///
/// Writing: any thread calls commit(); one ledger thread owns the only connection that writes and
/// checkpoints the write-ahead log. It runs up to `batch_jobs_max` waiting jobs, each in a
/// SAVEPOINT, in one transaction; appends their entries to the Merkle tree; signs one checkpoint
/// (none when nothing was appended); and COMMITs with synchronous=FULL. That COMMIT, the durable
/// step "ledger.commit", is the commit point of the whole store. Then the checkpoint goes to the
/// high-water file (steps "high-water.*"), is published to readers, and all jobs are answered.
///
/// Signing nothing twice: a ledger that is behind its high-water file (an older copy was put back),
/// whose newest checkpoint does not verify, or whose tail does not hash to it, opens read-only:
/// health().stopped is kCorrupt and nothing is signed or written any more.
///
/// One process owns the file; the caller holds the data directory's lock.
class Ledger {
 public:
  /// Makes an empty ledger: file, schema, the checkpoint of the empty tree, the high-water file.
  /// Errors: kConflict (the ledger or the high-water file exists).
  static Result<std::unique_ptr<Ledger>> create(const Path& path, const LedgerOptions& options);

  /// Opens an existing ledger, never makes one, and does the start checks: newest checkpoint's
  /// signature, root from the tiles, tail entries against their leaf hashes, high-water file,
  /// every ref state and its newest version against their entry, origin and epoch. A failed check
  /// is not an error here: see health(). Errors: kNotFound, kInvalidArgument (not a ledger; of a
  /// newer release; of another origin or epoch), kCorrupt (SQLite cannot read it).
  static Result<std::unique_ptr<Ledger>> open(const Path& path, const LedgerOptions& options);

  /// Answers waiting jobs kUnavailable, ends the ledger thread, closes. REQUIRES: no thread is
  /// inside any other method.
  ~Ledger();
  Ledger(const Ledger&) = delete;
  Ledger& operator=(const Ledger&) = delete;

  /// Runs `job` (a callable `Result<T>(Transaction&)`) on the ledger thread and returns what it
  /// returned, once that is durable. Blocks. REQUIRES: not called from inside a job.
  ///
  /// Errors:
  ///   the job's own  nothing of this job was written
  ///   kUnavailable   nothing of this job was written (disk full, clock behind, shutting down, or
  ///                  stopped earlier)
  ///   kCorrupt       nothing was written; the ledger is read-only since start
  ///   kInternal      OUTCOME UNKNOWN: the ledger stopped at or after the commit point. Undo
  ///                  nothing (above all, delete no objects); a restart finds out
  template <typename Job>
  auto commit(Job&& job) -> std::invoke_result_t<Job&, Transaction&> {
    std::optional<std::invoke_result_t<Job&, Transaction&>> answer;
    const Result<> outcome = run([&](Transaction& transaction) -> Result<> {
      answer.emplace(job(transaction));
      if (*answer) return {};
      return std::unexpected(answer->error());
    });
    if (!outcome) return std::unexpected(outcome.error());
    return *std::move(answer);
  }

  [[nodiscard]] const LedgerReader& read() const;
  [[nodiscard]] LedgerHealth health() const;
  [[nodiscard]] const std::string& origin() const;
  [[nodiscard]] Epoch epoch() const;

  /// Stops all writing for `reason` until restart: a corruption found elsewhere (the scrubber).
  void stop(Error reason);

  /// Re-derives everything from the entries: see verify.h.
  Result<VerifyReport> verify(const VerifyOptions& options) const;

 private:
  class Impl;
  explicit Ledger(std::unique_ptr<Impl> impl);
  Result<> run(std::function<Result<>(Transaction&)> job);

  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
