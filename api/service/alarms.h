#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/clock.h"
#include "store/model/name.h"

namespace statehouse {

/// Something that is not as it should be while the server goes on serving what it can.
struct Alarm {
  std::string what;   ///< a closed lower-case word: "ref-file", "object", "log", "configuration", …
  std::string where;  ///< "platform:refs/heads/deploy"
  std::string why;    ///< a sentence
  Timestamp since;
};

/// The list behind `/readyz`'s `degraded[]` and the `statehouse_alarms` metric, and the refs that
/// must not be served because their objects are damaged. Threads: any. In memory: found again at
/// start.
class Alarms {
 public:
  using Listener = std::function<void(const Alarm&)>;

  explicit Alarms(const Clock& clock) : clock_(clock) {}

  /// Called once for each new alarm, outside the lock (to log it). Set before use.
  void on_raise(Listener listener) { listener_ = std::move(listener); }

  /// Raising what is already raised changes nothing.
  void raise(std::string what, std::string where, std::string why);
  /// Takes back every alarm of `what` at `where`.
  void clear(std::string_view what, std::string_view where);
  [[nodiscard]] std::vector<Alarm> list() const;

  /// Stops serving `key` until restart or repair.
  void block(const RefKey& key);
  void unblock(const RefKey& key);
  [[nodiscard]] bool is_blocked(const RefKey& key) const;

 private:
  const Clock& clock_;
  Listener listener_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::pair<std::string, std::string>, Alarm> alarms_;
  std::set<RefKey> blocked_;
};

}  // namespace statehouse
