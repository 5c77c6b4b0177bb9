#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

NewToken token_for(ServiceFixture& fixture, std::string_view who,
                   TokenScope scope = TokenScope::kWrite, const std::string& repositories = "") {
  TokenRequest request{.identity = name_of_resource(who)};
  request.scope = scope;
  if (!repositories.empty()) request.repositories = must(Glob::parse(repositories));
  return must(fixture.store->tokens().create(AuthenticatedCaller::control(), request));
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "nothing but a token of the store is recognised") {
  const NewToken token = token_for(*this, "alice");
  for (const std::string& text :
       {std::string(), std::string("sth_"), token.text.substr(0, token.text.size() - 1),
        token.text + "A", "STH_" + token.text.substr(4), token.record.id, token.record.hash}) {
    CHECK(code_of(store->tokens().authenticate(text)) == ErrorCode::kDenied);
  }
  CHECK(must(store->tokens().authenticate(token.text)).identity_name() == "alice");
}

TEST_CASE_FIXTURE(ServiceFixture, "a token ends at its hour") {
  const NewToken person = token_for(*this, "alice");
  const NewToken robot = token_for(*this, "ci");
  clock.advance(std::chrono::hours(24) - Milliseconds(1));
  CHECK(store->tokens().authenticate(person.text));
  clock.advance(Milliseconds(1));
  CHECK(code_of(store->tokens().authenticate(person.text)) == ErrorCode::kDenied);
  CHECK(store->tokens().authenticate(robot.text));
  clock.advance(std::chrono::hours(90 * 24));
  CHECK(code_of(store->tokens().authenticate(robot.text)) == ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(ServiceFixture, "a revoked token is not recognised, also after a restart") {
  const NewToken token = token_for(*this, "alice");
  const NewToken other = token_for(*this, "alice");
  must(store->tokens().revoke(AuthenticatedCaller::control(), token.record.id));
  CHECK(code_of(store->tokens().authenticate(token.text)) == ErrorCode::kDenied);
  reopen();
  CHECK(code_of(store->tokens().authenticate(token.text)) == ErrorCode::kDenied);
  CHECK(store->tokens().authenticate(other.text));
  CHECK(newest_event()["type"] == "statehouse.token.revoked");
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "the token of somebody who is gone from the configuration is not recognised") {
  const NewToken token = token_for(*this, "mallory");
  REQUIRE(store->tokens().authenticate(token.text));
  std::string text = organisation();
  const std::size_t from =
      text.find("---\napiVersion: statehouse/v1\nkind: Identity\nmetadata: {name: mallory}");
  text.erase(from, text.find("---\n", from + 4) - from);
  declare({{"organisation.yaml", text}});
  CHECK(code_of(store->tokens().authenticate(token.text)) == ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(ServiceFixture, "a token says how far it reaches") {
  const auto caller = must(
      store->tokens().authenticate(token_for(*this, "alice", TokenScope::kRead, "platform").text));
  CHECK(code_of(caller.require_scope(TokenScope::kWrite)) == ErrorCode::kDenied);
  CHECK(caller.require_scope(TokenScope::kRead));
  CHECK(caller.covers(must(RepositoryName::parse("platform"))));
  CHECK_FALSE(caller.covers(must(RepositoryName::parse("mirror"))));
  CHECK_FALSE(caller.covers(RepositoryName::system()));
}

TEST_CASE_FIXTURE(ServiceFixture, "a pattern never covers the store's own configuration") {
  const auto caller =
      must(store->tokens().authenticate(token_for(*this, "alice", TokenScope::kWrite, "**").text));
  CHECK_FALSE(caller.covers(RepositoryName::system()));
  CHECK(code_of(store->promotions().open(caller, {.flow = name_of_resource("system")})) ==
        ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(ServiceFixture, "only administrators with an admin token make tokens") {
  TokenRequest request{.identity = name_of_resource("carol")};
  for (const AuthenticatedCaller& caller :
       {as("carol", TokenScope::kAdmin), as("alice", TokenScope::kWrite),
        AuthenticatedCaller::anonymous()}) {
    CHECK(code_of(store->tokens().create(caller, request)) == ErrorCode::kDenied);
  }
  CHECK(store->tokens().create(as("alice", TokenScope::kAdmin), request));
}

TEST_CASE_FIXTURE(ServiceFixture, "a token is made for declared people and bounded times only") {
  TokenRequest ghost{.identity = name_of_resource("nobody-at-all")};
  CHECK(code_of(store->tokens().create(AuthenticatedCaller::control(), ghost)) ==
        ErrorCode::kNotFound);
  TokenRequest forever{.identity = name_of_resource("carol")};
  forever.expires_in = std::chrono::hours(24 * 400);
  CHECK(code_of(store->tokens().create(AuthenticatedCaller::control(), forever)) ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE_FIXTURE(ServiceFixture, "people see and revoke their own tokens, not others'") {
  const NewToken mine = token_for(*this, "carol");
  const NewToken other = token_for(*this, "alice");
  CHECK(must(store->tokens().list(as("carol"))).size() == 1);
  CHECK(code_of(store->tokens().revoke(as("carol"), other.record.id)) == ErrorCode::kNotFound);
  must(store->tokens().revoke(as("carol", TokenScope::kAdmin), mine.record.id));
  CHECK(must(store->tokens().list(as("alice", TokenScope::kAdmin))).size() == 2);
}

TEST_CASE_FIXTURE(ServiceFixture, "a token without scope admin revokes itself alone") {
  const NewToken other = token_for(*this, "carol");
  for (const TokenScope scope : {TokenScope::kRead, TokenScope::kWrite}) {
    const NewToken token = token_for(*this, "carol", scope);
    const AuthenticatedCaller caller = must(store->tokens().authenticate(token.text));
    CHECK(code_of(store->tokens().revoke(caller, other.record.id)) == ErrorCode::kDenied);
    must(store->tokens().revoke(caller, token.record.id));
    CHECK(code_of(store->tokens().authenticate(token.text)) == ErrorCode::kDenied);
  }
  CHECK(store->tokens().authenticate(other.text));
}

TEST_CASE_FIXTURE(ServiceFixture, "a token for some repositories revokes itself alone") {
  const NewToken other = token_for(*this, "alice");
  const NewToken token = token_for(*this, "alice", TokenScope::kAdmin, "platform");
  const AuthenticatedCaller caller = must(store->tokens().authenticate(token.text));
  CHECK(code_of(store->tokens().revoke(caller, other.record.id)) == ErrorCode::kDenied);
  CHECK(code_of(store->tokens().revoke(caller, "tok_0000000000000000")) == ErrorCode::kDenied);
  must(store->tokens().revoke(caller, token.record.id));
  CHECK(store->tokens().authenticate(other.text));
}

TEST_CASE_FIXTURE(ServiceFixture, "the log names a token by its id and never holds its text") {
  const NewToken token = token_for(*this, "carol");
  const std::string entry = must(ledger().entry(token.record.entry));
  CHECK(entry.find(token.record.id) != std::string::npos);
  CHECK(entry.find(token.text) == std::string::npos);
}

}  // namespace statehouse::test
