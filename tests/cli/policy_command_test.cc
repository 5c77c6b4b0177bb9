#include <doctest/doctest.h>

#include "policy/default_system.h"
#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;

namespace {

/// What `init --admin alice=KEY` makes, in the folder conf.
void add_first_configuration(TestCli& cli) {
  const FirstAdministrator alice{
      ResourceName::parse("alice").value(),
      "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICnZOSjz3j+hoUsqxCNugeNqc8CaTT0jb2ugOQi5/k2s alice",
      {}};
  const OpenPgpInspector no_openpgp = [](std::string_view) -> Result<OpenPgpKeySummary> {
    return invalid_argument("no OpenPGP here");
  };
  const auto files = default_system_files({alice}, no_openpgp, cli.clock.now()).value();
  for (const auto& [path, bytes] : files) cli.file("conf/" + path, bytes);
}

}  // namespace

TEST_CASE("what is wrong in a configuration is printed with file, line and column") {
  TestCli cli;
  cli.file("conf/a/bad.yaml",
           "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: g}\n"
           "spec: {members: [nobody], colour: red}\n");
  CHECK(cli.run_alone({"policy", "check", "conf"}) == 2);
  CHECK(cli.err.find("a/bad.yaml:4:") != std::string::npos);
  CHECK(cli.err.find("statehouse: checking the configuration: ") != std::string::npos);
  CHECK(cli.run_alone({"policy", "check", "conf", "-o", "json"}) == 2);
  CHECK(cli.json()["valid"] == false);
  CHECK(cli.json()["code"] == "invalid-argument");
  CHECK(cli.json()["exitCode"] == 2);
  CHECK(cli.json()["problems"][0]["file"] == "a/bad.yaml");
  CHECK(cli.json()["problems"][0]["line"] == 4);
}

TEST_CASE("a warning is printed as text and listed as JSON, and the configuration stays valid") {
  TestCli cli;
  add_first_configuration(cli);
  CHECK(cli.run_alone({"policy", "check", "conf", "-o", "json"}) == 0);
  CHECK(cli.json()["warnings"] == Json::array());
  cli.file("conf/more.yaml",
           "apiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: all}\nspec:\n"
           "  match: {repositories: [\"**\"], refs: [\"refs/**\"]}\n"
           "  update: {by: [alice]}\n  commits: {committerIsSigner: true}\n");
  CHECK(cli.run_alone({"policy", "check", "conf"}) == 0);
  CHECK(cli.err.starts_with("warning: identities/alice.yaml:1:1: identity alice has no address"));
  CHECK(cli.out.find(", 1 warning\n") != std::string::npos);
  CHECK(cli.run_alone({"policy", "check", "conf", "-o", "json"}) == 0);
  CHECK(cli.json()["valid"] == true);
  REQUIRE(cli.json()["warnings"].size() == 1);
  CHECK(cli.json()["warnings"][0]["file"] == "identities/alice.yaml");
  CHECK(cli.json()["warnings"][0]["line"] == 1);
}

TEST_CASE("a folder that is not there is not found, hidden folders are not looked into") {
  TestCli cli;
  CHECK(cli.run_alone({"policy", "check", "nowhere"}) == 3);
  cli.file("conf/.git/bad.yaml", "kind: [");
  CHECK(cli.run_alone({"policy", "check", "conf"}) == 2);  // nobody could change it
  CHECK(cli.err.find("bad.yaml") == std::string::npos);
  CHECK(cli.run_alone({"policy", "check", "conf", "-o", "json"}) == 2);
  CHECK(cli.json()["problems"].size() == 1);
}

TEST_CASE("explaining a refusal succeeds and says why") {
  TestCli cli;
  cli.answer("POST /v1/policy/explain", {{"decision",
                                          {{"allow", false},
                                           {"rules",
                                            {{{"policy", "audit"},
                                              {"rule", "signatures"},
                                              {"pass", false},
                                              {"reason", "commit x is not signed"},
                                              {"fix", "sign it"}}}}}}});
  const std::vector<std::string> explain{"policy", "explain", "-R",       "platform",
                                         "--ref",  "audit",   "--commit", std::string(40, 'a')};
  CHECK(cli.run(explain) == 0);
  CHECK(cli.out ==
        "denied\n  FAIL  audit/signatures: commit x is not signed\n        fix: sign it\n");
  CHECK(parse_json(cli.requests.back().body).value()["ref"] == "refs/heads/audit");
  CHECK(cli.run_alone({"policy", "explain", "--help"}) == 0);
  CHECK(cli.out.find("`decision.allow`") != std::string::npos);
}

}  // namespace statehouse
