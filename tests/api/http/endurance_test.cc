// Many and slow clients: what one client does must not be felt by another.

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/http/fixture.h"

namespace statehouse {

namespace {

using Clock = std::chrono::steady_clock;

std::chrono::microseconds time_of_one(RawClient& client) {
  const auto start = Clock::now();
  client.send(get_request("/hello"));
  CHECK(client.read().body == "hello");
  return std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start);
}

void allow_descriptors(rlim_t count) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = std::min(std::max(limit.rlim_cur, count), limit.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

/// Every long sleep of a real client, shortened.
void impatient(HttpServerOptions& options) {
  options.header_deadline = std::chrono::milliseconds(150);
  options.idle_max = std::chrono::milliseconds(150);
  options.rate_grace = std::chrono::milliseconds(150);
  options.write_stall_max = std::chrono::milliseconds(150);
}

}  // namespace

TEST_CASE("clients that trickle their headers do not hold up others, and are cut") {
  TestServer server([](HttpServerOptions& options) {
    options.header_deadline = std::chrono::milliseconds(1500);
  });
  std::vector<RawClient> slow;
  for (int i = 0; i < 64; ++i) {
    slow.push_back(server.connect());
    slow.back().send("GET /hello HT");
  }
  RawClient fast = server.connect();
  time_of_one(fast);
  CHECK(server.server->metrics().connections_timed_out == 0);
  for (RawClient& client : slow) {
    CHECK(client.read().status == 408);
    CHECK(client.is_closed());
  }
}

TEST_CASE("a trickle of header bytes does not extend the header deadline") {
  TestServer server(impatient);
  RawClient slow = server.connect();
  slow.send("GET /hello HTTP/1.1\r\nX: ");
  while (!slow.answers_within(std::chrono::milliseconds(5))) slow.send("a");
  CHECK(slow.read().status == 408);
}

TEST_CASE("a body that comes too slowly is given up") {
  TestServer server(impatient);
  RawClient slow = server.connect();
  slow.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nabc");
  CHECK(slow.read().status == 408);
  CHECK(slow.is_closed());
}

TEST_CASE("an idle connection is closed after its time") {
  TestServer server(impatient);
  RawClient fresh = server.connect();
  RawClient used = server.connect();
  time_of_one(used);
  CHECK(fresh.is_closed());
  CHECK(used.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "clients that do not read their answers hold no worker") {
  std::vector<RawClient> deaf;
  for (int i = 0; i < 20; ++i) {
    deaf.push_back(connect());
    deaf.back().send(get_request("/large"));
  }
  RawClient fast = connect();
  time_of_one(fast);
  CHECK(eventually([this] { return server->metrics().requests_running == 20; }));
}

TEST_CASE("a client that does not read its answer is cut") {
  TestServer server(impatient);
  RawClient deaf = server.connect();
  deaf.send(get_request("/large"));
  CHECK(
      TestServer::eventually([&] { return server.server->metrics().connections_timed_out == 1; }));
  CHECK(server.server->metrics().requests_running == 0);
}

TEST_CASE_FIXTURE(TestServer, "a large answer arrives whole at a client that reads late") {
  RawClient client = connect();
  client.send(get_request("/large") + get_request("/file"));
  RawClient other = connect();
  time_of_one(other);
  CHECK(client.read().body == std::string(16U << 20, 'x'));
  CHECK(client.read().body.size() == 1'000'000);
}

TEST_CASE_FIXTURE(TestServer, "two thousand idle connections cost a probe nothing") {
  allow_descriptors(10'000);
  std::vector<RawClient> idle;
  for (int i = 0; i < 2000; ++i) idle.push_back(connect());
  for (RawClient& client : idle) client.send(get_request("/hello"));
  for (RawClient& client : idle) REQUIRE(client.read().body == "hello");
  std::vector<std::chrono::microseconds> times;
  RawClient probe = connect();
  for (int i = 0; i < 500; ++i) times.push_back(time_of_one(probe));
  std::ranges::sort(times);
  MESSAGE("probe p50 " << times[250].count() << " us, p99 " << times[495].count() << " us");
  CHECK(times[495] < std::chrono::milliseconds(100));
  for (RawClient& client : idle) client.send(get_request("/hello"));
  for (RawClient& client : idle) REQUIRE(client.read().body == "hello");
}

TEST_CASE("over the cap the connection idle longest makes room") {
  TestServer server([](HttpServerOptions& options) { options.connections_max = 3; });
  RawClient oldest = server.connect();
  time_of_one(oldest);
  server.settle();
  RawClient second = server.connect();
  time_of_one(second);
  server.settle();
  RawClient third = server.connect();
  time_of_one(third);
  server.settle();
  time_of_one(oldest);
  RawClient newest = server.connect();
  time_of_one(newest);
  CHECK(second.is_closed());
  time_of_one(oldest);
  time_of_one(third);
  CHECK(server.server->metrics().connections_shed == 1);
}

TEST_CASE("no error of accept ends the server") {
  std::atomic<int> error{0};
  std::atomic<int> failures{0};
  TestServer server([&](HttpServerOptions& options) {
    options.accept = [&](int listening_fd) {
      if (const int now = error.exchange(0); now != 0) {
        ++failures;
        errno = now;
        return -1;
      }
      return ::accept4(listening_fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
    };
  });
  for (const int injected : {ECONNABORTED, EINTR, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO,
                             EHOSTUNREACH, ENETDOWN, ETIMEDOUT, EINVAL, EBADF, EIO}) {
    CAPTURE(injected);
    error = injected;
    // With EMFILE the reserve descriptor takes and closes this one.
    RawClient victim = server.connect();
    victim.send(get_request("/hello"));
    victim.read();
    CHECK(server.get("/hello").body == "hello");
  }
  CHECK(failures == 14);
  CHECK(server.server->metrics().accept_errors == 14);
  CHECK_FALSE(server.log_lines().empty());
}

TEST_CASE("when descriptors run out a client is turned away at once and later ones are served") {
  TestServer server;
  RawClient idle = server.connect();
  time_of_one(idle);
  server.settle();
  rlimit old{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &old) == 0);
  RawClient refused = RawClient::unconnected();
  const rlimit tight{static_cast<rlim_t>(refused.descriptor() + 1), old.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  refused.connect_to(server.server->port());
  const bool turned_away = refused.is_closed();
  const bool made_room = idle.is_closed();
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &old) == 0);
  CHECK(turned_away);
  CHECK(made_room);
  CHECK(server.get("/hello").body == "hello");
}

TEST_CASE("a queue that is full says so instead of growing") {
  TestServer server([](HttpServerOptions& options) { options.queue_length_max = 0; });
  const Answer answer = server.get("/hello");
  CHECK(answer.status == 503);
  CHECK(answer.headers.at("retry-after") == "1");
  CHECK(server.server->metrics().requests_overloaded == 1);
}

TEST_CASE_FIXTURE(TestServer, "a thousand long polls hold no worker and all wake") {
  allow_descriptors(10'000);
  std::vector<RawClient> polls;
  for (int i = 0; i < 1000; ++i) {
    polls.push_back(connect());
    polls.back().send(get_request("/wait"));
  }
  REQUIRE(eventually([this] { return server->metrics().responses_parked == 1000; }));
  RawClient fast = connect();
  time_of_one(fast);
  wake();
  for (RawClient& poll : polls) REQUIRE(poll.read().body == "woken");
  polls.front().send(get_request("/hello"));
  CHECK(polls.front().read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "a long poll whose client leaves is unsubscribed") {
  {
    RawClient client = connect();
    client.send(get_request("/wait"));
    REQUIRE(eventually([this] { return waiting == 1; }));
  }
  CHECK(eventually([this] { return waiting == 0; }));
  CHECK(eventually([this] { return server->metrics().requests_running == 0; }));
}

TEST_CASE_FIXTURE(TestServer,
                  "draining answers what has begun, resumes what waits, takes no more") {
  RawClient idle = connect();
  time_of_one(idle);
  RawClient poll = connect();
  poll.send(get_request("/wait"));
  REQUIRE(eventually([this] { return waiting == 1; }));
  RawClient begun = connect();
  begun.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  REQUIRE(begun.read().status == 100);
  std::atomic<bool> clean{false};
  std::thread drain([&] { clean = server->drain(std::chrono::seconds(10)); });
  CHECK(idle.is_closed());
  CHECK(poll.read().body == "draining");
  CHECK(poll.is_closed());
  begun.send("hi");
  const Answer last = begun.read();
  CHECK(last.body == "hi");
  CHECK(last.headers.at("connection") == "close");
  CHECK(begun.is_closed());
  poll.finish_sending();
  begun.finish_sending();
  drain.join();
  CHECK(clean);
}

TEST_CASE("stopping cuts a stream whose client does not read") {
  TestServer server;
  RawClient client = server.connect();
  client.send(get_request("/endless"));
  CHECK_FALSE(client.read_some().empty());
  CHECK_FALSE(server.server->drain(std::chrono::milliseconds(50)));
  server.server.reset();
  CHECK(server.stream_ended);
}

}  // namespace statehouse
