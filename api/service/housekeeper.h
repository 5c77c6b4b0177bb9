#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "api/service/core.h"
#include "api/service/owed_statement.h"
#include "api/service/statement_queue.h"
#include "api/service/statement_service.h"
#include "store/ledger/search_index.h"

namespace statehouse {

/// Does what committed moves owe, off the write path: issues statements, clears outbox rows,
/// follows the log with the search index, bounds the archive cache, and looks every minute whether
/// the ref files still say what the ledger says.
///
/// One thread. Everything it does is owed by an outbox row or can be done again, so it may be
/// killed at any time.
class Housekeeper {
 public:
  Housekeeper(Core& core, StatementService& statements, ArchiveCache& archives, SearchIndex& index)
      : core_(core), statements_(statements), archives_(archives), index_(index) {}
  /// Stops the thread; what is not done stays owed.
  ~Housekeeper();
  Housekeeper(const Housekeeper&) = delete;
  Housekeeper& operator=(const Housekeeper&) = delete;

  /// Starts with everything that the outbox owes. REQUIRES: called once.
  Result<> start();

  /// Adds what one move owes: `published` outbox rows are done and only need clearing.
  void owe(const std::vector<RecordedVersion>& recorded, bool published);

  /// Adds an alarm to be logged (integrity.alarmed). Threads: any, also before start().
  void note(const Alarm& alarm);

  /// Waits until nothing is owed. For tests and for draining. False after `wait_max`.
  bool wait_until_idle(Milliseconds wait_max);

 private:
  Result<> queue_what_is_owed();
  void run();
  /// Does one thing that is owed. True when more is.
  bool work_once();
  /// Everything that nothing owes and that time brings.
  void look_after();
  void log_alarms();
  void issue(const OwedStatement& owed, const std::vector<std::uint64_t>& done);
  void fill_index();

  Core& core_;
  StatementService& statements_;
  ArchiveCache& archives_;
  SearchIndex& index_;
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  StatementQueue owed_;
  std::set<std::uint64_t> queued_;   ///< outbox rows in owed_ or being worked on
  std::vector<std::uint64_t> done_;  ///< outbox rows to clear
  std::vector<Alarm> alarms_;        ///< not logged yet
  bool busy_ = false;
  bool stopping_ = false;
  // Of the thread alone.
  std::chrono::steady_clock::time_point next_check_;
  std::thread thread_;  ///< last: started by start(), joined by the destructor
};

/// Compares the ref files of every repository with the ledger; raises and clears "ref-file" alarms.
/// Waits for no writer: a ref that is moving right now is looked at again.
void check_ref_files(Core& core);

}  // namespace statehouse
