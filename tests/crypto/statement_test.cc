#include "crypto/statement.h"

#include <doctest/doctest.h>

#include "crypto/base/json.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/mutation.h"
#include "tests/crypto/statements.h"

namespace statehouse {

namespace {

template <typename Statement>
void refuses_every_mutation(const Statement& statement) {
  const Json whole = parse_json(statement.payload()).value();
  const Mutations mutations(whole);
  CHECK(mutations.documents().size() > 60);
  for (const std::string& document : mutations.documents()) {
    CAPTURE(document);
    CHECK_FALSE(Statement::parse(document));
  }
}

template <typename Statement>
bool refuses(const Statement& statement) {
  return !Statement::parse(statement.payload());
}

}  // namespace

TEST_CASE("a version statement with anything missing, added or of another type is refused") {
  refuses_every_mutation(version_statement());
}

TEST_CASE("a head statement with anything missing, added or of another type is refused") {
  refuses_every_mutation(head_statement());
}

TEST_CASE("an approval with anything missing, added or of another type is refused") {
  refuses_every_mutation(approval_statement());
}

TEST_CASE("statements read back as they were written") {
  CHECK(VersionStatement::parse(version_statement().payload()).value() == version_statement());
  CHECK(HeadStatement::parse(head_statement().payload()).value() == head_statement());
  CHECK(ApprovalStatement::parse(approval_statement().payload()).value() == approval_statement());
  VersionStatement first = version_statement();
  first.previous.reset();
  CHECK(VersionStatement::parse(first.payload()).value() == first);
  ApprovalStatement open = approval_statement();
  open.expires.reset();
  open.target_base.reset();
  open.drops.clear();
  CHECK(ApprovalStatement::parse(open.payload()).value() == open);
}

TEST_CASE("ids, digests and kinds that are not well formed are refused") {
  const auto spoil = [](auto change) {
    VersionStatement statement = version_statement();
    change(statement);
    return refuses(statement);
  };
  CHECK(spoil([](VersionStatement& s) { s.commit.pop_back(); }));
  CHECK(spoil([](VersionStatement& s) { s.commit[0] = 'A'; }));
  CHECK(spoil([](VersionStatement& s) { s.tree_sha256 += "0"; }));
  CHECK(spoil([](VersionStatement& s) { s.policy_digest = std::string(64, 'a'); }));
  CHECK(spoil([](VersionStatement& s) { s.previous = "sha1:" + std::string(40, 'a'); }));
  CHECK(spoil([](VersionStatement& s) { s.kind = "merge"; }));
  CHECK(spoil([](VersionStatement& s) { s.origin = ""; }));
  CHECK(spoil([](VersionStatement& s) { s.ref = "refs/heads/a\nb"; }));
}

TEST_CASE("a version statement whose subjects say something else than its predicate is refused") {
  const std::string good = version_statement().payload();
  const std::string commit = version_statement().commit;
  CHECK_FALSE(VersionStatement::parse(
      replaced(good, "\"gitCommit\":\"" + commit, "\"gitCommit\":\"" + std::string(40, '9'))));
  CHECK_FALSE(VersionStatement::parse(
      replaced(good, "\"commit\":\"" + commit, "\"commit\":\"" + std::string(40, '9'))));
  CHECK_FALSE(VersionStatement::parse(replaced(good, "\"name\":\"tree\"", "\"name\":\"trees\"")));
}

TEST_CASE("refs of a head statement are sorted and different") {
  HeadStatement head = head_statement();
  std::ranges::reverse(head.refs);
  CHECK(HeadStatement::parse(head.payload()).value() == head_statement());
  head.refs.push_back(head.refs[0]);
  CHECK(refuses(head));
  Json unsorted = parse_json(head_statement().payload()).value();
  std::swap(unsorted["refs"][0], unsorted["refs"][1]);
  CHECK_FALSE(HeadStatement::parse(dump_json(unsorted)));
}

TEST_CASE("a head statement that expires before it is issued is refused") {
  HeadStatement head = head_statement();
  head.expires = head.issued;
  CHECK(refuses(head));
}

TEST_CASE("a head statement finds its refs") {
  const HeadStatement head = head_statement();
  CHECK(head.find("platform", "refs/heads/deploy")->version == 7);
  CHECK(head.find("platform", "refs/heads/none") == nullptr);
}

TEST_CASE("an approval is about the same promotion unless more than the signer's words differ") {
  const ApprovalStatement expected = approval_statement();
  ApprovalStatement given = expected;
  given.verdict = ApprovalVerdict::kReject;
  given.expires.reset();
  given.issued = given.issued + std::chrono::hours(1);
  CHECK(expected.is_about_same_as(given));
  const auto differs = [&](auto change) {
    ApprovalStatement other = expected;
    change(other);
    return !expected.is_about_same_as(other);
  };
  CHECK(differs([](ApprovalStatement& s) { s.origin += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { ++s.epoch; }));
  CHECK(differs([](ApprovalStatement& s) { ++s.promotion; }));
  CHECK(differs([](ApprovalStatement& s) { s.source_repository += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { s.source_ref += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { s.source_commit[0] = '0'; }));
  CHECK(differs([](ApprovalStatement& s) { s.source_commit_sha256[0] = '0'; }));
  CHECK(differs([](ApprovalStatement& s) { s.target_repository += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { s.target_ref += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { s.target_base.reset(); }));
  CHECK(differs([](ApprovalStatement& s) { s.tree[0] = '0'; }));
  CHECK(differs([](ApprovalStatement& s) { s.tree_sha256[0] = '0'; }));
  CHECK(differs([](ApprovalStatement& s) { s.flow += "x"; }));
  CHECK(differs([](ApprovalStatement& s) { s.policy_digest[10] = '0'; }));
  CHECK(differs([](ApprovalStatement& s) { s.drops.clear(); }));
}

TEST_CASE("the bytes of a version statement are these: golden") {
  const std::string a40(40, 'a'), b40(40, 'b'), c64(64, 'c'), d64(64, 'd'), e64(64, 'e');
  const std::string f = "sha256:" + std::string(64, 'f');
  CHECK(
      version_statement().payload() ==
      R"({"_type":"https://in-toto.io/Statement/v1","predicate":{"archive":{"format":"ustar-v1",)"
      R"("sha256":")" +
          e64 + R"(","size":10240},"commit":")" + a40 +
          R"(","entry":41,"epoch":1,)"
          R"("kind":"promotion","origin":"example.com/store","policyDigest":")" +
          f + R"(","previous":")" + f +
          R"(","ref":"refs/heads/deploy","repository":"platform",)"
          R"("time":"2026-01-01T00:00:00.000Z","tree":")" +
          b40 +
          R"(","version":7},)"
          R"("predicateType":"https://statehouse.dev/version/v1","subject":[{"digest":{"gitCommit":")" +
          a40 + R"(","sha256":")" + c64 + R"("},"name":"commit"},{"digest":{"gitTree":")" + b40 +
          R"(","sha256":")" + d64 + R"("},"name":"tree"},{"digest":{"sha256":")" + e64 +
          R"("},"name":"archive"}]})");
}

}  // namespace statehouse
