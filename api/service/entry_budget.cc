#include "api/service/entry_budget.h"

#include <chrono>

#include "crypto/base/encoding.h"

namespace statehouse {

Result<> EntryBudget::take(const std::string& who, Timestamp now) {
  constexpr std::chrono::minutes kWindow{1};
  const std::lock_guard lock(mutex_);
  std::deque<Timestamp>& taken = taken_[who];
  while (!taken.empty() && taken.front() + kWindow <= now) taken.pop_front();
  if (taken.size() >= per_minute_) {
    return unavailable("writing to the log: " + escape_for_message(who) + " caused " +
                           std::to_string(per_minute_) + " entries within a minute",
                       "wait a minute, then try again");
  }
  taken.push_back(now);
  return {};
}

}  // namespace statehouse
