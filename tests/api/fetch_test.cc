#include "api/http/git_fetch_request.h"
#include "api/http/pkt_line.h"
#include "tests/api/routes_fixture.h"

// Fetches through the route, answered by the real git.

namespace statehouse::test {

namespace {

class Collected final : public ResponseSink {
 public:
  Result<> write(std::string_view more) override {
    bytes.append(more);
    return {};
  }
  [[nodiscard]] bool client_gone() const override { return false; }

  std::string bytes;
};

/// Carol reads the audit branch, and not the hidden one.
class PartialView : public RoutesFixture {
 public:
  PartialView() {
    first = push_commit();
    hidden = workshop.commit({.files = {{"secret.yaml", "kind: Secret\n"}}});
    REQUIRE(push("alice", "platform", {{"refs/heads/hidden", hidden}}).accepted());
    secret = must(objects("platform")->read_tree(tree_of(hidden))).front().oid;
    second = push_commit({.files = {{"apps/shop.yaml", "kind: Deployment\n"}}});
  }

  Oid tree_of(const Oid& commit) { return must(objects("platform")->read_commit(commit)).tree; }

  /// What a v2 fetch of the newest commit with these arguments is answered.
  std::string fetch(const std::vector<std::string>& arguments) {
    std::string body;
    append_pkt_line(body, "command=fetch");
    append_delimiter(body);
    append_pkt_line(body, "want " + second.hex() + "\n");
    for (const std::string& argument : arguments) append_pkt_line(body, argument + "\n");
    append_flush(body);
    const std::string path = "/git/platform.git/git-upload-pack";
    RouteMatch match = application.router().find(Method::kPost, path);
    HttpRequest request;
    request.method = Method::kPost;
    request.path = path;
    request.body = RequestBody(body);
    request.caller = as("carol");
    request.headers.add("git-protocol", "version=2");
    request.path_parameters = std::move(match.parameters);
    HttpResponse response = must(match.route->handler(request));
    Collected sink;
    const auto* producer = std::get_if<StreamProducer>(&response.body());
    if (producer == nullptr) return std::get<std::string>(response.body());
    must((*producer)(sink));
    return sink.bytes;
  }

  Oid first;
  Oid second;
  Oid hidden;
  Oid secret;  ///< a file that only the hidden branch has
};

std::size_t objects_in_pack(const std::string& answer) {
  const std::size_t at = answer.find("PACK");
  REQUIRE(at != std::string::npos);
  return static_cast<unsigned char>(answer.at(at + 11));  // the low byte of the count
}

}  // namespace

TEST_CASE_FIXTURE(PartialView, "who sees a part is not told what else the repository has") {
  const std::string unknown = fetch({"have " + std::string(40, 'e')});
  CHECK(unknown.find("NAK") != std::string::npos);
  for (const Oid& oid : {hidden, secret, tree_of(hidden)}) {
    CHECK(fetch({"have " + oid.hex()}) == unknown);
  }
  CHECK(fetch({"have " + first.hex()}).find("ACK " + first.hex()) != std::string::npos);
}

TEST_CASE_FIXTURE(PartialView, "a shallow line does not tell what the repository has") {
  const std::string unknown = fetch({"shallow " + std::string(40, 'e'), "deepen 1", "done"});
  CHECK(fetch({"shallow " + secret.hex(), "deepen 1", "done"}) == unknown);
}

TEST_CASE_FIXTURE(PartialView, "who sees a part is sent only what is new") {
  CHECK(objects_in_pack(fetch({"done"})) == 8);
  const std::string more = fetch(
      {"have " + std::string(40, 'e'), "have " + hidden.hex(), "have " + first.hex(), "done"});
  CHECK(objects_in_pack(more) == 4);
  // What was kept for one view is not the answer for another.
  CHECK(objects_in_pack(fetch({"have " + hidden.hex(), "done"})) == 8);
}

}  // namespace statehouse::test
