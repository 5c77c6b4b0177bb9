#include "api/service/statement_queue.h"

namespace statehouse {

OwedStatement StatementQueue::InOrder::take() {
  OwedStatement owed = std::move(owed_.front());
  owed_.pop_front();
  return owed;
}

void StatementQueue::add(OwedStatement owed, Moved moved) {
  ByRepository& repositories = moved == Moved::kByPromotion ? promoted_ : pushed_;
  const RefKey key = owed.key;
  repositories.at(key.repository).at(key.ref).add(std::move(owed));
}

std::optional<OwedStatement> StatementQueue::take() {
  if (empty()) return std::nullopt;
  const bool from_promoted = pushed_.empty() || (promoted_next_ && !promoted_.empty());
  promoted_next_ = !from_promoted;
  return from_promoted ? promoted_.take() : pushed_.take();
}

}  // namespace statehouse
