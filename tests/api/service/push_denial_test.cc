#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

/// One push to platform's audit branch that must be refused by `rule`, move nothing, and be logged.
void refused(ServiceFixture& fixture, std::string_view who, const Oid& commit,
             std::string_view rule) {
  const VersionNumber before = fixture.version("platform:refs/heads/audit");
  const std::uint64_t size = fixture.log_size();
  const PushResult result = fixture.push(who, commit);
  CHECK_MESSAGE(result.denied_by(rule), result.text());
  CHECK(fixture.version("platform:refs/heads/audit") == before);
  CHECK(fixture.log_size() == size + 1);
  CHECK(fixture.newest_event()["type"] == "statehouse.ref.refused");
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture, "an unsigned commit is refused") {
  refused(*this, "alice", commit({.is_signed = false}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit whose signature is over other bytes is refused") {
  const CommitPlan plan;
  std::string raw = workshop.raw_commit(plan);
  raw.replace(raw.find("Change the shop"), 6, "Chance");
  const Oid tree = must(Oid::parse(std::string_view(raw).substr(5, 40)));
  refused(*this, "alice", workshop.write_commit(raw, tree, {}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit signed by a key that nobody has is refused") {
  refused(*this, "alice", commit({.signer = "nobody"}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit signed by a revoked key is refused") {
  refused(*this, "alice", commit({.author = "erin"}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a commit signed by an expired key is refused, whatever its date") {
  refused(*this, "alice", commit({.author = "frank"}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a refusal names the keys that signed, known to the store or not") {
  const auto keys_of_refused = [&](const Oid& tip) {
    REQUIRE_FALSE(push("alice", "platform", {{"refs/heads/audit", tip}}).accepted());
    return newest_event()["data"]["updates"][0]["keys"];
  };
  const auto fingerprint = [](std::string_view name) {
    return SshPublicKey::from_ed25519(key_named(name).public_key()).fingerprint();
  };
  for (const char* name : {"erin", "mallory"}) {
    CHECK(keys_of_refused(commit({.author = name})) == Json::array({fingerprint(name)}));
  }
  CHECK(keys_of_refused(commit({.signer = "nobody"})) == Json::array({fingerprint("nobody")}));
  CHECK(keys_of_refused(commit({.is_signed = false})) == Json::array());
  const CommitPlan plan{.signer = "nobody"};
  std::string raw = workshop.raw_commit(plan);
  raw.replace(raw.find("Change the shop"), 6, "Chance");
  const Oid tree = must(Oid::parse(std::string_view(raw).substr(5, 40)));
  CHECK(keys_of_refused(workshop.write_commit(raw, tree, {})) == Json::array());
}

TEST_CASE_FIXTURE(ServiceFixture, "a signature made for another purpose is refused") {
  refused(*this, "alice", commit({.signature_namespace = std::string(kSshNamespaceApproval)}),
          "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture, "a commit signed by somebody who is no signer is refused") {
  refused(*this, "alice", commit({.author = "mallory"}), "audit/signers");
}

TEST_CASE_FIXTURE(ServiceFixture, "one bad commit below a good one refuses both") {
  const Oid bad = commit({.is_signed = false});
  refused(*this, "alice", commit({.parents = {bad}}), "audit/signatures");
}

TEST_CASE_FIXTURE(ServiceFixture, "the signature traps of git are refused through the push path") {
  std::string raw = workshop.raw_commit({.message = "Change the shop\n"});
  const Oid tree = must(Oid::parse(std::string_view(raw).substr(5, 40)));
  const std::string armor =
      raw.substr(raw.find("gpgsig "), raw.find("\n\n") + 1 - raw.find("gpgsig "));
  const std::string payload = raw.substr(0, raw.find("gpgsig ")) + raw.substr(raw.find("\n\n") + 1);
  std::string hostile;
  SUBCASE("text behind a NUL") { hostile = raw + std::string("\0evil\n", 6); }
  SUBCASE("the signature in the message") { hostile = payload + "\n" + armor; }
  SUBCASE("a second signature header") {
    hostile = raw;
    hostile.insert(hostile.find("gpgsig "), armor);
  }
  SUBCASE("a header that git does not verify") {
    hostile = raw;
    hostile.insert(hostile.find("\n\n"), "\ngpgsigevil hidden");
  }
  SUBCASE("text behind the armor") {
    hostile = raw;
    hostile.insert(hostile.find("\n\n"), "\n more");
  }
  const Oid commit = workshop.write_commit(hostile, tree, {});
  const PushResult result = push("alice", commit);
  CHECK_FALSE(result.accepted());
  CHECK_MESSAGE((result.denied_by("audit/signatures") || result.denied_by("store/objects")),
                result.text());
  CHECK_FALSE(state("platform:refs/heads/audit"));
  CHECK_FALSE(objects("platform")->has_object(commit));
}

TEST_CASE_FIXTURE(ServiceFixture, "somebody without a grant may not push") {
  refused(*this, "mallory", commit(), "audit/update");
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref that no policy governs takes no push") {
  const PushResult result = push("alice", "platform", {{"refs/heads/other", commit()}});
  CHECK(result.denied_by("store/ungoverned"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref that only a flow moves takes no push, and says which") {
  const PushResult result = push("alice", "platform", {{"refs/heads/deploy", commit()}});
  CHECK(result.denied_by("deploy/flow-only"));
  CHECK(result.text().find("promotion create -R platform --flow deploy") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "history cannot be rewritten where that is not allowed") {
  const Oid first = push_commit();
  push_commit();
  refused(*this, "alice", commit({.parents = {first}}), "audit/force-push");
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref cannot be deleted where that is not allowed") {
  push_commit();
  const PushResult result = push("alice", "platform", {{"refs/heads/audit", std::nullopt}});
  CHECK(result.denied_by("audit/delete"));
  CHECK(state("platform:refs/heads/audit")->content);
}

TEST_CASE_FIXTURE(ServiceFixture, "a push that leaves nobody who could approve is refused") {
  const Oid made = commit({.message = "Shop\n\nCo-authored-by: B <bob@example.org>\n"
                                      "Co-authored-by: C <carol@example.org>\n"});
  refused(*this, "alice", made, "flow:deploy/eligible-approver");
}

TEST_CASE_FIXTURE(ServiceFixture, "a push of two refs of which one is denied moves nothing") {
  const Oid made = commit();
  const std::uint64_t size = log_size();
  const PushResult result =
      push("alice", "platform", {{"refs/heads/topic/a", made}, {"refs/heads/deploy", made}});
  CHECK(result.denied_by("deploy/flow-only"));
  CHECK_FALSE(state("platform:refs/heads/topic/a"));
  CHECK(log_size() == size + 1);
  CHECK(newest_event()["data"]["updates"].size() == 1);
}

TEST_CASE_FIXTURE(ServiceFixture, "the objects of a refused push are gone from the disk") {
  push_commit();
  const auto before = object_files("platform");
  const Oid made = commit({.is_signed = false});
  CHECK_FALSE(push("alice", made).accepted());
  CHECK(object_files("platform") == before);
  CHECK_FALSE(objects("platform")->has_object(made));
}

TEST_CASE_FIXTURE(ServiceFixture, "an old value that is not true any more says fetch first") {
  const Oid first = push_commit();
  push_commit();
  const Oid mine = commit({.parents = {first}});
  const PushReport report =
      must(push_moves("alice", "platform", {{key_of("platform:refs/heads/audit"), first, mine}},
                      workshop.pack({mine})));
  CHECK(report.refs[0].refused.value_or("").find("fetch first") != std::string::npos);
  CHECK_FALSE(objects("platform")->has_object(mine));
}

TEST_CASE_FIXTURE(ServiceFixture, "creating a ref that is there is a conflict") {
  push_commit();
  const Oid mine = commit();
  const PushReport report = must(
      push_moves("alice", "platform", {{key_of("platform:refs/heads/audit"), std::nullopt, mine}},
                 workshop.pack({mine})));
  CHECK(report.refs[0].refused.value_or("").find("already exists") != std::string::npos);
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref cannot stand where a folder of refs is") {
  const Oid made = commit();
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", made}}).accepted());
  const Oid more = commit({.parents = {made}});
  const PushResult below = push("alice", "platform", {{"refs/heads/topic/a/b", more}});
  CHECK_FALSE(below.accepted());
  CHECK_FALSE(state("platform:refs/heads/topic/a/b"));
}

TEST_CASE_FIXTURE(ServiceFixture, "two refs of one push cannot be a name and its folder") {
  const Oid made = commit();
  const PushResult result =
      push("alice", "platform", {{"refs/heads/topic/a", made}, {"refs/heads/topic/a/b", made}});
  CHECK_FALSE(result.accepted());
  CHECK_FALSE(state("platform:refs/heads/topic/a"));
  CHECK_FALSE(state("platform:refs/heads/topic/a/b"));
  CHECK(push("alice", "platform", {{"refs/heads/topic/a", made}}).accepted());
}

TEST_CASE_FIXTURE(ServiceFixture, "objects that do not come along are missed") {
  const Oid parent = commit();
  const Oid made = commit({.parents = {parent}});
  const std::string whole = workshop.pack({parent});
  const PushReport report = must(push_moves(
      "alice", "platform", {{key_of("platform:refs/heads/audit"), std::nullopt, made}}, whole));
  CHECK(report.unpack_error);
  CHECK_FALSE(state("platform:refs/heads/audit"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a refused push brings no object that a later one can use") {
  const Oid hidden = commit({.is_signed = false});
  CHECK_FALSE(push("alice", hidden).accepted());
  const PushReport report = must(push_moves(
      "alice", "platform", {{key_of("platform:refs/heads/topic/x"), std::nullopt, hidden}}, {}));
  CHECK(report.unpack_error);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a token that may only read, or covers another repository, pushes nothing") {
  const Oid made = commit();
  const std::string pack = workshop.pack({made});
  const PushIntent intent{must(RepositoryName::parse("platform")),
                          {{key_of("platform:refs/heads/audit"), std::nullopt, made}}};
  const std::optional<PackInput> input = PackInput{.bytes = pack};
  CHECK(code_of(store->pushes().push(as("alice", TokenScope::kRead), intent, input)) ==
        ErrorCode::kDenied);
  CHECK(code_of(store->pushes().push(as("alice", TokenScope::kWrite, "mirror"), intent, input)) ==
        ErrorCode::kDenied);
  CHECK(code_of(store->pushes().push(AuthenticatedCaller::anonymous(), intent, input)) ==
        ErrorCode::kDenied);
  CHECK(code_of(store->pushes().push(AuthenticatedCaller::control(), intent, input)) ==
        ErrorCode::kDenied);
}

TEST_CASE_FIXTURE(ServiceFixture, "a dry run decides, moves nothing and logs nothing") {
  const std::uint64_t size = log_size();
  const auto before = object_files("platform");
  const PushResult good = push("alice", "platform", {{"refs/heads/audit", commit()}}, true);
  CHECK(good.text().find("would be accepted") != std::string::npos);
  const PushResult bad =
      push("alice", "platform", {{"refs/heads/audit", commit({.is_signed = false})}}, true);
  CHECK(bad.text().find("would be denied") != std::string::npos);
  CHECK(bad.text().find("denied: audit/signatures") != std::string::npos);
  CHECK(log_size() == size);
  CHECK_FALSE(state("platform:refs/heads/audit"));
  CHECK(object_files("platform") == before);
}

TEST_CASE_FIXTURE(ServiceFixture, "the same refusal again is counted, not logged again") {
  const Oid made = commit({.is_signed = false});
  push("alice", made);
  const std::uint64_t size = log_size();
  const PushResult again = push("alice", made);
  CHECK(again.denied_by("audit/signatures"));
  CHECK(log_size() == size);
}

}  // namespace statehouse::test
