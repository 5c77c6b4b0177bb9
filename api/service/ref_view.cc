#include "api/service/ref_view.h"

namespace statehouse {

const RefState* RefSnapshot::find(const RefKey& key) const {
  const auto repository = repositories_.find(key.repository);
  if (repository == repositories_.end()) return nullptr;
  const auto found = repository->second->refs.find(key.ref);
  return found == repository->second->refs.end() ? nullptr : &found->second;
}

std::vector<const RefState*> RefSnapshot::of(const RepositoryName& repository) const {
  std::vector<const RefState*> states;
  const auto found = repositories_.find(repository);
  if (found == repositories_.end()) return states;
  for (const auto& [ref, state] : found->second->refs) states.push_back(&state);
  return states;
}

std::vector<const RefState*> RefSnapshot::all() const {
  std::vector<const RefState*> states;
  for (const auto& [name, repository] : repositories_) {
    for (const auto& [ref, state] : repository->refs) states.push_back(&state);
  }
  return states;
}

std::uint64_t RefSnapshot::generation_of(const RepositoryName& repository) const {
  const auto found = repositories_.find(repository);
  return found == repositories_.end() ? 0 : found->second->generation;
}

std::shared_ptr<const RefSnapshot> RefView::current() const {
  const std::lock_guard lock(mutex_);
  return current_;
}

void RefView::reset(const std::vector<RefState>& states) {
  {
    const std::lock_guard lock(mutex_);
    current_ = std::make_shared<RefSnapshot>();
  }
  apply(states);
}

void RefView::apply(const std::vector<RefState>& states) {
  std::vector<std::function<void()>> listeners;
  {
    const std::lock_guard lock(mutex_);
    auto next = std::make_shared<RefSnapshot>(*current_);
    std::map<RepositoryName, std::shared_ptr<RepositoryRefs>> changed;
    for (const RefState& state : states) {
      std::shared_ptr<RepositoryRefs>& refs = changed[state.key.repository];
      if (!refs) {
        const auto before = next->repositories_.find(state.key.repository);
        refs = before == next->repositories_.end()
                   ? std::make_shared<RepositoryRefs>()
                   : std::make_shared<RepositoryRefs>(*before->second);
        ++refs->generation;
        next->repositories_.insert_or_assign(state.key.repository, refs);
      }
      if (state.content) {
        refs->refs.insert_or_assign(state.key.ref, state);
      } else {
        refs->refs.erase(state.key.ref);
      }
    }
    current_ = std::move(next);
    for (const auto& [number, listener] : listeners_) listeners.push_back(listener);
  }
  for (const auto& listener : listeners) listener();
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
