#include "api/service/move_audit.h"

#include "api/service/logged_facts.h"
#include "policy/evaluate.h"

namespace statehouse {

namespace {

constexpr std::uint64_t kFindingsMax = 1000;
constexpr std::size_t kKeysMax = 10'000;

}  // namespace

MoveAudit::MoveAudit(Core& core, Find find) : core_(core), find_(std::move(find)) {}

void MoveAudit::damage(const std::string& where, std::string what) {
  if (++found_ > kFindingsMax) return;
  find_(Weight::kDamage, where, std::move(what));
}

void MoveAudit::see(const ParsedEntry& event, EntryIndex index) {
  if (event.type == EventType::kPromotionOpened || event.type == EventType::kPromotionUpdated) {
    return pin(event);
  }
  if (event.type == EventType::kPromotionClosed) {
    const auto number = json_integer(event.data, "promotion");
    if (number) pins_.erase(static_cast<PromotionNumber>(*number));
  }
  if (event.type != EventType::kRefUpdated) return;
  const auto version = parse_ref_updated(event, index);
  if (version) check_move(*version);  // whoever verifies the log tells a bad one
}

void MoveAudit::pin(const ParsedEntry& event) {
  const auto stated = parse_promotion_pinned(event);
  if (!stated) return;
  pins_.insert_or_assign(stated->number, Pin{stated->flow, stated->source_commit, stated->tree});
}

void MoveAudit::check_move(const VersionRecord& version) {
  const std::string where = version.key.str() + "@" + std::to_string(version.version);
  check_tree(version, where);
  check_configuration(version, where);
  check_policy(version, where);
  check_promotion(version, where);
  if (version.promotion) pins_.erase(*version.promotion);
  if (version.key != system_deploy_ref() || !version.content) return;
  in_force_ = version.version;
  tree_ = version.content->tree;
  is_read_ = false;
}

void MoveAudit::check_tree(const VersionRecord& version, const std::string& where) {
  if (!version.content) return;
  const auto objects = core_.repositories.acquire(version.key.repository);
  const Result<> own =
      objects ? require_own_tree(**objects, version.content->commit, version.content->tree)
              : std::unexpected(objects.error());
  if (!own) damage(where, own.error().message);
}

void MoveAudit::check_configuration(const VersionRecord& version, const std::string& where) {
  if (version.configuration == in_force_) return;
  // The first two versions are those of the configuration itself.
  if (version.kind == VersionKind::kInitial && version.configuration == 0) return;
  damage(where, "it was judged by configuration version " + std::to_string(version.configuration) +
                    "; version " + std::to_string(in_force_) + " was in force");
}

Result<OpenPgpKeySummary> MoveAudit::inspect(std::string_view armored) {
  // Most keys are in every configuration, and each look is a process.
  const auto known = keys_.find(armored);
  if (known != keys_.end()) return known->second;
  OpenPgpKeySummary summary = TRY(core_.configuration.inspector()(armored));
  if (keys_.size() >= kKeysMax) keys_.clear();
  keys_.emplace(std::string(armored), summary);
  return summary;
}

const Configuration* MoveAudit::configuration_for(const VersionRecord& version) {
  const bool is_first = version.kind == VersionKind::kInitial && version.content;
  if (is_first && !tree_) tree_ = version.content->tree;
  if (!is_read_ && tree_) {
    is_read_ = true;
    configuration_.reset();
    const auto system = core_.repositories.acquire(RepositoryName::system());
    if (system) {
      auto read = LiveConfiguration::read(
          **system, *tree_, [this](std::string_view armored) { return inspect(armored); });
      if (read) configuration_ = *std::move(read);
    }
    if (!configuration_) {
      find_(Weight::kNote, system_deploy_ref().str() + "@" + std::to_string(in_force_),
            "it cannot be read as a configuration: what was decided by it is not looked at");
    }
  }
  return configuration_ ? &*configuration_ : nullptr;
}

void MoveAudit::check_policy(const VersionRecord& version, const std::string& where) {
  const Configuration* const configuration = configuration_for(version);
  if (configuration == nullptr) return;
  std::optional<ResourceName> flow;
  if (version.promotion) {
    const auto found = pins_.find(*version.promotion);
    if (found == pins_.end()) return;  // check_promotion tells
    auto name = ResourceName::parse(found->second.flow);
    if (name) flow = *std::move(name);
  }
  if (policy_digest(*configuration, version.key, flow) == version.policy_digest) return;
  damage(where, "configuration version " + std::to_string(in_force_) +
                    " has other policies for it than those that it was judged by");
}

void MoveAudit::check_promotion(const VersionRecord& version, const std::string& where) {
  if (!version.promotion) return;
  const std::string number = std::to_string(*version.promotion);
  const auto found = pins_.find(*version.promotion);
  if (found == pins_.end()) return damage(where, "no entry opened promotion " + number);
  const Configuration* const configuration = configuration_for(version);
  if (configuration == nullptr) return;
  const auto name = ResourceName::parse(found->second.flow);
  const Flow* const flow = name ? configuration->flow(*name) : nullptr;
  if (flow == nullptr) return damage(where, "the flow of promotion " + number + " was not there");
  const Result<> made = check_strategy(version, found->second, *flow);
  if (!made) damage(where, made.error().message);
}

Result<> MoveAudit::check_strategy(const VersionRecord& version, const Pin& pin,
                                   const Flow& flow) const {
  const std::string number = std::to_string(*version.promotion);
  if (version.key != flow.to) {
    return corrupt("the flow of promotion " + number + " does not lead there");
  }
  if (!version.content || version.content->tree != pin.tree) {
    return corrupt("it does not have the tree that promotion " + number + " pinned");
  }
  if (flow.strategy == Strategy::kFastForward) {
    if (version.content->commit == pin.source_commit) return {};
    return corrupt("it is not the commit that promotion " + number + " pinned");
  }
  const PooledRepository objects = TRY(core_.repositories.acquire(version.key.repository));
  const GitCommit seal = TRY(objects->read_commit(version.content->commit));
  std::vector<Oid> parents;
  if (version.previous && version.previous->commit) parents.push_back(*version.previous->commit);
  parents.push_back(pin.source_commit);
  if (seal.parents == parents) return {};
  return corrupt("its commit is not a seal of the commit that promotion " + number + " pinned");
}

}  // namespace statehouse
