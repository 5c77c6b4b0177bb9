#include "api/http/fetch_cache.h"

namespace statehouse {

std::shared_ptr<const std::string> FetchCache::find_or_lead(const std::string& key) {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto found = entries_.find(key);
    if (found == entries_.end()) {
      entries_.emplace(key, Entry{});
      ++statistics_.misses;
      return nullptr;
    }
    if (found->second.answer) {
      used_.splice(used_.begin(), used_, found->second.position);
      ++statistics_.hits;
      return found->second.answer;
    }
    // Somebody computes it right now; when they fail, the next in line leads.
    changed_.wait(lock);
  }
}

void FetchCache::keep(const std::string& key, std::shared_ptr<const std::string> answer) {
  {
    const std::lock_guard lock(mutex_);
    statistics_.bytes += answer->size();
    used_.push_front(key);
    entries_[key] = Entry{std::move(answer), used_.begin()};
    while (statistics_.bytes > bytes_max_) {
      const auto oldest = entries_.find(used_.back());
      statistics_.bytes -= oldest->second.answer->size();
      entries_.erase(oldest);
      used_.pop_back();
    }
  }
  changed_.notify_all();
}

void FetchCache::give_up(const std::string& key) {
  {
    const std::lock_guard lock(mutex_);
    entries_.erase(key);
  }
  changed_.notify_all();
}

Result<> FetchCache::serve(const std::string& key, const Source& source, const Sink& sink) {
  if (const auto answer = find_or_lead(key)) return sink(*answer);
  const std::size_t kept_max = bytes_max_ / 8;
  // Collected before it is sent, so that a slow client does not hold up those who wait.
  auto collected = std::make_shared<std::string>();
  bool streaming = false;
  const Result<> produced = source([&](std::string_view bytes) -> Result<> {
    if (streaming) return sink(bytes);
    collected->append(bytes);
    if (collected->size() <= kept_max) return {};
    streaming = true;
    give_up(key);
    return sink(std::exchange(*collected, {}));
  });
  if (streaming) return produced;
  if (!produced) {
    give_up(key);
    return produced;
  }
  keep(key, collected);
  return sink(*collected);
}

FetchCache::Statistics FetchCache::statistics() const {
  const std::lock_guard lock(mutex_);
  return statistics_;
}

}  // namespace statehouse
