#include "api/service/statement_service.h"

#include <algorithm>

#include "api/service/logged_facts.h"
#include "crypto/base/encoding.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"
#include "crypto/tlog_proof.h"

namespace statehouse {

namespace {

constexpr std::size_t kHeadsMax = 1000;

std::string bare(std::string_view digest_text) {
  return std::string(digest_text.substr(std::string_view("sha256:").size()));
}

std::unexpected<Error> no_row(const RefKey& key, VersionNumber version) {
  return corrupt("issuing the statement of " + key.str() + "@" + std::to_string(version) +
                     ": its row is gone, or not what it was",
                 "run statehouse fsck");
}

}  // namespace

VersionStatement version_statement(const Core& core, const VersionRecord& version,
                                   const StatedArchive& archive,
                                   const std::optional<std::string>& previous) {
  VersionStatement statement;
  statement.origin = core.ledger.origin();
  statement.epoch = core.ledger.epoch();
  statement.repository = version.key.repository.str();
  statement.ref = version.key.ref.str();
  statement.version = version.version;
  statement.kind = name_of(version.kind);
  statement.commit = version.content->commit.hex();
  statement.commit_sha256 = bare(version.content->commit_digest);
  statement.tree = version.content->tree.hex();
  statement.tree_sha256 = bare(version.content->tree_digest);
  statement.archive_sha256 = bare(archive.digest);
  statement.archive_size = archive.bytes;
  statement.policy_digest = version.policy_digest;
  statement.previous = previous;
  statement.time = version.time;
  statement.entry = version.entry;
  return statement;
}

Result<std::optional<std::string>> StatementService::previous_digest(const RefKey& key,
                                                                     VersionNumber version) const {
  for (VersionNumber earlier = version; earlier-- > 1;) {
    const auto statement = TRY(core_.ledger.read().statement(key, earlier));
    if (!statement) continue;
    TRY(require_as_logged(core_.ledger.read(), *statement));
    return std::optional(statement->payload_digest);
  }
  return std::optional<std::string>();
}

Result<> StatementService::issue(const OwedStatement& owed,
                                 const std::vector<std::uint64_t>& done_outbox_ids) {
  const std::lock_guard order(issuing_);
  // Earlier versions come first: each statement names the digest of the one before it.
  std::vector<VersionRecord> missing;
  for (VersionNumber number = owed.version; number >= 1; --number) {
    const auto statement = TRY(core_.ledger.read().statement(owed.key, number));
    if (statement) break;
    const auto version = TRY(core_.ledger.read().version(owed.key, number));
    if (!version) return no_row(owed.key, number);
    TRY(await_entry(core_.ledger, version->entry));
    TRY(require_as_logged(core_.ledger.read(), *version));
    if (version->content) missing.push_back(*version);
  }
  for (std::size_t i = missing.size(); i-- > 1;) TRY(issue_one(missing[i], {}));
  std::vector<std::uint64_t> outbox_ids = done_outbox_ids;
  outbox_ids.push_back(owed.outbox_id);
  if (!missing.empty()) return issue_one(missing.front(), std::move(outbox_ids));
  return core_.ledger.commit([&](Transaction& transaction) -> Result<> {
    for (const std::uint64_t id : outbox_ids) TRY(transaction.clear_outbox(id));
    return {};
  });
}

Result<> StatementService::issue_one(const VersionRecord& version,
                                     std::vector<std::uint64_t> outbox_ids) {
  {
    const PooledRepository objects = TRY(core_.repositories.acquire(version.key.repository));
    TRY(require_own_tree(*objects, version.content->commit, version.content->tree));
  }
  // What is out of date already is hardly ever asked for: then it is built.
  const RepositoryName& repository = version.key.repository;
  const auto refs = core_.refs.current();
  const RefState* newest = refs->find(version.key);
  const bool is_newest = newest != nullptr && newest->version == version.version;
  const ArchiveDigest archive =
      TRY(is_newest ? archives_.build(repository, version.content->tree)
                    : archives_.digest(repository, version.content->tree));
  const std::optional<std::string> previous = TRY(previous_digest(version.key, version.version));
  const VersionStatement statement =
      version_statement(core_, version, {digest_text(archive.sha256), archive.size}, previous);
  StatementRecord record{.key = version.key, .version = version.version};
  const std::string payload = statement.payload();
  record.payload_digest = sha256_digest_text(payload);
  record.envelope = sign_dsse(kInTotoPayloadType, payload, core_.keys.statement_key()).serialise();
  record.archive_digest = digest_text(archive.sha256);
  record.archive_bytes = archive.size;
  const auto record_it = [&](Transaction& transaction) -> Result<> {
    // The entry is made from the row as it is now: it must be the one that was held against the
    // log.
    const auto row = TRY(transaction.version(version.key, version.version));
    if (row != version) return no_row(version.key, version.version);
    TRY(transaction.record_statement(record, AuthenticatedCaller::server().actor()));
    for (const std::uint64_t id : outbox_ids) TRY(transaction.clear_outbox(id));
    return {};
  };
  TRY(durable_step(core_.steps, "statement.record",
                   [&] { return core_.ledger.commit(record_it); }));
  tell_waiting(version.key, version.version);
  return {};
}

void StatementService::tell_waiting(const RefKey& key, VersionNumber version) {
  std::vector<std::shared_ptr<Waiting>> told;
  {
    const std::lock_guard lock(mutex_);
    issued_.notify_all();
    for (const auto& waiting : waiting_) {
      if (waiting->what == std::pair(key, version)) told.push_back(waiting);
    }
  }
  for (const auto& waiting : told) waiting->wake();
}

std::shared_ptr<void> StatementService::when_issued(const RefKey& key, VersionNumber version,
                                                    std::function<void()> wake) {
  auto waiting = std::make_shared<Waiting>(std::pair(key, version), std::move(wake));
  {
    const std::lock_guard lock(mutex_);
    waiting_.insert(waiting);
  }
  // Looked at afterwards, so that an issue in between is not missed.
  const auto statement = shown(key, version);
  if (!statement || *statement) waiting->wake();
  return {waiting.get(), [this, waiting](Waiting*) {
            const std::lock_guard lock(mutex_);
            waiting_.erase(waiting);
          }};
}

Result<std::optional<StatementRecord>> StatementService::shown(const RefKey& key,
                                                               VersionNumber version) const {
  auto statement = TRY(core_.ledger.read().statement(key, version));
  // Its row is seen a moment before the checkpoint that covers its entry is published.
  const std::uint64_t published = core_.ledger.read().checkpoint().size;
  if (statement && statement->entry >= published) statement.reset();
  return statement;
}

Result<StatementRecord> StatementService::wait_for(const RefKey& key, VersionNumber version,
                                                   Milliseconds wait_max) {
  const auto deadline = std::chrono::steady_clock::now() + wait_max;
  while (true) {
    {
      // Under the lock, so that an issue between looking and waiting is not missed.
      std::unique_lock lock(mutex_);
      const auto statement = TRY(shown(key, version));
      if (statement) return *statement;
      const auto record = TRY(core_.ledger.read().version(key, version));
      if (!record || !record->content) {
        return not_found("looking for a snapshot: there is no version " + std::to_string(version) +
                         " of " + key.str());
      }
      if (std::chrono::steady_clock::now() < deadline) {
        issued_.wait_until(lock, deadline);
        continue;
      }
    }
    return unavailable("waiting for the snapshot of " + key.str() + " version " +
                           std::to_string(version) + ": it is still being prepared",
                       "ask again in a moment");
  }
}

std::vector<HeadStatement::Ref> StatementService::readable_refs(
    const AuthenticatedCaller& caller, const std::optional<RepositoryName>& repository) const {
  std::vector<HeadStatement::Ref> refs;
  const auto snapshot = core_.refs.current();
  for (const RefState* state : repository ? snapshot->of(*repository) : snapshot->all()) {
    const RefKey& key = state->key;
    if (!access_.may_read(caller, key) || core_.alarms.is_blocked(key)) continue;
    refs.push_back({key.repository.str(), key.ref.str(), state->version,
                    state->content->commit.hex(), state->content->tree.hex()});
  }
  return refs;
}

Result<SignedHead> StatementService::sign_head(std::vector<HeadStatement::Ref> refs) const {
  const LedgerHealth health = core_.ledger.health();
  if (health.stopped) return std::unexpected(*health.stopped);
  if (health.clock) return std::unexpected(*health.clock);
  const CheckpointRecord checkpoint = core_.ledger.read().checkpoint();
  SignedHead head;
  head.statement.origin = core_.ledger.origin();
  head.statement.epoch = core_.ledger.epoch();
  head.statement.refs = std::move(refs);
  head.statement.checkpoint_size = checkpoint.size;
  head.statement.checkpoint_root = checkpoint.root;
  head.statement.issued = core_.clock.now();
  head.statement.expires = head.statement.issued + kHeadValidity;
  head.envelope =
      sign_dsse(kHeadPayloadType, head.statement.payload(), core_.keys.statement_key()).serialise();
  head.checkpoint_note = checkpoint.note;
  return head;
}

Result<SignedHead> StatementService::head_covering(const AuthenticatedCaller& caller,
                                                   const std::optional<RepositoryName>& repository,
                                                   EntryIndex entry) {
  std::vector<HeadStatement::Ref> refs = readable_refs(caller, repository);
  std::string key;
  for (const HeadStatement::Ref& ref : refs) {
    key += ref.repository + ":" + ref.ref + "@" + std::to_string(ref.version) + "\n";
  }
  const std::lock_guard lock(mutex_);
  const auto found = heads_.find(key);
  if (found != heads_.end()) {
    const SignedHead& head = found->second;
    const Milliseconds age = core_.clock.now() - head.statement.issued;
    const bool fresh = age >= Milliseconds(0) && age < kHeadAgeMax;
    if (fresh && head.statement.checkpoint_size > entry) return head;
  }
  SignedHead head = TRY(sign_head(std::move(refs)));
  if (heads_.size() >= kHeadsMax) heads_.clear();
  heads_.insert_or_assign(key, head);
  return head;
}

Result<SignedHead> StatementService::head(const AuthenticatedCaller& caller,
                                          const std::optional<RepositoryName>& repository) {
  return head_covering(caller, repository, 0);
}

Result<SnapshotBundle> StatementService::bundle(const AuthenticatedCaller& caller,
                                                const RefKey& key,
                                                std::optional<VersionNumber> version,
                                                std::uint64_t since, Milliseconds wait_max) {
  const auto missing = [&] {
    return not_found("looking for a snapshot: there is no " + key.str(),
                     "check repository and ref, and that the token may read them");
  };
  if (!access_.may_read(caller, key) || core_.alarms.is_blocked(key)) return missing();
  const auto snapshot = core_.refs.current();
  const RefState* state = snapshot->find(key);
  if (!version && state == nullptr) return missing();
  const VersionNumber wanted = version ? *version : state->version;
  StatementRecord statement = TRY(wait_for(key, wanted, wait_max));
  SnapshotBundle bundle{.statement = std::move(statement)};
  const auto record = TRY(core_.ledger.read().version(key, wanted));
  bundle.tree = record->content->tree;
  bundle.entry = TRY(core_.ledger.read().entry(bundle.statement.entry));
  std::uint64_t size = 0;
  TlogProof proof{.index = bundle.statement.entry};
  if (version) {
    const CheckpointRecord checkpoint = core_.ledger.read().checkpoint();
    size = checkpoint.size;
    proof.checkpoint = checkpoint.note;
  } else {
    bundle.head = TRY(head_covering(caller, key.repository, bundle.statement.entry));
    size = bundle.head->statement.checkpoint_size;
    proof.checkpoint = bundle.head->checkpoint_note;
    // The ref moved between the two looks: the next request sees both.
    const HeadStatement::Ref* ref =
        bundle.head->statement.find(key.repository.str(), key.ref.str());
    if (ref == nullptr || ref->version != wanted) {
      return unavailable("looking for a snapshot: " + key.str() + " is moving", "ask again");
    }
  }
  proof.hashes = TRY(core_.ledger.read().inclusion_proof(proof.index, size));
  bundle.proof = format_tlog_proof(proof);
  if (since > 0) {
    if (since > size) {
      return conflict("proving consistency: the log has " + std::to_string(size) +
                          " entries, fewer than the " + std::to_string(since) + " seen before",
                      "the store may have been restored from an old copy: ask its operator");
    }
    bundle.consistency = TRY(core_.ledger.read().consistency_proof(since, size));
  }
  return bundle;
}

}  // namespace statehouse
