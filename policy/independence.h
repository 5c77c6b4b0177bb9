#pragma once

#include <set>
#include <vector>

#include "policy/configuration.h"
#include "policy/evaluate.h"
#include "policy/facts.h"

// Who may count as a second pair of eyes. Private to policy/.

namespace statehouse {

/// Whether `identity` had no part in what `hands` did: neither it nor a person who answers for it
/// is among them.
bool is_independent(const Configuration& configuration, const ResourceName& identity,
                    const std::set<ResourceName>& hands);

/// The largest part of `approvers` (found greedily, persons before robots) of which no two have a
/// person in common: alice and a robot of hers are one pair of eyes.
std::set<ResourceName> distinct_people(const Configuration& configuration,
                                       const std::set<ResourceName>& approvers);

/// Everybody in `from` with a key in service for approvals at `now`.
std::set<ResourceName> able_approvers(const Configuration& configuration, const Principals& from,
                                      Timestamp now);

/// Commits that ask the same of their approvers, judged once.
struct CommitClass {
  std::set<ResourceName> hands;
  std::optional<Timestamp> approve_after;  ///< set when a compromised key signed: approvals must be
                                           ///< received at or after this
  Oid example;                             ///< one commit of the class

  bool operator<(const CommitClass& other) const;
};

/// The classes of `commits`, seals left out. Never empty: when nothing is left, one class whose
/// hands are `fallback` and the persons behind it (somebody must have wanted this).
std::vector<CommitClass> classes_of(const Configuration& configuration,
                                    const std::vector<CommitFacts>& commits,
                                    const ResourceName& fallback);

/// The classes merged into one, for `independence: promotion`. REQUIRES: not empty.
CommitClass merged_class(const std::vector<CommitClass>& classes);

}  // namespace statehouse
