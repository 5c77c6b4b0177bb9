#include "tests/api/routes_fixture.h"

namespace statehouse::test {

namespace {

class SnapshotRoutes : public RoutesFixture {
 public:
  HttpResponse read(const std::string& path, const std::string& version = "") {
    HttpRequest request;
    request.path = path;
    request.caller = as("carol");
    request.query = {{"repository", "platform"}, {"ref", "refs/heads/audit"}};
    if (!version.empty()) request.query.emplace_back("version", version);
    return must(application.router().find(Method::kGet, path).route->handler(request));
  }
};

std::shared_ptr<Parking> parking_of(const HttpResponse& response) {
  const auto* parking = std::get_if<std::shared_ptr<Parking>>(&response.body());
  return parking == nullptr ? nullptr : *parking;
}

}  // namespace

TEST_CASE_FIXTURE(SnapshotRoutes, "who asks for what is being prepared waits without a worker") {
  std::vector<std::shared_ptr<Parking>> parked;
  std::vector<std::shared_ptr<void>> subscriptions;
  std::atomic<int> woken = 0;
  const auto ask = [&](const std::string& path, const std::string& version) {
    parked.push_back(parking_of(read(path, version)));
    REQUIRE(parked.back() != nullptr);
    subscriptions.push_back(parked.back()->subscribe([&] { ++woken; }));
  };
  // The archive is made, and the statement is not signed.
  steps.meanwhile("snapshot.sync", [&] {
    ask("/v1/snapshot", "");
    ask("/v1/snapshot", "1");
    ask("/v1/archive", "1");
    CHECK(woken == 0);
    // As the connection of a client that waited too long.
    CHECK(code_of(parked.front()->resume(WakeReason::kTimeout)) == ErrorCode::kUnavailable);
  });
  push_commit();
  settle();
  REQUIRE(parked.size() == 3);
  CHECK(woken == 3);
  for (const auto& parking : parked) {
    const HttpResponse answer = must(parking->resume(WakeReason::kWoken));
    CHECK(answer.status() == 200);
    CHECK(parking_of(answer) == nullptr);
  }
}

TEST_CASE_FIXTURE(SnapshotRoutes, "who begins to wait when it is there is woken at once") {
  std::shared_ptr<Parking> parking;
  steps.meanwhile("snapshot.sync", [&] { parking = parking_of(read("/v1/snapshot")); });
  push_commit();
  settle();
  REQUIRE(parking != nullptr);
  int woken = 0;
  parking->subscribe([&] { ++woken; });
  CHECK(woken == 1);
  CHECK(parking_of(read("/v1/snapshot")) == nullptr);
}

}  // namespace statehouse::test
