#include "api/service/statement_queue.h"

#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

using Moved = StatementQueue::Moved;

void owe(StatementQueue& queue, const std::string& ref, VersionNumber version,
         Moved moved = Moved::kByPush) {
  queue.add(OwedStatement{key_of(ref), version, version}, moved);
}

/// Everything in it, as "a:x@1 …" without the folders of branches.
std::string order_of(StatementQueue& queue) {
  std::string order;
  while (const auto owed = queue.take()) {
    order += (order.empty() ? "" : " ") + owed->key.repository.str() + ":" +
             owed->key.ref.str().substr(std::string("refs/heads/").size()) + "@" +
             std::to_string(owed->version);
  }
  CHECK(queue.empty());
  return order;
}

}  // namespace

TEST_CASE("versions of one ref are stated in order") {
  StatementQueue queue;
  for (const VersionNumber version : {1, 2, 3}) owe(queue, "a:refs/heads/x", version);
  CHECK(order_of(queue) == "a:x@1 a:x@2 a:x@3");
}

TEST_CASE("nobody waits behind the backlog of another repository or ref") {
  StatementQueue queue;
  for (const VersionNumber version : {1, 2, 3}) owe(queue, "a:refs/heads/x", version);
  owe(queue, "b:refs/heads/x", 1);
  owe(queue, "a:refs/heads/y", 1);
  CHECK(order_of(queue) == "a:x@1 b:x@1 a:y@1 a:x@2 a:x@3");
}

TEST_CASE("new refs do not push in before those that wait") {
  StatementQueue queue;
  for (const VersionNumber version : {1, 2}) owe(queue, "a:refs/heads/x", version);
  CHECK(queue.take()->version == 1);
  owe(queue, "a:refs/heads/new", 1);
  CHECK(order_of(queue) == "a:x@2 a:new@1");
}

TEST_CASE("every other turn is for a ref that promotions move") {
  StatementQueue queue;
  for (const VersionNumber version : {1, 2, 3}) owe(queue, "a:refs/heads/x", version);
  for (const VersionNumber version : {1, 2}) {
    owe(queue, "a:refs/heads/deploy", version, Moved::kByPromotion);
  }
  CHECK(order_of(queue) == "a:deploy@1 a:x@1 a:deploy@2 a:x@2 a:x@3");
}

}  // namespace statehouse::test
