#include "policy/resource_reader.h"

namespace statehouse {

namespace {

const std::vector<std::pair<std::string_view, Permission>> kPermissions = {
    {"allow", Permission::kAllow}, {"deny", Permission::kDeny}};

void read_match(ResourceReader& reader, const YamlNode& node, Policy& policy) {
  const Fields fields(reader, node, "spec.match", {"repositories", "refs"});
  if (const YamlNode* repositories = fields.required("repositories")) {
    policy.repositories = read_globs(reader, *repositories, fields.path("repositories"));
    for (const YamlNode& item : repositories->children) {
      policy.repository_positions.push_back(item.at);
    }
  }
  if (const YamlNode* refs = fields.required("refs")) {
    policy.refs = read_globs(reader, *refs, fields.path("refs"));
    for (const YamlNode& item : refs->children) {
      if (item.kind != YamlKind::kString || item.text.starts_with("refs/")) continue;
      reader.report(item.at, fields.path("refs") + " must be full ref names or patterns of them",
                    "write it like refs/heads/audit");
    }
  }
}

void read_update(ResourceReader& reader, const YamlNode& node, Policy& policy) {
  const Fields fields(reader, node, "spec.update", {"by", "forcePush", "delete"});
  if (const YamlNode* by = fields.optional("by")) {
    policy.update_by =
        read_principals(reader, *by, fields.path("by"), PrincipalsAllowed::kPeopleAndFlows);
  }
  if (const YamlNode* force_push = fields.optional("forcePush")) {
    policy.force_push = read_choice(reader, *force_push, fields.path("forcePush"), kPermissions)
                            .value_or(Permission::kDeny);
  }
  if (const YamlNode* deletion = fields.optional("delete")) {
    policy.deletion = read_choice(reader, *deletion, fields.path("delete"), kPermissions)
                          .value_or(Permission::kDeny);
  }
}

CommitRules read_commits(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.commits", {"signatures", "signers", "committerIsSigner"});
  CommitRules rules;
  if (const YamlNode* signatures = fields.optional("signatures")) {
    rules.signatures = read_choice<Signatures>(reader, *signatures, fields.path("signatures"),
                                               {{"required", Signatures::kRequired},
                                                {"optional", Signatures::kOptional}})
                           .value_or(Signatures::kRequired);
  }
  if (const YamlNode* signers = fields.optional("signers")) {
    require_items(reader, *signers, fields.path("signers"));
    rules.signers =
        read_principals(reader, *signers, fields.path("signers"), PrincipalsAllowed::kPeople);
  }
  if (const YamlNode* binding = fields.optional("committerIsSigner")) {
    rules.committer_is_signer =
        read_boolean(reader, *binding, fields.path("committerIsSigner")).value_or(true);
  }
  const bool names_signers =
      fields.optional("signers") != nullptr || fields.optional("committerIsSigner") != nullptr;
  if (rules.signatures == Signatures::kOptional && names_signers) {
    reader.report(node.at, "signers and committerIsSigner need signatures",
                  "say signatures: required");
  }
  return rules;
}

}  // namespace

Policy read_policy(ResourceReader& reader, ResourceName name, const YamlNode& spec) {
  const Fields fields(reader, spec, "spec", {"match", "enforcement", "read", "update", "commits"});
  Policy policy{.name = std::move(name),
                .repositories = {},
                .refs = {},
                .enforcement = Enforcement::kEnforce,
                .read = {},
                .update_by = {},
                .force_push = Permission::kUnset,
                .deletion = Permission::kUnset,
                .commits = {},
                .repository_positions = {},
                .source = {}};
  if (const YamlNode* match = fields.required("match")) read_match(reader, *match, policy);
  if (const YamlNode* enforcement = fields.optional("enforcement")) {
    policy.enforcement = read_choice<Enforcement>(reader, *enforcement, fields.path("enforcement"),
                                                  {{"enforce", Enforcement::kEnforce},
                                                   {"evaluate", Enforcement::kEvaluate}})
                             .value_or(Enforcement::kEnforce);
  }
  if (const YamlNode* read = fields.optional("read")) {
    policy.read =
        read_principals(reader, *read, fields.path("read"), PrincipalsAllowed::kPeopleAndAnyone);
  }
  if (const YamlNode* update = fields.optional("update")) read_update(reader, *update, policy);
  if (const YamlNode* commits = fields.optional("commits")) {
    policy.commits = read_commits(reader, *commits);
  }
  return policy;
}

}  // namespace statehouse
