#include "api/service/ref_view.h"

namespace statehouse {

namespace {

void put(RefSnapshot& snapshot, const RefState& state) {
  if (state.content) {
    snapshot.refs.insert_or_assign(state.key, state);
  } else {
    snapshot.refs.erase(state.key);
  }
}

}  // namespace

const RefState* RefSnapshot::find(const RefKey& key) const {
  const auto found = refs.find(key);
  return found == refs.end() ? nullptr : &found->second;
}

std::vector<const RefState*> RefSnapshot::of(const RepositoryName& repository) const {
  std::vector<const RefState*> states;
  for (const auto& [key, state] : refs) {
    if (key.repository == repository) states.push_back(&state);
  }
  return states;
}

std::shared_ptr<const RefSnapshot> RefView::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void RefView::reset(const std::vector<RefState>& states) {
  auto next = std::make_shared<RefSnapshot>();
  next->generation = current()->generation + 1;
  for (const RefState& state : states) put(*next, state);
  publish(std::move(next));
}

void RefView::apply(const std::vector<RefState>& states) {
  std::vector<std::function<void()>> listeners;
  {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<RefSnapshot>(*current_);
    ++next->generation;
    for (const RefState& state : states) put(*next, state);
    current_ = std::move(next);
    for (const auto& [number, listener] : listeners_) listeners.push_back(listener);
  }
  for (const auto& listener : listeners) listener();
}

void RefView::publish(std::shared_ptr<const RefSnapshot> next) {
  const std::lock_guard lock(mutex_);
  current_ = std::move(next);
}

std::uint64_t RefView::subscribe(std::function<void()> listener) {
  const std::lock_guard lock(mutex_);
  listeners_.emplace(next_subscription_, std::move(listener));
  return next_subscription_++;
}

void RefView::unsubscribe(std::uint64_t subscription) {
  const std::lock_guard lock(mutex_);
  listeners_.erase(subscription);
}

}  // namespace statehouse
