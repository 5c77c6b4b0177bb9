#include "api/service/repository_queue.h"

#include <algorithm>

namespace statehouse {

RepositoryQueue::Turn::~Turn() {
  if (queue_ == nullptr) return;
  const std::lock_guard lock(queue_->mutex_);
  for (const RepositoryName& name : names_) queue_->busy_.erase(name);
  queue_->admit_waiters();
}

RepositoryQueue::Turn RepositoryQueue::take(std::set<RepositoryName> names) {
  Waiter waiter{std::move(names), false};
  std::unique_lock lock(mutex_);
  waiting_.push_back(&waiter);
  admit_waiters();
  changed_.wait(lock, [&] { return waiter.admitted; });
  return {this, std::move(waiter.names)};
}

void RepositoryQueue::admit_waiters() {
  // A name somebody earlier waits for is taken for those behind them, or they could wait for ever.
  std::set<RepositoryName> taken = busy_;
  std::erase_if(waiting_, [&](Waiter* waiter) {
    const bool blocked = std::ranges::any_of(
        waiter->names, [&](const RepositoryName& name) { return taken.contains(name); });
    taken.insert(waiter->names.begin(), waiter->names.end());
    if (blocked) return false;
    busy_.insert(waiter->names.begin(), waiter->names.end());
    waiter->admitted = true;
    return true;
  });
  changed_.notify_all();
}

}  // namespace statehouse
