#include "api/service/integrity.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

TEST_CASE_FIXTURE(ServiceFixture,
                  "a configuration that does not parse is refused with file and line") {
  const PushResult result =
      push_configuration({{"bad.yaml", "apiVersion: statehouse/v1\nkind: Group\nmetadata: [\n"}});
  CHECK(result.denied_by("store/configuration"));
  CHECK_MESSAGE(result.text().find("bad.yaml:") != std::string::npos, result.text());
  CHECK(version("system:refs/heads/audit") == version("system:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a configuration that names what is not there is refused") {
  const PushResult result =
      push_configuration({{"bad.yaml",
                           "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: ghosts}\n"
                           "spec: {members: [nobody-at-all]}\n"}});
  CHECK(result.denied_by("store/configuration"));
  CHECK_MESSAGE(result.text().find("bad.yaml:4") != std::string::npos, result.text());
}

TEST_CASE_FIXTURE(ServiceFixture, "a configuration that locks everybody out is refused") {
  const PushResult result = push_configuration(
      {{"groups/administrators.yaml",
        "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: administrators}\n"
        "spec: {members: [dave]}\n"},
       {"flows/system.yaml", ""}});
  CHECK_FALSE(result.accepted());
  CHECK_MESSAGE((result.denied_by("store/lockout") || result.denied_by("store/configuration")),
                result.text());
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a configuration that leaves one person alone to change it is refused") {
  const PushResult result = push_configuration(
      {{"groups/administrators.yaml",
        "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: administrators}\n"
        "spec: {members: [alice]}\n"}});
  CHECK_MESSAGE(result.denied_by("store/lockout"), result.text());
}

TEST_CASE_FIXTURE(ServiceFixture, "an alias bomb in the configuration is refused") {
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x]\n";
  for (char c = 'b'; c < 'k'; ++c) {
    bomb += std::string(1, c) + ": &" + c + " [";
    for (int i = 0; i < 9; ++i)
      bomb += (i > 0 ? ", *" : "*") + std::string(1, static_cast<char>(c - 1));
    bomb += "]\n";
  }
  CHECK(push_configuration({{"bomb.yaml", bomb}}).denied_by("store/configuration"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a pushed configuration is in force only when it was promoted") {
  const std::string policy =
      "apiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: more}\nspec:\n"
      "  match: {repositories: [platform], refs: [refs/heads/more]}\n"
      "  update: {by: [group:developers]}\n";
  REQUIRE(push_configuration({{"more.yaml", policy}}).accepted());
  const Oid made = commit();
  CHECK(push("alice", "platform", {{"refs/heads/more", made}}).denied_by("store/ungoverned"));
  promote("system");
  CHECK(push("alice", "platform", {{"refs/heads/more", made}}).accepted());
}

TEST_CASE_FIXTURE(ServiceFixture, "the author of a configuration does not approve it") {
  REQUIRE(push_configuration({{"note.yaml",
                               "apiVersion: statehouse/v1\nkind: Group\n"
                               "metadata: {name: more}\nspec: {members: [alice]}\n"}})
              .accepted());
  const PromotionNumber number = open("alice", "system");
  CHECK(refusal_of(approve("alice", number)) == "self-approval");
  CHECK(refusal_of(merge("alice", number)) == "approvals");
}

TEST_CASE_FIXTURE(ServiceFixture, "a declared repository is there at once, and after a restart") {
  const std::string text =
      "apiVersion: statehouse/v1\nkind: Repository\nmetadata: {name: team/app}\n"
      "spec: {description: another}\n";
  declare({{"app.yaml", text}});
  CHECK(core().repositories.exists(must(RepositoryName::parse("team/app"))));
  reopen();
  CHECK(must(ledger().repository(must(RepositoryName::parse("team/app")))));
  CHECK(must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).ok());
}

TEST_CASE_FIXTURE(ServiceFixture, "a version says which configuration judged it") {
  push_commit();
  const auto before = *must(ledger().version(key_of("platform:refs/heads/audit"), 1));
  CHECK(before.configuration == version("system:refs/heads/deploy"));
  declare({{"note.yaml",
            "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: more}\n"
            "spec: {members: [alice]}\n"}});
  push_commit({.files = {{"a.yaml", "a: 1\n"}}});
  const auto after = *must(ledger().version(key_of("platform:refs/heads/audit"), 2));
  CHECK(after.configuration == before.configuration + 1);
}

}  // namespace statehouse::test
