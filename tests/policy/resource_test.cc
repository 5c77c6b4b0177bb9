#include "policy/resource.h"

#include <doctest/doctest.h>

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

std::string head(std::string_view kind) {
  return "apiVersion: statehouse/v1\nkind: " + std::string(kind) + "\nmetadata: {name: x}\n";
}

std::vector<std::string> problems_in(std::string_view yaml) {
  const auto read = read_resources("f.yaml", yaml);
  std::vector<std::string> texts;
  if (read) return texts;
  for (const Diagnostic& problem : read.error()) texts.push_back(problem.text());
  return texts;
}

std::string first_problem(std::string_view yaml) {
  const auto all = problems_in(yaml);
  return all.empty() ? "" : all.front();
}

template <typename T>
T read_one(std::string_view yaml) {
  auto read = read_resources("f.yaml", yaml);
  if (!read) FAIL(read.error().front().text());
  REQUIRE(read->size() == 1);
  return std::get<T>(read->front());
}

}  // namespace

TEST_CASE("a mistake is reported where it stands, with what was probably meant") {
  const std::pair<std::string, std::string_view> table[] = {
      {head("Policy") + "spec:\n  match: {repositories: [p], refs: [refs/heads/a]}\n  udpate: {}\n",
       "f.yaml:6:3: unknown field `udpate` in spec; did you mean `update`?"},
      {head("Polciy") + "spec: {}\n", "f.yaml:2:7: kind cannot be `Polciy`"},
      {head("policy") + "spec: {}\n", "did you mean `Policy`?"},
      {head("Group") + "spec: {memebers: []}\n", "f.yaml:4:8: unknown field `memebers`"},
      {head("Group") + "spec: {members: [Bob]}\n", "f.yaml:4:18: spec.members"},
      {head("Group") + "spec: {members: [7]}\n", "put it in quotes"},
      {head("Group") + "spec: {members: [\"a\\u001b[2J\"]}\n", "\\x1b"},
      {head("Flow") + "spec: {from: {repository: p, ref: audit}, to: {repository: p, ref: b}}\n",
       "write it like refs/heads/audit"},
      {head("Identity") + "spec: {type: robot}\n", "owners: [NAME]"},
      {"kind: Group\nmetadata: {name: x}\nspec: {members: []}\n", "lacks the field `apiVersion`"},
      {"[1, 2]\n", "a resource must be fields, not a list"},
      {"just text\n", "a resource must be fields, not text"},
  };
  for (const auto& [yaml, expected] : table) {
    CAPTURE(yaml);
    std::string all;
    for (const std::string& problem : problems_in(yaml)) all += problem + "\n";
    INFO(all);
    CHECK(all.find(expected) != std::string::npos);
  }
}

TEST_CASE("all problems of a file are reported at once, in order") {
  const auto all = problems_in(head("Group") + "spec: {}\n---\n" + head("Identity") +
                               "spec: {type: human, colour: red}\n");
  REQUIRE(all.size() == 3);
  CHECK(all[0].starts_with("f.yaml:4:7: spec lacks the field `members`"));
  CHECK(all[1].starts_with("f.yaml:9:14: spec.type cannot be `human`"));
  CHECK(all[2].starts_with("f.yaml:9:21: unknown field `colour`"));
}

TEST_CASE("validity must not be empty and a compromise not lie after its revocation") {
  const std::string key =
      head("Identity") + "spec:\n  type: person\n  keys:\n    - ssh: " + test::key_line("k") + "\n";
  CHECK(first_problem(key + "      validFrom: 2026-01-02T00:00:00Z\n"
                            "      validUntil: 2026-01-02T00:00:00Z\n")
            .find("validUntil must be after") != std::string::npos);
  CHECK(first_problem(key + "      revoked: {at: 2026-01-01T00:00:00Z, reason: compromised, since: "
                            "2026-01-02T00:00:00Z}\n")
            .find("`since` must not be after `at`") != std::string::npos);
}

TEST_CASE("what a document does not say has its default") {
  const auto identity = read_one<Identity>(head("Identity") +
                                           "spec:\n  type: person\n  keys:\n"
                                           "    - ssh: " +
                                           test::key_line("k") + "\n");
  CHECK(identity.keys.front().usage.size() == 4);
  CHECK_FALSE(identity.keys.front().valid_until.has_value());
  const auto policy = read_one<Policy>(
      head("Policy") +
      "spec:\n  match: {repositories: [p], refs: [refs/heads/a]}\n  commits: {}\n");
  CHECK(policy.enforcement == Enforcement::kEnforce);
  CHECK(policy.commits->signatures == Signatures::kRequired);
  CHECK(policy.force_push == Permission::kUnset);
  const auto flow = read_one<Flow>(head("Flow") +
                                   "spec:\n  from: {repository: a, ref: refs/heads/a}\n"
                                   "  to: {repository: b, ref: refs/heads/b}\n");
  CHECK(flow.strategy == Strategy::kSeal);
  CHECK(flow.seal_format == SealFormat::kOpenPgp);
  CHECK_FALSE(flow.promote.has_value());
}

TEST_CASE(
    "a digest is the same with and without its prefix, a branch with and without refs/heads") {
  const std::string digest(64, 'a');
  const auto repository = read_one<Repository>(
      head("Repository") +
      "spec:\n  defaultBranch: audit\n  baselines:\n    - ref: refs/heads/audit\n"
      "      commit: " +
      std::string(40, 'b') + "\n      tree: " + std::string(40, 'c') +
      "\n      commitSha256: " + digest + "\n      treeSha256: sha256:" + digest + "\n");
  CHECK(repository.baselines.front().commit_sha256 == repository.baselines.front().tree_sha256);
  CHECK(repository.default_branch->str() == "refs/heads/audit");
}

TEST_CASE("a policy shows every field, also those left out") {
  const auto policy = read_one<Policy>(head("Policy") +
                                       "spec:\n  match: {repositories: [p], refs: [refs/heads/a]}\n"
                                       "  update: {by: [\"flow:f\", alice]}\n");
  CHECK(policy_to_json(policy).dump() ==
        R"({"commits":null,"enforcement":"enforce","match":{"refs":["refs/heads/a"],)"
        R"("repositories":["p"]},"name":"x","read":[],"update":{"by":["flow:f","alice"],)"
        R"("delete":null,"forcePush":null}})");
}

TEST_CASE("a flow shows every field, also those left out") {
  const auto flow =
      read_one<Flow>(head("Flow") +
                     "spec:\n  from: {repository: a, ref: refs/heads/a}\n"
                     "  to: {repository: b, ref: refs/heads/b}\n"
                     "  approvals: [{count: 2, from: [\"group:g\"], validFor: 168h}]\n");
  CHECK(
      flow_to_json(flow).dump() ==
      R"({"approvals":[{"count":2,"from":["group:g"],"independence":"commit","validFor":"7d"}],)"
      R"("breakGlass":null,"from":{"ref":"refs/heads/a","repository":"a"},)"
      R"("merge":{"auto":false,"by":null},"name":"x","promote":null,"rollback":null,)"
      R"("sealFormat":"openpgp","strategy":"seal","to":{"ref":"refs/heads/b","repository":"b"}})");
}

}  // namespace statehouse
