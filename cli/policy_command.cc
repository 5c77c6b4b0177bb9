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

Json diagnostics_json(const Diagnostics& diagnostics) {
  Json list = Json::array();
  for (const Diagnostic& diagnostic : diagnostics) {
    list.push_back({{"file", diagnostic.file},
                    {"line", diagnostic.at.line},
                    {"column", diagnostic.at.column},
                    {"message", diagnostic.message},
                    {"fix", diagnostic.fix}});
  }
  return list;
}

Json counts_json(const Configuration& configuration) {
  return {{"identities", configuration.identities().size()},
          {"groups", configuration.groups().size()},
          {"repositories", configuration.repositories().size()},
          {"policies", configuration.policies().size()},
          {"flows", configuration.flows().size()}};
}

std::string describe_check(const Json& document) {
  std::string line = "valid:";
  for (const char* name : {"identities", "groups", "repositories", "policies", "flows"}) {
    line += " " + shown(document, name) + " " + name;
  }
  const std::size_t warnings = document["warnings"].size();
  if (warnings > 0) {
    line += ", " + std::to_string(warnings) + (warnings == 1 ? " warning" : " warnings");
  }
  return line + "\n";
}

Result<> check_policy(Session& session, const PolicyOptions& options) {
  const auto files = TRY(read_configuration_files(session.path(options.path)));
  const CheckedConfiguration configuration = TRY(check_configuration(session, files));
  if (!configuration) {
    session.explain_failure(
        {{"valid", false}, {"problems", diagnostics_json(configuration.error())}});
    return std::unexpected(not_valid(configuration.error()));
  }
  if (const auto lockout = find_lockout(*configuration, session.environment().clock.now())) {
    session.explain_failure({{"valid", false}, {"problems", diagnostics_json({*lockout})}});
    return invalid_argument("nobody could change it any more: " + lockout->text(), lockout->fix);
  }
  Json document = counts_json(*configuration);
  document["valid"] = true;
  document["files"] = files.size();
  document["warnings"] = diagnostics_json(configuration->warnings());
  session.print(document, describe_check, [](const Json&) { return std::string("valid"); });
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
  const auto commit = Oid::parse(options.commit);
  if (!commit) {
    return invalid_argument("reading --commit: `" + escape_for_message(options.commit, 80) +
                                "` is not a full object id",
                            "give 40 digits: git rev-parse COMMIT");
  }
  Json request{
      {"repository", key.repository.str()}, {"ref", key.ref.str()}, {"commit", commit->hex()}};
  if (!options.at.empty()) {
    const Timestamp at = TRY_WITH(
        "reading --at", parse_time_argument(options.at, session.environment().clock.now()));
    request["at"] = at.rfc3339();
  }
  ApiClient client = TRY(session.connect());
  auto asked = client.post("/v1/policy/explain", request);
  if (!asked && asked.error().code == ErrorCode::kDenied && session.options().data) {
    asked.error().fix =
        "ask as the identity that would push: --server URL and its token, instead of --data";
  }
  const Json answer = TRY(std::move(asked));
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
      .notes(
          "Exits 0 whatever the answer is: it was given. Scripts read the member `decision.allow` "
          "of -o json, or `allowed` and `denied` of -o name.")
      .action("explaining a decision",
              [options](Session& session) { return explain_policy(session, *options); });
}

}  // namespace statehouse
