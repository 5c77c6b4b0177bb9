#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/local_configuration.h"
#include "cli/session.h"
#include "crypto/base/encoding.h"
#include "store/model/oid.h"

namespace statehouse {
namespace {

struct PolicyOptions {
  std::string path;
  std::optional<std::string> repository;
  std::string ref;
  std::string commit;
  std::string at;
};

Result<> check_policy(Session& session, const PolicyOptions& options) {
  const auto files = TRY(read_configuration_files(session.path(options.path)));
  const Configuration configuration = TRY(check_configuration(session, files));
  const Timestamp now = session.environment().clock.now();
  if (const auto lockout = find_lockout(configuration, now)) {
    return invalid_argument("nobody could change it any more: " + lockout->text(), lockout->fix);
  }
  const Json document{{"valid", true},
                      {"files", files.size()},
                      {"identities", configuration.identities().size()},
                      {"groups", configuration.groups().size()},
                      {"repositories", configuration.repositories().size()},
                      {"policies", configuration.policies().size()},
                      {"flows", configuration.flows().size()},
                      {"warnings", configuration.warnings().size()}};
  const auto text = [](const Json& counts) {
    std::string line = "valid:";
    for (const char* name : {"identities", "groups", "repositories", "policies", "flows"}) {
      line += " " + shown(counts, name) + " " + name;
    }
    return line + "\n";
  };
  session.print(document, text, [](const Json&) { return std::string("valid"); });
  return {};
}

bool is_true(const Json& object, std::string_view name) {
  const auto value = json_boolean(object, name);
  return value && *value;
}

/// REQUIRES: `document` has a decision with a list of rules.
std::string describe_decision(const Json& document) {
  const Json& decision = document["decision"];
  std::string text = is_true(decision, "allow") ? "allowed\n" : "denied\n";
  for (const Json& rule : decision["rules"]) {
    const bool pass = is_true(rule, "pass");
    text += std::string(pass ? "  pass  " : "  FAIL  ") + shown(rule, "policy") + "/" +
            shown(rule, "rule") + ": " + shown(rule, "reason") + "\n";
    if (!pass && shown(rule, "fix") != "-") text += "        fix: " + shown(rule, "fix") + "\n";
  }
  return text;
}

/// What a push of this commit to this ref would be answered. Explaining a refusal succeeds.
Result<> explain_policy(Session& session, const PolicyOptions& options) {
  const RefKey key = TRY(session.ref_key(options.repository, options.ref));
  const Oid commit = TRY_WITH("reading --commit", Oid::parse(options.commit));
  Json request{
      {"repository", key.repository.str()}, {"ref", key.ref.str()}, {"commit", commit.hex()}};
  if (!options.at.empty()) {
    const Timestamp at = TRY_WITH(
        "reading --at", parse_time_argument(options.at, session.environment().clock.now()));
    request["at"] = at.rfc3339();
  }
  ApiClient client = TRY(session.connect());
  const Json answer = TRY(client.post("/v1/policy/explain", request));
  const Json* decision = TRY_WITH("reading the answer", json_member(answer, "decision"));
  TRY(require_list(*decision, "rules"));
  session.print(answer, describe_decision, [](const Json& document) {
    return std::string(is_true(document["decision"], "allow") ? "allowed" : "denied");
  });
  return {};
}

}  // namespace

void add_policy_command(CommandSet& commands) {
  auto options = std::make_shared<PolicyOptions>();
  const Command policy = commands.add("policy", "Check and explain policies");

  policy.add("check", "Check the resources in a folder as the server would")
      .argument("PATH", options->path, "A folder or a YAML file")
      .action("checking the configuration",
              [options](Session& session) { return check_policy(session, *options); });

  policy.add("explain", "Which rules a commit would pass or fail on a ref")
      .option("-R,--repository", options->repository, "The repository (else the clone's)")
      .option("--ref", options->ref, "The ref, in full or short", Presence::kRequired)
      .option("--commit", options->commit, "The commit, in full", Presence::kRequired)
      .option("--at", options->at, "As of this time instead of now")
      .action("explaining a decision",
              [options](Session& session) { return explain_policy(session, *options); });
}

}  // namespace statehouse
