#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "store/model/name.h"

namespace statehouse {

/// Lets one writer at a time into each repository, in the order they came.
///
/// Everything that moves a ref holds its repository's turn from the first check until the ref files
/// are published. A writer that needs several repositories takes all turns at once, so there is no
/// order in which two writers could wait for each other. Threads: any. Holds nothing durable.
class RepositoryQueue {
 public:
  /// The right to write, given back by the destructor. Move-only; must not outlive the queue.
  class Turn {
   public:
    Turn(Turn&& other) noexcept
        : queue_(std::exchange(other.queue_, nullptr)), names_(std::move(other.names_)) {}
    Turn& operator=(Turn&&) = delete;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    /// Whether this turn is for `name`.
    [[nodiscard]] bool holds(const RepositoryName& name) const { return names_.contains(name); }

   private:
    friend class RepositoryQueue;
    Turn(RepositoryQueue* queue, std::set<RepositoryName> names)
        : queue_(queue), names_(std::move(names)) {}

    RepositoryQueue* queue_;
    std::set<RepositoryName> names_;
  };

  /// Waits until every repository in `names` is free and nobody who came earlier waits for one of
  /// them.
  Turn take(std::set<RepositoryName> names);
  Turn take(const RepositoryName& name) { return take(std::set<RepositoryName>{name}); }

 private:
  struct Waiter {
    std::set<RepositoryName> names;
    bool admitted = false;
  };

  void admit_waiters();

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::set<RepositoryName> busy_;
  std::vector<Waiter*> waiting_;  ///< in order of arrival; each lives on its thread's stack
};

}  // namespace statehouse
