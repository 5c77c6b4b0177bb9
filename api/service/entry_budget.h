#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <mutex>
#include <string>

#include "crypto/base/clock.h"
#include "crypto/base/error.h"

namespace statehouse {

/// How many log entries one identity may cause in a minute: nobody can fill the log, nor the disk,
/// by opening and closing for ever. Threads: any.
class EntryBudget {
 public:
  explicit EntryBudget(std::size_t per_minute) : per_minute_(per_minute) {}

  /// Counts one entry of `who`. Errors: kUnavailable when there were too many in the last minute.
  Result<> take(const std::string& who, Timestamp now);

 private:
  const std::size_t per_minute_;
  std::mutex mutex_;
  std::map<std::string, std::deque<Timestamp>> taken_;  ///< guarded by mutex_; oldest first
};

}  // namespace statehouse
