#include "policy/configuration.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "policy/default_system.h"
#include "tests/policy/policy_fixture.h"

namespace statehouse {

namespace {

using test::configured;
using test::kNow;
using test::name;
using test::organisation;
using test::problems;
using test::ref;
using test::with;

struct Change {
  std::string_view what;
  std::string from;
  std::string to;
  std::string_view problem;
};

bool is_reported(const std::vector<std::string>& texts, std::string_view problem) {
  return std::ranges::any_of(
      texts, [&](const std::string& text) { return text.find(problem) != std::string::npos; });
}

std::string doubled(const std::string& fragment) { return fragment + ", " + fragment; }

}  // namespace

TEST_CASE("a configuration whose parts do not fit together is refused, one reason each") {
  const std::string alices_key = "ssh: " + test::key_line("alice");
  const Change table[] = {
      {"unknown group member", "members: [dave]", "members: [dvae]",
       "group auditors has member dvae, and there is no such identity; did you mean `dave`?"},
      {"unknown owner", "owners: [alice]", "owners: [zoe]", "robot ci is owned by zoe"},
      {"owner is a robot", "owners: [alice]", "owners: [ci]", "robot ci is owned by robot ci"},
      {"unknown reader group", "  read: [group:developers, group:reviewers]\n  update: {by: [flow",
       "  read: [group:developer]\n  update: {by: [flow",
       "policy deploy (read) names group:developer, and there is no such group; did you mean "
       "`developers`?"},
      {"group named as identity", "update: {by: [group:developers]}", "update: {by: [developers]}",
       "for the group, write group:developers"},
      {"unknown flow", "update: {by: [flow:deploy]}", "update: {by: [flow:deploy, flow:dploy]}",
       "names flow:dploy, and there is no such flow; did you mean `deploy`?"},
      {"unknown signer", "signers: [group:developers]", "signers: [group:developers, eve]",
       "(commits.signers) names eve"},
      {"unknown promoter", "promote: [group:developers]", "promote: [group:devs]",
       "flow deploy (promote) names group:devs"},
      {"unknown merger", "merge: {by: [group:reviewers]}", "merge: {by: [group:mergers]}",
       "flow deploy (merge.by) names group:mergers"},
      {"unknown approver", "from: [group:reviewers], validFor", "from: [group:x], validFor",
       "flow deploy (approvals) names group:x"},
      {"unknown repository in a policy", "repositories: [platform], refs: [refs/heads/audit]",
       "repositories: [platfrom], refs: [refs/heads/audit]",
       "names repository platfrom, and there is no such repository; did you mean `platform`?"},
      {"unknown repository in a flow", "to: {repository: platform", "to: {repository: other",
       "flow deploy (to) names repository other"},
      {"flow from ungoverned", "from: {repository: platform, ref: refs/heads/audit}",
       "from: {repository: platform, ref: refs/heads/topic}",
       "starts from platform:refs/heads/topic, which no policy matches"},
      {"flow to ungoverned", "to: {repository: platform, ref: refs/heads/deploy}",
       "to: {repository: platform, ref: refs/heads/live}",
       "leads to platform:refs/heads/live, which no policy matches"},
      {"flow to itself", "from: {repository: platform, ref: refs/heads/audit}",
       "from: {repository: platform, ref: refs/heads/*}", "to itself"},
      {"flow without a grant", "update: {by: [flow:deploy]}", "update: {by: [flow:system]}",
       "flow deploy can never move platform:refs/heads/deploy"},
      {"one address for two", "[bob@example.org]", "[bob@example.org, Alice@example.org]",
       "Alice@example.org of identity bob already belongs to alice"},
      {"one address twice", "[bob@example.org]", "[" + doubled("bob@example.org") + "]",
       "already belongs to bob"},
      {"one key for two", "ssh: " + test::key_line("bob"), alices_key,
       "of identity bob already belongs to alice"},
      {"one OpenPGP key twice", alices_key,
       alices_key + "\n    - openpgp: |\n        -----BEGIN PGP PUBLIC KEY BLOCK-----\n        k\n"
                    "    - openpgp: |\n        -----BEGIN PGP PUBLIC KEY BLOCK-----\n        k\n",
       "already belongs to alice"},
      {"unreadable SSH key", alices_key, "ssh: ssh-ed25519 AAAA alice", "key of identity alice"},
      {"unreadable OpenPGP key", alices_key,
       "openpgp: |\n        -----BEGIN PGP PUBLIC KEY BLOCK-----\n        broken\n",
       "key of identity alice: reading an OpenPGP key: broken"},
      {"two of one name", "metadata: {name: bob}", "metadata: {name: alice}",
       "there are two of identity alice"},
      {"system only evaluated", "  update: {by: [group:administrators]}",
       "  enforcement: evaluate\n  update: {by: [group:administrators]}",
       "governs system and is only evaluated"},
      {"system force-pushed", "update: {by: [group:administrators]}",
       "update: {by: [group:administrators], forcePush: allow}", "allows force pushes"},
      {"system deleted", "update: {by: [flow:system]}",
       "update: {by: [flow:system], delete: allow}", "allows deleting refs"},
  };
  for (const Change& change : table) {
    CAPTURE(change.what);
    const auto texts = problems(with(organisation(), change.from, change.to));
    INFO(texts.front());
    CHECK(is_reported(texts, change.problem));
  }
}

TEST_CASE("a name is reported at its own line and column") {
  const auto texts = problems(
      "apiVersion: statehouse/v1\nkind: Group\nmetadata: {name: g}\nspec:\n  members: [x, y]\n");
  REQUIRE(texts.size() == 2);
  CHECK(texts[0].starts_with("all.yaml:5:13: group g has member x"));
  CHECK(texts[1].starts_with("all.yaml:5:16: group g has member y"));
}

TEST_CASE("files that cannot be read hide no further unreadable file, and cause no further noise") {
  const auto built = Configuration::build({{"b.yaml", "a: [\n"},
                                           {"a.yml", "{}\n"},
                                           {"c.yaml", organisation()},
                                           {"README.md", "a: [\n"}},
                                          test::inspect);
  REQUIRE_FALSE(built.has_value());
  CHECK(built.error().front().file == "a.yml");
  CHECK(built.error().back().file == "b.yaml");
}

TEST_CASE("the order of files does not matter") {
  std::vector<ConfigurationFile> files;
  std::string all = organisation();
  std::size_t at = 0;
  while (at != std::string::npos) {
    const std::size_t next = all.find("---\n", at + 1);
    files.push_back({"f" + std::to_string(files.size()) + ".yaml", all.substr(at, next - at)});
    at = next;
  }
  const auto digest = [&] {
    const auto built = Configuration::build(files, test::inspect);
    REQUIRE(built.has_value());
    return policy_digest(*built, ref("platform:refs/heads/deploy"), name("deploy"));
  };
  const std::string expected = digest();
  std::ranges::reverse(files);
  CHECK(digest() == expected);
  std::ranges::rotate(files, files.begin() + 5);
  CHECK(digest() == expected);
}

TEST_CASE("whoever signs where committerIsSigner holds and has no address is warned about") {
  const auto warnings = [](const std::string& yaml) {
    std::vector<std::string> texts;
    const Configuration configuration = configured(yaml);
    for (const Diagnostic& warning : configuration.warnings()) texts.push_back(warning.text());
    return texts;
  };
  const std::string no_address = with(organisation(), "  emails: [alice@example.org]\n", "");
  const auto found = warnings(no_address);
  REQUIRE(found.size() == 1);
  CHECK(found.front().starts_with("all.yaml:"));
  CHECK(found.front().find("identity alice has no address, and policy audit says "
                           "committerIsSigner") != std::string::npos);
  CHECK(found.front().ends_with("add the address alice commits with to its spec.emails"));
  CHECK(warnings(with(no_address, ", committerIsSigner: true", "")).empty());
  CHECK(warnings(with(organisation(), "  emails: [dave@example.org]\n", "")).empty());

  // Who may push can stand in another policy than what is asked of commits.
  const std::string everywhere =
      with(with(no_address, "signers: [group:developers], committerIsSigner: true",
                "signers: [group:developers]"),
           "---\napiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: deploy}",
           "---\napiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: all}\nspec:\n"
           "  match: {repositories: [\"**\"], refs: [\"refs/**\"]}\n"
           "  commits: {committerIsSigner: true}\n"
           "---\napiVersion: statehouse/v1\nkind: Policy\nmetadata: {name: deploy}");
  REQUIRE(warnings(everywhere).size() == 1);
  CHECK(warnings(everywhere).front().find("policy all says") != std::string::npos);

  // A robot without keys pushes what others sign.
  CHECK(warnings(with(organisation(), "  emails: [ci@example.org]\n", "")).size() == 1);
  CHECK(warnings(
            with(organisation(),
                 "  emails: [ci@example.org]\n  keys:\n    - ssh: " + test::key_line("ci") + "\n",
                 ""))
            .empty());
}

TEST_CASE("what is legal but odd is a warning") {
  CHECK(configured(organisation()).warnings().empty());
  const auto warned = [](std::string_view from, std::string_view to) {
    const Configuration configuration = configured(with(organisation(), from, to));
    return configuration.warnings().empty() ? "" : configuration.warnings().front().text();
  };
  CHECK(warned("approvals: [{count: 1, from: [group:administrators]}]", "approvals: []")
            .find("although there are 2 administrators") != std::string::npos);
  CHECK(warned("{count: 1, from: [group:reviewers]", "{count: 4, from: [group:reviewers]")
            .find("4 approvals from a circle of only 3") != std::string::npos);
  CHECK(warned("  merge: {by: [group:reviewers]}\n  approvals: [{count: 1,",
               "  merge: {auto: true}\n  approvals: [{count: 0,")
            .find("merges by itself and asks for no approval") != std::string::npos);
}

TEST_CASE("system is always there, other repositories when declared") {
  const Configuration configuration = configured(organisation());
  CHECK(configuration.has_repository(RepositoryName::system()));
  CHECK(configuration.has_repository(RepositoryName::parse("platform").value()));
  CHECK_FALSE(configuration.has_repository(RepositoryName::parse("other").value()));
}

TEST_CASE("a refused configuration becomes a decision with one rule per problem, at most twenty") {
  Diagnostics many(25, Diagnostic{"f.yaml", {1, 2}, "is wrong", "make it right"});
  const Decision decision = refuse_configuration(many, "configuration");
  CHECK_FALSE(decision.allow);
  CHECK(decision.rules.size() == 20);
  CHECK(decision.rules.front().reason == "f.yaml:1:2: is wrong");
  CHECK(decision.rules.front().fix == "make it right");
  CHECK_FALSE(refuse_configuration({}, "configuration").allow);
}

// --- Lock-out -----------------------------------------------------------------------------------

TEST_CASE("a configuration under which nobody could change system is a lock-out") {
  const std::string alices_key = "ssh: " + test::key_line("alice");
  const std::string bobs_key = "ssh: " + test::key_line("bob");
  const std::string audit_by = "update: {by: [group:administrators]}";
  const std::string approvals = "approvals: [{count: 1, from: [group:administrators]}]";
  const std::string system_merge = "merge: {by: [group:administrators]}";
  const std::string promote = "promote: [group:administrators]";
  const Change table[] = {
      {"no administrators", "members: [bob, alice]", "members: []", ""},
      {"one administrator, an approval asked for", "members: [bob, alice]", "members: [alice]",
       "needs 1 approval from group:administrators, where nobody has"},
      {"the other is one's own robot", "members: [bob, alice]", "members: [ci, alice]",
       "needs 1 approval"},
      {"the other has no key", "keys:\n    - " + bobs_key, "keys: []", "approval"},
      {"the other's key is not for approvals", bobs_key, bobs_key + "\n      usage: [commits]", ""},
      {"keys that cannot sign commits", audit_by, "update: {by: [dave]}", "dave"},
      {"nobody may push", audit_by, "update: {by: []}", "may not update"},
      {"nobody may open", promote, "promote: []", "nobody may open"},
      {"nobody may merge", system_merge, "merge: {by: []}", "nobody may merge"},
      {"more approvals than people", approvals,
       "approvals: [{count: 2, from: [group:administrators]}]", "2 approvals"},
      {"signers who may not push", "signers: [group:administrators]", "signers: [carol]",
       "not by carol"},
      {"an unmeetable second clause", approvals,
       "approvals: [{count: 1, from: [group:administrators]}, {count: 1, from: [ci]}, "
       "{count: 2, from: [dave]}]",
       "1 approval from ci"},
      {"no flow system", "metadata: {name: system}\nspec:\n  from: {repository: system",
       "metadata: {name: sys}\nspec:\n  from: {repository: system", "no flow system"},
  };
  for (const Change& change : table) {
    CAPTURE(change.what);
    std::string yaml = with(organisation(), change.from, change.to);
    if (change.what == "no flow system") yaml = with(yaml, "flow:system", "flow:sys");
    if (change.what == "the other's key is not for approvals") {
      yaml = with(yaml, alices_key, alices_key + "\n      usage: [approvals]");
      yaml = with(yaml, "members: [bob, alice]", "members: [bob, alice, carol]");
      yaml = with(yaml, audit_by, "update: {by: [carol]}");
      yaml = with(yaml, approvals, "approvals: [{count: 1, from: [bob]}]");
    }
    const auto lockout = find_lockout(configured(yaml), kNow);
    REQUIRE(lockout.has_value());
    INFO(lockout->text());
    CHECK(lockout->text().find("nobody could change system again") != std::string::npos);
    CHECK(lockout->text().find(change.problem) != std::string::npos);
  }
}

TEST_CASE("keys that have expired lock out, but do not stop a configuration from loading") {
  std::string yaml = organisation();
  for (const std::string_view who : {"alice", "bob"}) {
    const std::string key = "ssh: " + test::key_line(who);
    yaml = with(yaml, key, key + "\n      validUntil: 2026-06-01T00:00:00Z");
  }
  const Configuration configuration = configured(yaml);
  const Timestamp end = Timestamp::parse("2026-06-01T00:00:00Z").value();
  CHECK(find_lockout(configuration, end).has_value());
  CHECK_FALSE(find_lockout(configuration, end - Milliseconds(1)).has_value());
}

TEST_CASE("two administrators, or one without four eyes, can change system") {
  CHECK_FALSE(find_lockout(configured(organisation()), kNow).has_value());
  std::string alone = with(organisation(), "members: [bob, alice]", "members: [alice]");
  alone = with(alone, "approvals: [{count: 1, from: [group:administrators]}]", "approvals: []");
  CHECK_FALSE(find_lockout(configured(alone), kNow).has_value());
}

// --- The first system tree ----------------------------------------------------------------------

TEST_CASE("first administrators who cannot be are refused") {
  const auto refused = [](const std::vector<FirstAdministrator>& administrators) {
    return !default_system_files(administrators, test::inspect, kNow).has_value();
  };
  CHECK(refused({}));
  CHECK(refused({{name("alice"), "not a key", {}}}));
  CHECK(refused({{name("alice"), test::key_line("alice") + "\nspec: {}", {}}}));
  CHECK(refused({{name("alice"), test::key_line("alice"), {"a@x\"]\n"}}}));
  CHECK(refused(
      {{name("alice"), test::key_line("a"), {}}, {name("alice"), test::key_line("b"), {}}}));
  CHECK(
      refused({{name("alice"), test::key_line("a"), {}}, {name("bob"), test::key_line("a"), {}}}));
  CHECK(refused({{name("git"), test::key_line("a"), {}}}));
}

TEST_CASE("with two administrators the first system asks for a second person") {
  const auto files =
      default_system_files({{name("bob"), test::key_line("bob") + "\n", {"bob@example.org"}},
                            {name("alice"),
                             "-----BEGIN PGP PUBLIC KEY BLOCK-----\r\nalice-pgp\r\n\r\n-----END "
                             "PGP PUBLIC KEY BLOCK-----\n",
                             {}}},
                           test::inspect, kNow);
  REQUIRE(files.has_value());
  const auto configuration = Configuration::build(*files, test::inspect);
  REQUIRE(configuration.has_value());
  CHECK(configuration->warnings().empty());
  CHECK(configuration->flow(name("system"))->approvals.front().count == 1);
  CHECK(configuration->is_governed(ref("system:refs/heads/deploy")));
  CHECK(configuration->keys().find(test::openpgp_fingerprint("alice-pgp")) != nullptr);
}

TEST_CASE("with one administrator the first system says that four eyes are not possible") {
  const auto files =
      default_system_files({{name("a"), test::key_line("a"), {}}}, test::inspect, kNow);
  REQUIRE(files.has_value());
  const auto flow = std::ranges::find(*files, "flows/system.yaml", &ConfigurationFile::path);
  REQUIRE(flow != files->end());
  CHECK(flow->bytes.find("Four eyes are not possible") != std::string::npos);
  CHECK(flow->bytes.find("count: 0") != std::string::npos);
}

}  // namespace statehouse
