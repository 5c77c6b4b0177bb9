#include "api/http/head_parser.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

namespace statehouse {

namespace {

std::expected<RequestHead, HttpResponse> parse(std::string_view lines) {
  return parse_request_head(std::string(lines) + "\r\n");
}

/// The refusal's status, or 0 when the head was accepted.
int refusal(std::string_view lines) {
  const auto head = parse(lines);
  return head ? 0 : head.error().status();
}

std::string with_field(std::string_view fields) {
  return "POST /a HTTP/1.1\r\nHost: h\r\n" + std::string(fields);
}

}  // namespace

TEST_CASE("request lines that another server could read differently are refused") {
  const std::vector<std::pair<std::string, int>> cases{
      {"", 400},
      {"GET", 400},
      {"GET /", 400},
      {"GET  / HTTP/1.1", 400},
      {" GET / HTTP/1.1", 400},
      {"GET / HTTP/1.1 ", 400},
      {"GET / a HTTP/1.1", 400},
      {"GET /\t HTTP/1.1", 400},
      {"GET /\r HTTP/1.1", 400},
      {"GET /\x01 HTTP/1.1", 400},
      {"GET /\xff HTTP/1.1", 400},
      {"GET /a#b HTTP/1.1", 400},
      {"GET a HTTP/1.1", 400},
      {"GET * HTTP/1.1", 400},
      {"GET http:// HTTP/1.1", 400},
      {"GET ftp://h/ HTTP/1.1", 400},
      {"G(T / HTTP/1.1", 400},
      {"GET / http/1.1", 400},
      {"GET / HTTP/1.1x", 400},
      {"GET / HTTP/1.2", 505},
      {"GET / HTTP/2.0", 505},
      {"GET / HTTP/0.9", 505},
      {"get / HTTP/1.1", 501},
      {"BREW / HTTP/1.1", 501},
      {"CONNECT / HTTP/1.1", 501},
      {"TRACE / HTTP/1.1", 501},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1", 414},
  };
  for (const auto& [line, status] : cases) {
    CAPTURE(line);
    CHECK(refusal(line + "\r\nHost: h\r\n") == status);
  }
}

TEST_CASE("header fields that another server could read differently are refused") {
  const std::vector<std::pair<std::string, int>> cases{
      {"Name\r\n", 400},
      {": value\r\n", 400},
      {"Name : value\r\n", 400},
      {" Name: value\r\n", 400},
      {"\tfolded\r\n", 400},
      {"A: b\r\n c\r\n", 400},
      {"Na me: value\r\n", 400},
      {"Name\x01: value\r\n", 400},
      {"A: b\rc\r\n", 400},
      {std::string("A: b\0c\r\n", 8), 400},
      {"A: \x7f\r\n", 400},
      {"Host: second\r\n", 400},
      {"Authorization: a\r\nAuthorization: b\r\n", 400},
      {"Content-Type: a\r\ncontent-type: a\r\n", 400},
      {"Expect: 200-ok\r\n", 417},
  };
  for (const auto& [fields, status] : cases) {
    CAPTURE(fields);
    CHECK(refusal(with_field(fields)) == status);
  }
}

TEST_CASE("every framing but one length or exactly chunked is refused") {
  const std::vector<std::pair<std::string, int>> cases{
      {"Content-Length: 5\r\nContent-Length: 5\r\n", 400},
      {"Content-Length: 5\r\nContent-Length: 6\r\n", 400},
      {"Content-Length: 5, 5\r\n", 400},
      {"Content-Length: +5\r\n", 400},
      {"Content-Length: -5\r\n", 400},
      {"Content-Length: 0x5\r\n", 400},
      {"Content-Length: 5 5\r\n", 400},
      {"Content-Length:\r\n", 400},
      {"Content-Length: 99999999999999999999\r\n", 413},
      {"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 400},
      {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", 400},
      {"Transfer-Encoding: gzip, chunked\r\n", 501},
      {"Transfer-Encoding: chunked, gzip\r\n", 501},
      {"Transfer-Encoding: chunked, chunked\r\n", 501},
      {"Transfer-Encoding: identity\r\n", 501},
      {"Transfer-Encoding: chunked;q=1\r\n", 501},
      {"Transfer-Encoding: xchunked\r\n", 501},
      {"Transfer-Encoding: \"chunked\"\r\n", 501},
      {"Transfer-Encoding:\r\n", 501},
      {"Transfer-Encoding : chunked\r\n", 400},
      {"Transfer-Encoding: \x0b"
       "chunked\r\n",
       400},
  };
  for (const auto& [fields, status] : cases) {
    CAPTURE(fields);
    CHECK(refusal(with_field(fields)) == status);
  }
  CHECK(refusal("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n") == 400);
}

TEST_CASE("HTTP/1.1 needs exactly one plausible host, HTTP/1.0 none") {
  CHECK(refusal("GET / HTTP/1.1\r\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: a/b\r\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: user@a\r\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: a b\r\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: a, b\r\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nHost: [::1]:8417\r\n") == 0);
  CHECK(refusal("GET / HTTP/1.0\r\n") == 0);
}

TEST_CASE("a hundred header fields pass and one more does not") {
  std::string fields = "GET / HTTP/1.1\r\nHost: h\r\n";
  for (int i = 0; i < 99; ++i) fields += "A: b\r\n";
  CHECK(refusal(fields) == 0);
  CHECK(refusal(fields + "A: b\r\n") == 431);
}

TEST_CASE("a head is read into its parts, values as they are on the wire") {
  const auto head = parse(
      "POST /a%20b/c?x=1&y=%2f+z HTTP/1.1\r\nHost: h\r\nX-Odd: \t %0d%0aX: y \r\n"
      "Content-Length: 12\r\nExpect: 100-Continue\r\n");
  REQUIRE(head.has_value());
  CHECK(head->request.path == "/a b/c");
  CHECK(head->request.query_parameter("y").value() == "/ z");
  CHECK(head->request.header("x-odd").value() == "%0d%0aX: y");
  CHECK(head->content_length == 12);
  CHECK(head->expects_continue);
  CHECK(head->keep_alive);
}

TEST_CASE("fields by which a client could pose as the server's own knowledge are dropped") {
  const auto head =
      parse(with_field("REMOTE_ADDR: 10.9.8.7\r\nRemote_User: root\r\nLOCAL_ADDR: "
                       "1\r\nX-Forwarded-For: 1.2.3.4\r\n"));
  REQUIRE(head.has_value());
  CHECK(head->request.headers.count("remote_addr") == 0);
  CHECK(head->request.headers.count("remote_user") == 0);
  CHECK(head->request.headers.count("local_addr") == 0);
  CHECK(head->request.headers.count("x-forwarded-for") == 1);
}

TEST_CASE("the connection field decides whether the connection lives") {
  CHECK_FALSE(parse(with_field("Connection: close\r\n"))->keep_alive);
  CHECK_FALSE(parse(with_field("Connection: Keep-Alive, CLOSE\r\n"))->keep_alive);
  CHECK(parse(with_field("Connection: upgrade\r\n"))->keep_alive);
  CHECK_FALSE(parse("GET / HTTP/1.0\r\n")->keep_alive);
  CHECK(parse("GET / HTTP/1.0\r\nConnection: keep-alive\r\n")->keep_alive);
}

TEST_CASE("an absolute target is read as its path") {
  CHECK(parse("GET http://elsewhere/x?y=z HTTP/1.1\r\nHost: h\r\n")->request.path == "/x");
}

TEST_CASE("paths that could escape, hide or confuse are refused") {
  for (const char* path :
       {"",          "a",     "/..",    "/../a",  "/a/..", "/a/./b",    "/.",
        "/%2e%2e/a", "/.%2E", "/a%2fb", "/a%2Fb", "/%00",  "/a%0d%0ab", "/%7f",
        "/%",        "/%4",   "/%g0",   "/%zz",   "/%ff",  "/%c0%af",   "/%ed%a0%80"}) {
    CAPTURE(path);
    CHECK_FALSE(decode_path(path).has_value());
  }
  CHECK(decode_path("/").value() == "/");
  CHECK(decode_path("/a//b/").value() == "/a//b/");
  CHECK(decode_path("/...").value() == "/...");
  CHECK(decode_path("/%C3%A9+").value() == "/\xc3\xa9+");
}

TEST_CASE("a query parameter given twice is refused when it is read") {
  HttpRequest request;
  request.query = decode_query("a=1&b=2&a=3&empty=&flag").value();
  CHECK_FALSE(request.query_parameter("a").has_value());
  CHECK(request.query_parameter("b").value() == "2");
  CHECK(request.query_parameter("empty").value() == "");
  CHECK(request.query_parameter("flag").value() == "");
  CHECK_FALSE(request.query_parameter("absent").value().has_value());
  CHECK_FALSE(request.required_query_parameter("absent").has_value());
}

TEST_CASE("queries that are malformed or too many are refused") {
  CHECK_FALSE(decode_query("a=%").has_value());
  CHECK_FALSE(decode_query("a=%00").has_value());
  CHECK_FALSE(decode_query("%ff=1").has_value());
  std::string many;
  for (int i = 0; i < 101; ++i) many += "a=1&";
  CHECK_FALSE(decode_query(many).has_value());
}

}  // namespace statehouse
