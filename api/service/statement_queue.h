#pragma once

#include <deque>
#include <map>
#include <optional>

#include "api/service/owed_statement.h"

namespace statehouse {

/// Versions whose statements are owed, in the order in which they are made.
///
/// Versions of one ref come in order. Otherwise nobody waits behind another's backlog: repositories
/// take turns, in a repository its refs do, and every other turn is for a ref that promotions move,
/// when one waits. A plain value: the owner synchronises.
class StatementQueue {
 public:
  /// Whether promotions move a ref.
  enum class Moved { kByPush, kByPromotion };

  void add(OwedStatement owed, Moved moved);
  [[nodiscard]] bool empty() const { return pushed_.empty() && promoted_.empty(); }
  /// None when nothing is owed.
  std::optional<OwedStatement> take();

 private:
  class InOrder {
   public:
    void add(OwedStatement owed) { owed_.push_back(std::move(owed)); }
    [[nodiscard]] bool empty() const { return owed_.empty(); }
    OwedStatement take();

   private:
    std::deque<OwedStatement> owed_;
  };

  /// Keys that take turns; a new one comes after those that wait already.
  template <typename Key, typename Waiting>
  class InTurns {
   public:
    Waiting& at(const Key& key) {
      if (!waiting_.contains(key)) order_.push_back(key);
      return waiting_[key];
    }
    [[nodiscard]] bool empty() const { return order_.empty(); }
    OwedStatement take() {
      Key key = std::move(order_.front());
      order_.pop_front();
      const auto turn = waiting_.find(key);
      OwedStatement owed = turn->second.take();
      if (turn->second.empty()) {
        waiting_.erase(turn);
      } else {
        order_.push_back(std::move(key));
      }
      return owed;
    }

   private:
    std::deque<Key> order_;  ///< those in waiting_
    std::map<Key, Waiting> waiting_;
  };

  using ByRepository = InTurns<RepositoryName, InTurns<RefName, InOrder>>;

  ByRepository pushed_;
  ByRepository promoted_;
  bool promoted_next_ = true;
};

}  // namespace statehouse
