#include "api/service/alarms.h"

namespace statehouse {

void Alarms::raise(std::string what, std::string where, std::string why) {
  Alarm alarm{std::move(what), std::move(where), std::move(why), clock_.now()};
  {
    const std::lock_guard lock(mutex_);
    if (!alarms_.emplace(std::pair(alarm.what, alarm.where), alarm).second) return;
  }
  if (listener_) listener_(alarm);
}

void Alarms::clear(std::string_view what, std::string_view where) {
  const std::lock_guard lock(mutex_);
  alarms_.erase(std::pair(std::string(what), std::string(where)));
}

std::vector<Alarm> Alarms::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Alarm> alarms;
  for (const auto& [key, alarm] : alarms_) alarms.push_back(alarm);
  return alarms;
}

void Alarms::block(const RefKey& key) {
  const std::lock_guard lock(mutex_);
  blocked_.insert(key);
}

void Alarms::unblock(const RefKey& key) {
  const std::lock_guard lock(mutex_);
  blocked_.erase(key);
}

bool Alarms::is_blocked(const RefKey& key) const {
  const std::lock_guard lock(mutex_);
  return blocked_.contains(key);
}

}  // namespace statehouse
