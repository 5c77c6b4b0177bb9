#pragma once

#include <cstddef>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "store/model/oid.h"

namespace statehouse {

/// A bounded memory of what was computed about objects. What it holds is never stale, because an id
/// fixes the object. Two generations: when the young one is full it becomes the old one, so what
/// was used lately survives and nothing has to be ordered. Threads: any.
template <typename Value>
class OidMemory {
 public:
  explicit OidMemory(std::size_t entries_max) : generation_max_(entries_max / 2 + 1) {}
  OidMemory(const OidMemory&) = delete;
  OidMemory& operator=(const OidMemory&) = delete;

  std::optional<Value> recall(const Oid& oid) {
    const std::lock_guard lock(mutex_);
    if (const auto at = young_.find(oid); at != young_.end()) return at->second;
    const auto at = old_.find(oid);
    if (at == old_.end()) return std::nullopt;
    Value value = at->second;
    put(oid, value);
    return value;
  }

  void remember(const Oid& oid, const Value& value) {
    const std::lock_guard lock(mutex_);
    put(oid, value);
  }

 private:
  void put(const Oid& oid, const Value& value) {
    if (young_.size() >= generation_max_) {
      old_ = std::exchange(young_, {});
    }
    young_.insert_or_assign(oid, value);
  }

  const std::size_t generation_max_;
  std::mutex mutex_;
  std::unordered_map<Oid, Value> young_;  ///< guarded by mutex_
  std::unordered_map<Oid, Value> old_;    ///< guarded by mutex_
};

}  // namespace statehouse
