#include "policy/independence.h"

#include <algorithm>
#include <tuple>

namespace statehouse {

namespace {

void add_hand(const Configuration& configuration, const std::optional<ResourceName>& identity,
              std::set<ResourceName>& hands) {
  if (!identity) return;
  hands.insert(*identity);
  hands.merge(configuration.persons_behind(*identity));
}

/// When approvals given before must be given anew, because somebody else may have signed `commit`.
std::optional<Timestamp> compromised_at(const Configuration& configuration,
                                        const CommitFacts& commit) {
  if (commit.is_baseline || !commit.received) return std::nullopt;
  const KeyEntry* const entry = configuration.keys().find(commit.signature.fingerprint);
  if (entry == nullptr || !entry->key.revoked || !entry->key.revoked->since) return std::nullopt;
  if (*commit.received < *entry->key.revoked->since) return std::nullopt;
  return entry->key.revoked->at;
}

}  // namespace

std::set<ResourceName> hands_in(const Configuration& configuration, const CommitFacts& commit) {
  std::set<ResourceName> hands;
  if (commit.is_seal) return hands;
  add_hand(configuration, commit.pusher, hands);
  if (commit.is_baseline) return hands;
  const KeyDirectory& keys = configuration.keys();
  add_hand(configuration, commit.author, hands);
  add_hand(configuration, commit.committer, hands);
  add_hand(configuration, commit.signature.identity, hands);
  add_hand(configuration, keys.identity_of_email(commit.author_email), hands);
  add_hand(configuration, keys.identity_of_email(commit.committer_email), hands);
  for (const ResourceName& name : commit.co_authors) add_hand(configuration, name, hands);
  for (const std::string& email : commit.co_author_emails) {
    add_hand(configuration, keys.identity_of_email(email), hands);
  }
  return hands;
}

bool is_independent(const Configuration& configuration, const ResourceName& identity,
                    const std::set<ResourceName>& hands) {
  return !hands.contains(identity) &&
         std::ranges::none_of(configuration.persons_behind(identity),
                              [&](const ResourceName& person) { return hands.contains(person); });
}

std::set<ResourceName> distinct_people(const Configuration& configuration,
                                       const std::set<ResourceName>& approvers) {
  std::set<ResourceName> chosen;
  std::set<ResourceName> taken;
  const auto choose = [&](bool persons) {
    for (const ResourceName& approver : approvers) {
      std::set<ResourceName> behind = configuration.persons_behind(approver);
      if (behind.contains(approver) != persons) continue;
      if (std::ranges::any_of(behind, [&](const auto& p) { return taken.contains(p); })) continue;
      chosen.insert(approver);
      taken.merge(behind);
    }
  };
  choose(true);
  choose(false);
  return chosen;
}

std::set<ResourceName> able_approvers(const Configuration& configuration, const Principals& from,
                                      Timestamp now) {
  std::set<ResourceName> able = configuration.identities_named(from);
  std::erase_if(able, [&](const ResourceName& identity) {
    return !configuration.keys().has_good_key(identity, KeyUsage::kApprovals, now);
  });
  return able;
}

bool CommitClass::operator<(const CommitClass& other) const {
  return std::tie(hands, approve_after) < std::tie(other.hands, other.approve_after);
}

std::vector<CommitClass> classes_of(const Configuration& configuration,
                                    const std::vector<CommitFacts>& commits,
                                    const ResourceName& fallback) {
  std::set<CommitClass> classes;
  for (const CommitFacts& commit : commits) {
    if (commit.is_seal) continue;
    classes.insert(CommitClass{hands_in(configuration, commit),
                               compromised_at(configuration, commit), commit.oid});
  }
  if (classes.empty()) {
    CommitClass wish;
    add_hand(configuration, fallback, wish.hands);
    classes.insert(std::move(wish));
  }
  return {classes.begin(), classes.end()};
}

CommitClass merged_class(const std::vector<CommitClass>& classes) {
  CommitClass merged = classes.front();
  for (const CommitClass& other : classes) {
    merged.hands.insert(other.hands.begin(), other.hands.end());
    if (other.approve_after &&
        (!merged.approve_after || *other.approve_after > *merged.approve_after)) {
      merged.approve_after = other.approve_after;
    }
  }
  return merged;
}

}  // namespace statehouse
