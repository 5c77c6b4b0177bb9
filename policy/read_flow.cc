#include "policy/resource_reader.h"

namespace statehouse {

namespace {

constexpr unsigned kApprovalCountMax = 100;

std::optional<ApprovalClause> read_clause(ResourceReader& reader, const YamlNode& node,
                                          const std::string& what) {
  const Fields fields(reader, node, what, {"count", "from", "validFor", "independence"});
  ApprovalClause clause;
  clause.at = node.at;
  if (const YamlNode* count = fields.required("count")) {
    clause.count = read_count(reader, *count, fields.path("count"), kApprovalCountMax).value_or(1);
  }
  if (const YamlNode* from = fields.required("from")) {
    require_items(reader, *from, fields.path("from"));
    clause.from = read_principals(reader, *from, fields.path("from"), PrincipalsAllowed::kPeople);
  }
  if (const YamlNode* valid_for = fields.optional("validFor")) {
    clause.valid_for = read_duration(reader, *valid_for, fields.path("validFor"));
  }
  if (const YamlNode* independence = fields.optional("independence")) {
    clause.independence =
        read_choice<Independence>(
            reader, *independence, fields.path("independence"),
            {{"commit", Independence::kCommit}, {"promotion", Independence::kPromotion}})
            .value_or(Independence::kPromotion);
  }
  return clause;
}

std::vector<ApprovalClause> read_clauses(ResourceReader& reader, const YamlNode& node,
                                         const std::string& what) {
  return read_list(reader, node, what,
                   [&](const YamlNode& item) { return read_clause(reader, item, what); });
}

RollbackRules read_rollback(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.rollback", {"approvals", "maxAge", "reviewWithin"});
  RollbackRules rules;
  if (const YamlNode* approvals = fields.optional("approvals")) {
    rules.approvals = read_clauses(reader, *approvals, fields.path("approvals"));
  }
  if (const YamlNode* max_age = fields.optional("maxAge")) {
    rules.max_age = read_duration(reader, *max_age, fields.path("maxAge"));
  }
  if (const YamlNode* review = fields.optional("reviewWithin")) {
    rules.review_within = read_duration(reader, *review, fields.path("reviewWithin"));
  }
  return rules;
}

BreakGlassRules read_break_glass(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.breakGlass", {"approvals", "validFor", "waives"});
  BreakGlassRules rules;
  if (const YamlNode* approvals = fields.required("approvals")) {
    require_items(reader, *approvals, fields.path("approvals"));
    rules.approvals = read_clauses(reader, *approvals, fields.path("approvals"));
  }
  if (const YamlNode* valid_for = fields.optional("validFor")) {
    rules.valid_for = read_duration(reader, *valid_for, fields.path("validFor"));
  }
  if (const YamlNode* waives = fields.optional("waives")) {
    rules.waives = read_list(reader, *waives, fields.path("waives"), [&](const YamlNode& item) {
      return read_choice<std::string>(reader, item, fields.path("waives"),
                                      {{"approvals", "approvals"},
                                       {"checks", "checks"},
                                       {"soak", "soak"},
                                       {"freeze", "freeze"}});
    });
  }
  return rules;
}

void read_merge(ResourceReader& reader, const YamlNode& node, Flow& flow) {
  const Fields fields(reader, node, "spec.merge", {"by", "auto"});
  if (const YamlNode* by = fields.optional("by")) {
    flow.merge_by = read_principals(reader, *by, fields.path("by"), PrincipalsAllowed::kPeople);
  }
  if (const YamlNode* automatic = fields.optional("auto")) {
    flow.merge_auto = read_boolean(reader, *automatic, fields.path("auto")).value_or(false);
  }
}

struct From {
  RepositoryName repository;
  Glob ref;
};

std::optional<From> read_from(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.from", {"repository", "ref"});
  const YamlNode* const repository = fields.required("repository");
  const YamlNode* const ref = fields.required("ref");
  if (repository == nullptr || ref == nullptr) return std::nullopt;
  auto name = read_parsed(reader, *repository, fields.path("repository"), RepositoryName::parse);
  auto pattern = read_parsed(reader, *ref, fields.path("ref"), Glob::parse);
  if (pattern && !pattern->str().starts_with("refs/")) {
    reader.report(ref->at, "spec.from.ref must be a full ref name or a pattern of them",
                  "write it like refs/heads/audit or refs/heads/change/*");
  } else if (pattern && pattern->is_literal()) {
    read_parsed(reader, *ref, fields.path("ref"), RefName::parse);
  }
  if (!name || !pattern) return std::nullopt;
  return From{*std::move(name), *std::move(pattern)};
}

std::optional<RefKey> read_to(ResourceReader& reader, const YamlNode& node) {
  const Fields fields(reader, node, "spec.to", {"repository", "ref"});
  const YamlNode* const repository = fields.required("repository");
  const YamlNode* const ref = fields.required("ref");
  if (repository == nullptr || ref == nullptr) return std::nullopt;
  auto name = read_parsed(reader, *repository, fields.path("repository"), RepositoryName::parse);
  auto full = read_parsed(reader, *ref, fields.path("ref"), RefName::parse);
  if (!name || !full) return std::nullopt;
  return RefKey{*std::move(name), *std::move(full)};
}

void read_strategy(const Fields& fields, Flow& flow) {
  ResourceReader& reader = fields.reader();
  if (const YamlNode* strategy = fields.optional("strategy")) {
    flow.strategy =
        read_choice<Strategy>(reader, *strategy, fields.path("strategy"),
                              {{"seal", Strategy::kSeal}, {"fast-forward", Strategy::kFastForward}})
            .value_or(Strategy::kSeal);
  }
  if (const YamlNode* format = fields.optional("sealFormat")) {
    flow.seal_format =
        read_choice<SealFormat>(reader, *format, fields.path("sealFormat"),
                                {{"openpgp", SealFormat::kOpenPgp}, {"ssh", SealFormat::kSsh}})
            .value_or(SealFormat::kOpenPgp);
  }
}

void read_requirements(const Fields& fields, Flow& flow) {
  ResourceReader& reader = fields.reader();
  if (const YamlNode* promote = fields.optional("promote")) {
    flow.promote =
        read_principals(reader, *promote, fields.path("promote"), PrincipalsAllowed::kPeople);
  }
  if (const YamlNode* merge = fields.optional("merge")) read_merge(reader, *merge, flow);
  if (const YamlNode* approvals = fields.optional("approvals")) {
    flow.approvals = read_clauses(reader, *approvals, fields.path("approvals"));
  }
  if (const YamlNode* rollback = fields.optional("rollback")) {
    flow.rollback = read_rollback(reader, *rollback);
  }
  if (const YamlNode* break_glass = fields.optional("breakGlass")) {
    flow.break_glass = read_break_glass(reader, *break_glass);
  }
}

}  // namespace

std::optional<Flow> read_flow(ResourceReader& reader, ResourceName name, const YamlNode& spec) {
  const Fields fields(reader, spec, "spec",
                      {"from", "to", "strategy", "sealFormat", "promote", "merge", "approvals",
                       "rollback", "breakGlass"});
  const YamlNode* const from_node = fields.required("from");
  const YamlNode* const to_node = fields.required("to");
  auto from = from_node != nullptr ? read_from(reader, *from_node) : std::nullopt;
  auto to = to_node != nullptr ? read_to(reader, *to_node) : std::nullopt;
  // Values to go on with, so that the other fields are checked too; a problem is on record then.
  const RefKey nowhere{RepositoryName::system(), RefName::parse("refs/heads/audit").value()};
  Flow flow{.name = std::move(name),
            .from_repository = from ? from->repository : nowhere.repository,
            .from_ref = from ? from->ref : Glob::parse("refs/heads/audit").value(),
            .to = to ? *to : nowhere,
            .strategy = Strategy::kSeal,
            .seal_format = SealFormat::kOpenPgp,
            .promote = {},
            .merge_by = {},
            .merge_auto = false,
            .approvals = {},
            .rollback = {},
            .break_glass = {},
            .source = {}};
  read_strategy(fields, flow);
  read_requirements(fields, flow);
  if (!from || !to) return std::nullopt;
  return flow;
}

}  // namespace statehouse
