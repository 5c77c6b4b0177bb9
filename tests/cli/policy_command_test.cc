#include <doctest/doctest.h>

#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;

TEST_CASE("what is wrong in a configuration is printed with file, line and column") {
  TestCli cli;
  cli.file("conf/a/bad.yaml",
           "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: g}\n"
           "spec: {members: [nobody], colour: red}\n");
  CHECK(cli.run_alone({"policy", "check", "conf"}) == 2);
  CHECK(cli.err.find("a/bad.yaml:4:") != std::string::npos);
  CHECK(cli.err.find("statehouse: checking the configuration: ") != std::string::npos);
}

TEST_CASE("a folder that is not there is not found, hidden folders are not looked into") {
  TestCli cli;
  CHECK(cli.run_alone({"policy", "check", "nowhere"}) == 3);
  cli.file("conf/.git/bad.yaml", "kind: [");
  CHECK(cli.run_alone({"policy", "check", "conf"}) == 2);  // nobody could change it
  CHECK(cli.err.find("bad.yaml") == std::string::npos);
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
}

}  // namespace statehouse
