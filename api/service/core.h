#pragma once

#include "api/service/alarms.h"
#include "api/service/commit_judge.h"
#include "api/service/live_configuration.h"
#include "api/service/ref_view.h"
#include "api/service/repository_queue.h"
#include "crypto/base/clock.h"
#include "crypto/base/durable_step.h"
#include "crypto/base/entropy.h"
#include "store/git/object_rules.h"
#include "store/git/repository_store.h"
#include "store/git/tree_digest.h"
#include "store/keys/key_store.h"
#include "store/ledger/ledger.h"

namespace statehouse {

/// What the use cases share: one object each, made by StateStore, which outlives them all. Holding
/// a Core gives no rights; the write path is the only code that moves a ref with it. Threads: any.
struct Core {
  const Clock& clock;
  const Entropy& entropy;
  DurableSteps& steps;
  Ledger& ledger;
  RepositoryStore& repositories;
  const KeyStore& keys;
  RefView& refs;
  LiveConfiguration& configuration;
  RepositoryQueue& queue;
  CommitJudge& judge;
  ObjectRules& object_rules;
  TreeDigests& tree_digests;
  Alarms& alarms;
};

/// The refs of the store's own configuration.
inline const RefKey& system_audit_ref() {
  static const RefKey key{RepositoryName::system(), RefName::parse("refs/heads/audit").value()};
  return key;
}
inline const RefKey& system_deploy_ref() {
  static const RefKey key{RepositoryName::system(), RefName::parse("refs/heads/deploy").value()};
  return key;
}

/// Commit and tree of `commit` under SHA-1 and SHA-256.
Result<VersionContent> version_content(const Core& core, const GitRepository& repository,
                                       const Oid& commit);

}  // namespace statehouse
