#include "api/http/request_assembler.h"

#include <doctest/doctest.h>

#include <string>

#include "api/http/admission.h"
#include "crypto/base/limits.h"
#include "tests/api/http/fixture.h"

namespace statehouse {

namespace {

struct Assembly {
  /// Feeds in pieces of `step` until all is used or the request is decided.
  RequestAssembler& feed(std::string_view wire, std::size_t step = 100'000) {
    assembler.emplace(context, peer);
    fed = 0;
    while (fed < wire.size() && (assembler->state() == RequestAssembler::State::kHead ||
                                 assembler->state() == RequestAssembler::State::kBody)) {
      fed += assembler->feed(wire.substr(fed, step));
    }
    return *assembler;
  }
  int refusal(std::string_view wire) {
    if (feed(wire).state() != RequestAssembler::State::kRefused) return 0;
    return assembler->take_refusal().status();
  }

  TemporaryDirectory directory = TemporaryDirectory::create("/tmp", "statehouse-asm-").value();
  BodyBudget budget{1U << 20, 1U << 20};
  Peer peer{"192.0.2.1", 4711};
  AssemblerContext context{[](const RequestHead&) -> std::expected<Admission, HttpResponse> {
                             return Admission{10, Lane::kQuick};
                           },
                           directory.path(), &budget};
  std::optional<RequestAssembler> assembler;
  std::size_t fed = 0;
};

}  // namespace

TEST_CASE_FIXTURE(Assembly, "a head is refused as soon as it passes a limit, not at its end") {
  CHECK(refusal("GET /" + std::string(limits::kRequestTargetBytesMax + 100, 'a')) == 414);
  CHECK(fed <= limits::kHeaderBlockBytesMax + 1);
  CHECK(refusal("GET / HTTP/1.1\r\nA: " + std::string(limits::kHeaderBlockBytesMax, 'a')) == 431);
  std::string many = "GET / HTTP/1.1\r\n";
  for (int i = 0; i < 102; ++i) many += "A:b\r\n";
  CHECK(refusal(many) == 431);
  CHECK(refusal("GET / HTTP/1.1\n") == 400);
  CHECK(refusal("GET / HTTP/1.1\r\nA: b\n") == 400);
  CHECK(refusal("\r\n\r\n") == 400);
  CHECK(refusal("\n") == 400);
}

TEST_CASE_FIXTURE(Assembly, "bodies over the admission are refused however they are framed") {
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\n";
  CHECK(refusal(head + "Content-Length: 11\r\n\r\n") == 413);
  CHECK(refusal(head + "Transfer-Encoding: chunked\r\n\r\nb\r\nhello world") == 413);
  CHECK(refusal(head + "Transfer-Encoding: chunked\r\n\r\n6\r\nhello \r\n5\r\nworld\r\n") == 413);
  CHECK(refusal(head + "Content-Length: 10\r\n\r\nhelloworld") == 0);
}

TEST_CASE_FIXTURE(Assembly,
                  "a request is the same in pieces of any size, and what follows is left") {
  const std::string first =
      "\r\nPOST /a?b=c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5\r\nhello\r\n0\r\n\r\n";
  for (std::size_t step = 1; step <= first.size(); ++step) {
    CAPTURE(step);
    REQUIRE(feed(first + "GET /next", step).state() == RequestAssembler::State::kComplete);
    CHECK(fed == first.size());
    const AssembledRequest request = assembler->take_request();
    CHECK(request.request.path == "/a");
    CHECK(request.request.body.bytes() == "hello");
    CHECK(request.request.peer_address == "192.0.2.1");
  }
}

TEST_CASE_FIXTURE(Assembly, "100 Continue is due once, and not to a client that did not wait") {
  const std::string head =
      "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
  CHECK(feed(head).take_continue());
  CHECK_FALSE(assembler->take_continue());
  CHECK_FALSE(feed(head + "h").take_continue());
  CHECK_FALSE(feed(head + "hello").take_continue());
}

TEST_CASE("a request without a body is admitted whatever its path, its answer is made later") {
  Router router;
  RequestHead head;
  head.request.path = "/nowhere";
  CHECK(admit_request(router, head).has_value());
  head.framing = Framing::kChunked;
  CHECK(admit_request(router, head).error().status() == 404);
}

TEST_CASE("the body of an authenticated route needs credentials, except on the control socket") {
  Router router;
  REQUIRE(router
              .add({Method::kPost, "/p", Access::kAuthenticated, Lane::kLong, 7,
                    [](HttpRequest&) -> Result<HttpResponse> { return HttpResponse::empty(204); }})
              .has_value());
  RequestHead head;
  head.request.method = Method::kPost;
  head.request.path = "/p";
  head.framing = Framing::kChunked;
  CHECK(admit_request(router, head).error().status() == 401);
  head.request.is_control_socket = true;
  CHECK(admit_request(router, head)->body_bytes_max == 7);
  head.request.is_control_socket = false;
  head.request.headers.add("authorization", "Bearer x");
  CHECK(admit_request(router, head)->lane == Lane::kLong);
  head.request.headers.add("content-encoding", "br");
  CHECK(admit_request(router, head).error().status() == 415);
}

}  // namespace statehouse
