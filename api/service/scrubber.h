#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "crypto/base/clock.h"

namespace statehouse {

class StateStore;

/// Checks the whole store in the background, as `fsck` does, slowly and again and again: what lies
/// on the disk may rot or be changed while nobody asks for it. What it finds becomes an alarm, and
/// refs whose objects are damaged are no longer served.
///
/// One thread; about 5 % of one processor while it works. Holds nothing durable.
class Scrubber {
 public:
  /// The first round starts after `first`, the next ones `every` after the one before has ended.
  Scrubber(StateStore& store, Milliseconds first, Milliseconds every)
      : store_(store), first_(first), every_(every) {}
  /// Stops within a moment, in the middle of a round too.
  ~Scrubber();
  Scrubber(const Scrubber&) = delete;
  Scrubber& operator=(const Scrubber&) = delete;

  /// REQUIRES: called once.
  void start();

 private:
  void run();
  void check_once();
  /// False when the scrubber is to stop.
  bool rest(Milliseconds duration);

  StateStore& store_;
  const Milliseconds first_;
  const Milliseconds every_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false;  ///< guarded by mutex_
  std::thread thread_;     ///< last: started by start(), joined by the destructor
};

}  // namespace statehouse
