#include "api/http/server.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>

#include "crypto/base/json.h"
#include "tests/api/http/fixture.h"

namespace statehouse {

namespace {

std::string chunked_post(std::string_view path) {
  return "POST " + std::string(path) + " HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
}

}  // namespace

TEST_CASE_FIXTURE(TestServer, "a route that needs a caller refuses without a gate") {
  CHECK(get("/secret").status == 401);
  CHECK(get("/secret").headers.at("www-authenticate").starts_with("Basic"));
}

TEST_CASE_FIXTURE(TestServer, "a body without credentials is refused before it is read") {
  RawClient client = connect();
  client.send("POST /secret HTTP/1.1\r\nHost: h\r\nContent-Length: 4000000\r\n\r\n");
  CHECK(client.read().status == 401);
  CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "control routes do not exist over TCP") {
  CHECK(get("/control-only").status == 404);
  CHECK(ask(post_request("/control-only", "x")).status == 405);
}

TEST_CASE("the gate decides before the handler runs") {
  const TestServer server([](HttpServerOptions& options) {
    options.gate = [](HttpRequest& request, Access required) -> std::optional<HttpResponse> {
      if (required == Access::kPublic) return std::nullopt;
      if (request.headers.count("authorization") != 0) return std::nullopt;
      return HttpResponse::empty(403);
    };
  });
  CHECK(server.get("/secret").status == 403);
  CHECK(server.get("/hello").status == 200);
  CHECK(server.ask(get_request("/secret", "Authorization: Bearer x\r\n")).status == 200);
}

TEST_CASE("the control socket is for our user only and reaches control routes") {
  const TemporaryDirectory directory =
      TemporaryDirectory::create("/tmp", "statehouse-control-").value();
  const Path path = directory.path() / "control.sock";
  const TestServer server([&](HttpServerOptions& options) { options.control_socket = path; });
  struct stat info{};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777) == 0600);
  RawClient client = RawClient::to_control(path);
  client.send(get_request("/control-only"));
  CHECK(client.read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "unknown paths and methods are problems that keep the connection") {
  RawClient client = connect();
  client.send(get_request("/nowhere"));
  const Answer absent = client.read();
  CHECK(absent.status == 404);
  CHECK(absent.headers.at("content-type") == "application/problem+json");
  CHECK(parse_json(absent.body).value().at("code") == "not-found");
  client.send("DELETE /hello HTTP/1.1\r\nHost: h\r\n\r\n");
  const Answer wrong = client.read();
  CHECK(wrong.status == 405);
  CHECK(wrong.headers.at("allow") == "GET, HEAD");
  client.send(get_request("/hello"));
  CHECK(client.read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "an error becomes its problem document") {
  const Answer answer = get("/conflict");
  CHECK(answer.status == 409);
  CHECK(parse_json(answer.body).value().at("fix") == "again");
}

TEST_CASE_FIXTURE(TestServer, "an exception is a 500 with an id that the log explains") {
  const Answer answer = get("/throws");
  CHECK(answer.status == 500);
  CHECK(answer.raw_head.find("Injected") == std::string::npos);
  CHECK(answer.body.find("the cause") == std::string::npos);
  const std::string detail = parse_json(answer.body).value().at("detail");
  const std::string id = detail.substr(detail.rfind(' ') + 1);
  REQUIRE(log_lines().size() == 1);
  CHECK(log_lines().front().find("incident=" + id) != std::string::npos);
  CHECK(log_lines().front().find("the cause\\x0d\\x0aX-Injected") != std::string::npos);
}

TEST_CASE_FIXTURE(TestServer, "a handler that lets bytes of a client into a header is refused") {
  const Answer answer = get("/bad-header");
  CHECK(answer.status == 400);
  CHECK(answer.raw_head.find("Set-Cookie") == std::string::npos);
}

TEST_CASE_FIXTURE(TestServer, "an encoded line break in a header value stays literal") {
  const Answer answer = ask(get_request("/echo-header", "X-Echo: a%0d%0aX: b\r\n"));
  CHECK(answer.body == "a%0d%0aX: b");
}

TEST_CASE_FIXTURE(TestServer, "a client cannot pose as another address") {
  CHECK(ask(get_request("/who", "REMOTE_ADDR: 10.9.8.7\r\nX-Forwarded-For:\r\n")).body ==
        "127.0.0.1");
}

TEST_CASE_FIXTURE(TestServer, "three pipelined requests get three answers in order") {
  RawClient client = connect();
  client.send(get_request("/names/a") + post_request("/echo", "b") + get_request("/names/c"));
  CHECK(client.read().body == "a");
  CHECK(client.read().body == "b");
  CHECK(client.read().body == "c");
}

TEST_CASE_FIXTURE(TestServer,
                  "pipelined requests are answered after the client has shut its side") {
  RawClient client = connect();
  client.send(get_request("/names/a") + get_request("/names/b"));
  client.finish_sending();
  CHECK(client.read().body == "a");
  CHECK(client.read().body == "b");
  CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "a body is never taken for the next request") {
  RawClient client = connect();
  client.send(post_request("/echo", get_request("/names/smuggled")) + get_request("/names/next"));
  CHECK(client.read().body == get_request("/names/smuggled"));
  CHECK(client.read().body == "next");
}

TEST_CASE_FIXTURE(TestServer, "requests with two framings get one refusal and the end") {
  for (const char* framing :
       {"Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n",
        "Content-Length: 3\r\nContent-Length: 30\r\n", "Transfer-Encoding: gzip, chunked\r\n",
        "Transfer-Encoding: xchunked\r\n", "Content-Length: 3\nTransfer-Encoding: chunked\r\n",
        "Content-Length: 3\r\n Transfer-Encoding: chunked\r\n"}) {
    CAPTURE(framing);
    RawClient client = connect();
    client.send("POST /echo HTTP/1.1\r\nHost: h\r\n" + std::string(framing) +
                "\r\n0\r\n\r\nGET /names/smuggled HTTP/1.1\r\nHost: h\r\n\r\n");
    const std::string all = client.read_to_end();
    CHECK(all.starts_with("HTTP/1.1 "));
    CHECK((all.substr(9, 3) == "400" || all.substr(9, 3) == "501"));
    CHECK(all.find("HTTP/1.1", 5) == std::string::npos);
    CHECK(all.find("smuggled") == std::string::npos);
  }
}

TEST_CASE_FIXTURE(TestServer, "lines that end in LF alone are refused at once") {
  RawClient client = connect();
  client.send("GET /hello HTTP/1.1\n");
  CHECK(client.read().status == 400);
  CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "a header line without an end is cut at the limit") {
  const std::uint64_t before = resident_bytes();
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\nX: ");
  const std::uint64_t sent = client.flood(std::string(16U << 10, 'a'), 1U << 30);
  CHECK(sent < 16U << 20);
  CHECK(client.read().status == 431);
  CHECK(resident_bytes() < before + (8U << 20));
}

TEST_CASE_FIXTURE(TestServer, "half a million header fields are refused") {
  RawClient client = connect();
  client.send("GET / HTTP/1.1\r\n");
  client.flood("A: b\r\n", 500'000 * 6);
  CHECK(client.read().status == 431);
  CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "a target without an end is refused") {
  RawClient client = connect();
  client.send("GET /");
  client.flood(std::string(1U << 10, 'a'), 1U << 30);
  CHECK(client.read().status == 414);
}

TEST_CASE_FIXTURE(TestServer, "a chunked body without an end is cut at the route's limit") {
  const std::uint64_t before = resident_bytes();
  for (const char* path : {"/echo", "/big"}) {
    RawClient client = connect();
    client.send(chunked_post(path));
    const std::uint64_t sent =
        client.flood("4000\r\n" + std::string(16384, 'a') + "\r\n", 1U << 30);
    CHECK(sent < 64U << 20);
    CHECK(client.read().status == 413);
  }
  CHECK(resident_bytes() < before + (16U << 20));
  CHECK(list_directory(directory.path()).value() == std::vector<std::string>{"file"});
}

TEST_CASE_FIXTURE(TestServer, "bad chunk sizes are refused and end the connection") {
  for (const char* size : {"-1", "-2", "0x10", "+5", "ffffffffffffffffff", "5;x"}) {
    CAPTURE(size);
    RawClient client = connect();
    client.send(chunked_post("/echo") + size + "\r\nhello\r\n0\r\n\r\n");
    CHECK(client.read().status == 400);
    CHECK(client.is_closed());
  }
}

TEST_CASE_FIXTURE(TestServer,
                  "a body over its length limit is refused unread and ends the connection") {
  RawClient client = connect();
  client.send("POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1048577\r\n\r\n");
  const Answer answer = client.read();
  CHECK(answer.status == 413);
  CHECK(answer.headers.at("connection") == "close");
  CHECK(client.is_closed());
}

TEST_CASE_FIXTURE(TestServer, "a gzip bomb is refused before it is inflated") {
  const std::string bomb = gzip(std::string(512U << 20, '\0'));
  REQUIRE(bomb.size() < 1U << 20);
  const std::uint64_t before = resident_bytes();
  CHECK(ask(post_request("/echo", bomb, "Content-Encoding: gzip\r\n")).status == 413);
  CHECK(ask(post_request("/big", bomb, "Content-Encoding: gzip\r\n")).status == 413);
  CHECK(resident_bytes() < before + (16U << 20));
}

TEST_CASE_FIXTURE(TestServer, "a gzip body is inflated, any other coding is refused") {
  CHECK(ask(post_request("/echo", gzip("hi"), "Content-Encoding: gzip\r\n")).body == "hi");
  CHECK(ask(post_request("/echo", gzip("hi"), "Content-Encoding: x-gzip\r\n")).body == "hi");
  CHECK(ask(post_request("/echo", "hi", "Content-Encoding: identity\r\n")).body == "hi");
  CHECK(ask(post_request("/echo", "hi", "Content-Encoding: gzip\r\n")).status == 400);
  CHECK(ask(post_request("/echo", "hi", "Content-Encoding: deflate\r\n")).status == 415);
  CHECK(ask(post_request("/echo", "hi", "Content-Encoding: br\r\n")).status == 415);
}

TEST_CASE_FIXTURE(TestServer, "large bodies arrive in a file, small ones in memory") {
  CHECK(ask(post_request("/big", std::string(1U << 20, 'a'))).body == "1048576 m");
  CHECK(ask(post_request("/big", std::string((1U << 20) + 1, 'a'))).body == "1048577 f");
}

TEST_CASE("bodies beyond what all may hold together are turned away") {
  const TestServer server(
      [](HttpServerOptions& options) { options.body_memory_bytes_total_max = 1000; });
  CHECK(server.ask(post_request("/echo", std::string(1001, 'a'))).status == 503);
  CHECK(server.ask(post_request("/echo", std::string(1000, 'a'))).status == 200);
  CHECK(server.ask(post_request("/echo", std::string(1000, 'a'))).status == 200);
}

TEST_CASE_FIXTURE(TestServer, "a client that waits for 100 Continue gets it, or its refusal") {
  RawClient client = connect();
  client.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.read().status == 100);
  client.send("hi");
  CHECK(client.read().body == "hi");
  RawClient refused = connect();
  refused.send(
      "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000\r\nExpect: 100-continue\r\n\r\n");
  CHECK(refused.read().status == 413);
}

TEST_CASE_FIXTURE(TestServer, "a request that arrives byte by byte is understood") {
  RawClient client = connect();
  for (const char byte : post_request("/echo", "hello")) client.send({&byte, 1});
  CHECK(client.read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "HEAD answers with the head that GET has") {
  RawClient client = connect();
  client.send("HEAD /hello HTTP/1.1\r\nHost: h\r\n\r\n" + get_request("/names/next"));
  const Answer head = client.read(true);
  CHECK(head.status == 200);
  CHECK(head.headers.at("content-length") == "5");
  CHECK(client.read().body == "next");
}

TEST_CASE_FIXTURE(TestServer, "an answer without content has no length and keeps the connection") {
  RawClient client = connect();
  client.send(get_request("/no-content") + get_request("/names/next"));
  const Answer answer = client.read();
  CHECK(answer.status == 204);
  CHECK_FALSE(answer.headers.contains("content-length"));
  CHECK(client.read().body == "next");
}

TEST_CASE_FIXTURE(TestServer,
                  "Connection: close and HTTP/1.0 end the connection after the answer") {
  RawClient closing = connect();
  closing.send(get_request("/hello", "Connection: close\r\n"));
  CHECK(closing.read().headers.at("connection") == "close");
  CHECK(closing.is_closed());
  RawClient old = connect();
  old.send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK(old.read().body == "hello");
  CHECK(old.is_closed());
  RawClient kept = connect();
  kept.send("GET /hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(kept.read().headers.at("connection") == "keep-alive");
  kept.send("GET /hello HTTP/1.0\r\n\r\n");
  CHECK(kept.read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "every answer carries a date and is not guessed at or stored") {
  const Answer answer = get("/hello");
  CHECK(answer.headers.at("date").ends_with(" GMT"));
  CHECK(answer.headers.at("x-content-type-options") == "nosniff");
  CHECK(answer.headers.at("cache-control") == "no-store");
}

TEST_CASE_FIXTURE(TestServer, "a file is sent from its offset for its size") {
  const Answer answer = get("/file");
  CHECK(answer.headers.at("content-length") == "1000000");
  CHECK(answer.body == std::string(1'000'000, 'f'));
}

TEST_CASE_FIXTURE(TestServer, "a stream is chunked, in order, and keeps the connection") {
  RawClient client = connect();
  client.send(get_request("/stream"));
  const Answer answer = client.read();
  CHECK(answer.headers.at("transfer-encoding") == "chunked");
  CHECK(answer.body.starts_with("part 0\npart 1\n"));
  CHECK(answer.body.ends_with("part 9\n"));
  client.send(get_request("/hello"));
  CHECK(client.read().body == "hello");
}

TEST_CASE_FIXTURE(TestServer, "a stream to an HTTP/1.0 client ends with the connection") {
  RawClient client = connect();
  client.send("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  const std::string all = client.read_to_end();
  CHECK(all.find("chunked") == std::string::npos);
  CHECK(all.ends_with("part 9\n"));
}

TEST_CASE_FIXTURE(TestServer, "a stream that fails is seen as cut, never as complete") {
  RawClient client = connect();
  client.send(get_request("/cut"));
  const std::string all = client.read_to_end();
  CHECK(all.find("half") != std::string::npos);
  CHECK(all.find("0\r\n\r\n") == std::string::npos);
  CHECK(log_lines().size() == 1);
}

TEST_CASE_FIXTURE(TestServer, "a stream learns that its client is gone") {
  {
    RawClient client = connect();
    client.send(get_request("/endless"));
    CHECK_FALSE(client.read_some().empty());
  }
  CHECK(eventually([this] { return stream_ended.load(); }));
}

TEST_CASE("a stream whose client stops reading is given up") {
  TestServer server(
      [](HttpServerOptions& options) { options.write_stall_max = std::chrono::milliseconds(100); });
  RawClient client = server.connect();
  client.send(get_request("/endless"));
  CHECK(TestServer::eventually([&] { return server.stream_ended.load(); }));
}

}  // namespace statehouse
