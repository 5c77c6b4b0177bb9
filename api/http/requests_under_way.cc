#include "api/http/requests_under_way.h"

namespace statehouse {

std::optional<RequestsUnderWay::Claim> RequestsUnderWay::claim(std::string name) {
  const std::lock_guard lock(mutex_);
  if (!names_.insert(name).second) return std::nullopt;
  return Claim(this, std::move(name));
}

RequestsUnderWay::Claim::~Claim() {
  if (owner_ == nullptr) return;
  const std::lock_guard lock(owner_->mutex_);
  owner_->names_.erase(name_);
}

}  // namespace statehouse
