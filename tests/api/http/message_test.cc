#include "api/http/message.h"

#include <doctest/doctest.h>

#include <string>

#include "api/http/problem.h"
#include "api/http/stream.h"
#include "crypto/base/json.h"

namespace statehouse {

TEST_CASE("no control byte can enter a response header") {
  HttpResponse response = HttpResponse::empty(200);
  for (int byte = 0; byte < 256; ++byte) {
    const std::string value = std::string("a") + static_cast<char>(byte) + "b";
    const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7f;
    CAPTURE(byte);
    CHECK(response.set_header("X-Value", value).has_value() == !control);
    CHECK(response.add_header("X-More", value).has_value() == !control);
  }
}

TEST_CASE("a response header's name is a token and not one that the server computes") {
  HttpResponse response = HttpResponse::empty(200);
  for (const char* name : {"", "a b", "a:b", "a\r\nb", "a\n", "ü", "Content-Length",
                           "transfer-encoding", "CONNECTION", "Keep-Alive", "Date", "Trailer"}) {
    CAPTURE(name);
    CHECK_FALSE(response.set_header(name, "1").has_value());
  }
  CHECK(response.headers().empty());
}

TEST_CASE("setting a header replaces it, adding keeps both") {
  HttpResponse response = HttpResponse::empty(200);
  REQUIRE(response.set_header("ETag", "\"1\"").has_value());
  REQUIRE(response.set_header("etag", "\"2\"").has_value());
  CHECK(response.header("ETag") == "\"2\"");
  REQUIRE(response.add_header("Link", "a").has_value());
  REQUIRE(response.add_header("Link", "b").has_value());
  CHECK(response.headers().size() == 3);
}

TEST_CASE("a request header given twice cannot be read as one value") {
  HeaderFields fields;
  fields.add("x-a", "1");
  fields.add("x-b", "1");
  fields.add("x-b", "1");
  CHECK(fields.single("X-A").value() == "1");
  CHECK_FALSE(fields.single("X-B").has_value());
  CHECK_FALSE(fields.single("X-C").value().has_value());
}

TEST_CASE("each error code has its status, and a problem says code, detail and fix") {
  CHECK(http_status(ErrorCode::kInvalidArgument) == 400);
  CHECK(http_status(ErrorCode::kDenied) == 403);
  CHECK(http_status(ErrorCode::kNotFound) == 404);
  CHECK(http_status(ErrorCode::kConflict) == 409);
  CHECK(http_status(ErrorCode::kUnverified) == 422);
  CHECK(http_status(ErrorCode::kUnavailable) == 503);
  HttpResponse response = problem(Error{ErrorCode::kConflict, "it moved", "read again"});
  CHECK(response.header("Content-Type") == "application/problem+json");
  const Json body = parse_json(std::get<std::string>(response.body())).value();
  CHECK(body == Json{{"type", "about:blank"},
                     {"status", 409},
                     {"code", "conflict"},
                     {"title", "Conflict"},
                     {"detail", "it moved"},
                     {"fix", "read again"}});
}

TEST_CASE("a problem about our own failure shows none of its cause") {
  for (const ErrorCode code : {ErrorCode::kInternal, ErrorCode::kCorrupt}) {
    const HttpResponse response = problem(Error{code, "reading /secret/path: EIO", ""});
    CHECK(response.status() == 500);
    CHECK(std::get<std::string>(response.body()).find("secret") == std::string::npos);
  }
}

TEST_CASE("HTTP dates are in the one fixed form") {
  CHECK(http_date(Timestamp::from_unix_seconds(784'111'777)) == "Sun, 06 Nov 1994 08:49:37 GMT");
}

}  // namespace statehouse
