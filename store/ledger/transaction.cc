#include "store/ledger/transaction.h"

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"
#include "store/ledger/batch.h"
#include "store/ledger/rows.h"

namespace statehouse {

namespace {

constexpr Milliseconds kIdempotencyAge = std::chrono::hours(24);
constexpr std::size_t kNameBytesMax = 200;

Result<> require_digest(std::string_view text, std::string_view what) {
  if (is_digest_text(text)) return {};
  return invalid_argument("recording: " + std::string(what) + " is not a digest");
}

Result<> require_well_formed(const VersionDraft& draft) {
  if (draft.content.has_value() == (draft.kind == VersionKind::kDelete)) {
    return invalid_argument("recording a version: content goes with every kind but delete");
  }
  if (draft.content) {
    TRY(require_digest(draft.content->commit_digest, "commitSha256"));
    TRY(require_digest(draft.content->tree_digest, "treeSha256"));
    if (draft.content->commit.is_zero()) {
      return invalid_argument("recording a version: the zero id is no commit");
    }
  }
  return require_digest(draft.policy_digest, "policyDigest");
}

std::string_view parent_of(std::string_view name) { return name.substr(0, name.rfind('/')); }

}  // namespace

Timestamp Transaction::time() const { return batch_.time(); }
EntryIndex Transaction::next_entry_index() const { return batch_.next_index(); }

Result<AppendedEntry> Transaction::append(EntryDraft draft) {
  std::vector<SealedEvidence> sealed;
  for (Evidence& evidence : draft.evidence) {
    if (evidence.bytes.size() > limits::kEvidenceBytesMax) {
      return invalid_argument("logging: a piece of evidence is too large");
    }
    std::string salt = batch_.entropy_.bytes(16);
    std::string digest = evidence_digest(salt, evidence.bytes);
    sealed.push_back({std::move(digest), std::move(salt), std::move(evidence)});
  }
  AppendedEntry entry{next_entry_index(), time(), {}, {}, {}};
  const std::string nonce = batch_.entropy_.bytes(16);
  entry.bytes = TRY(
      build_entry({batch_.origin_, batch_.epoch_, entry.index, entry.time, nonce}, draft, sealed));
  TRY(batch_.statements_.insert_entry.run(entry.index, Blob{entry.bytes}));
  int position = 0;
  for (const SealedEvidence& piece : sealed) {
    TRY(batch_.statements_.insert_evidence.run(piece.digest, entry.index, position++,
                                               piece.evidence.name, piece.evidence.media_type,
                                               Blob{piece.salt}, Blob{piece.evidence.bytes}));
    entry.evidence_digests.push_back(piece.digest);
  }
  entry.leaf_hash = merkle_leaf_hash(entry.bytes);
  batch_.leaves_.push_back(entry.leaf_hash);
  return entry;
}

Result<std::optional<RefState>> Transaction::ref(const RefKey& key) {
  return batch_.statements_.ref.one(read_ref_state, key.repository.str(), key.ref.str());
}

Result<> Transaction::require_ref_at(const RefKey& key, VersionNumber expected) {
  const std::optional<RefState> state = TRY(ref(key));
  const VersionNumber actual = state ? state->version : 0;
  if (actual == expected) return {};
  return conflict(key.str() + " is at version " + std::to_string(actual) + ", not at " +
                      std::to_string(expected),
                  "read it again and decide again");
}

Result<VersionNumber> Transaction::next_version(const RefKey& key) {
  // From the versions, not from the ref state: a number once used must never come again.
  const auto newest = TRY(batch_.statements_.newest_version_number.one(
      read_count, key.repository.str(), key.ref.str()));
  return newest.value_or(0) + 1;
}

Result<> Transaction::check_name_free(const RefKey& key) {
  const std::string& repository = key.repository.str();
  const auto below =
      TRY(batch_.statements_.live_names_below.one(read_text, repository, key.ref.str()));
  if (below) return conflict("the ref " + *below + " exists; there can be no " + key.ref.str());
  for (std::string_view name = parent_of(key.ref.str()); name.size() > 4; name = parent_of(name)) {
    const auto above = TRY(batch_.statements_.live_name.one(read_text, repository, name));
    if (above) return conflict("the ref " + *above + " exists; there can be no " + key.ref.str());
  }
  return {};
}

Result<RecordedVersion> Transaction::record_version(const VersionDraft& draft,
                                                    std::vector<Evidence> evidence) {
  TRY_WITH("recording a version", require_well_formed(draft));
  const auto home = TRY(repository(draft.key.repository));
  if (!home || home->deleted) return not_found("there is no repository of that name");
  const VersionNumber next = TRY(next_version(draft.key));
  if (draft.version != next) {
    return conflict("recording a version: " + draft.key.str() + " has another next version");
  }
  const std::optional<RefState> before = TRY(ref(draft.key));
  const bool was_live = before && before->content;
  if (!draft.content && !was_live) {
    return invalid_argument("recording a version: there is nothing to delete");
  }
  if (draft.content && !was_live) TRY(check_name_free(draft.key));

  VersionRecord record{draft, std::nullopt, 0, time()};
  std::optional<Oid> old_commit, new_commit;
  if (was_live) old_commit = before->content->commit;
  if (draft.content) new_commit = draft.content->commit;
  if (before) record.previous = PreviousVersion{before->version, old_commit};
  const std::vector<CommitVerdictRecord> verdicts =
      TRY(batch_.statements_.verdicts_of_entry.all(read_verdict, next_entry_index()));
  AppendedEntry entry = TRY(append({.type = EventType::kRefUpdated,
                                    .subject = draft.key.str(),
                                    .actor = draft.actor,
                                    .data = ref_updated_data(draft, record.previous, verdicts),
                                    .evidence = std::move(evidence)}));
  record.entry = entry.index;
  TRY(write_version(batch_.statements_, record));
  TRY(write_ref_state(batch_.statements_, {draft.key, draft.version, draft.content, entry.index}));
  TRY(batch_.statements_.insert_outbox.run(kOutboxPublishRefs, draft.key.repository.str(),
                                           draft.key.ref.str(), blob_of(old_commit),
                                           blob_of(new_commit), Blob{}, time()));
  const auto outbox_id = TRY(batch_.statements_.last_id.one(read_count));
  return RecordedVersion{std::move(record), std::move(entry), outbox_id.value_or(0)};
}

Result<std::optional<VersionRecord>> Transaction::version(const RefKey& key, VersionNumber number) {
  return batch_.statements_.version.one(read_version, key.repository.str(), key.ref.str(), number);
}

Result<> Transaction::create_repository(const RepositoryName& name) {
  const auto existing = TRY(repository(name));
  if (existing) {
    return conflict("the repository name " + name.str() +
                    (existing->deleted ? " was used before and is never reused" : " exists"));
  }
  return batch_.statements_.insert_repository.run(name.str(), time());
}

Result<> Transaction::delete_repository(const RepositoryName& name) {
  const auto existing = TRY(repository(name));
  if (!existing || existing->deleted) return not_found("there is no repository of that name");
  const auto live = TRY(batch_.statements_.live_refs_of_repository.one(read_count, name.str()));
  if (live.value_or(0) != 0) {
    return conflict("the repository " + name.str() + " still has refs", "delete them first");
  }
  return batch_.statements_.delete_repository.run(name.str(), time());
}

Result<std::optional<RepositoryRecord>> Transaction::repository(const RepositoryName& name) {
  return batch_.statements_.repository.one(read_repository, name.str());
}

Result<CommitVerdictRecord> Transaction::record_verdict(const CommitVerdictRecord& record) {
  TRY(require_digest(record.commit_digest, "commitSha256"));
  const auto earlier =
      TRY(batch_.statements_.verdict.one(read_verdict, Blob{record.commit.bytes()}));
  if (earlier && earlier->commit_digest != record.commit_digest) {
    return unverified("commit " + record.commit.hex() +
                      " is known with other content: a SHA-1 collision");
  }
  if (earlier) return *earlier;
  TRY(batch_.statements_.insert_verdict.run(Blob{record.commit.bytes()}, record.commit_digest,
                                            record.verdict, record.pusher, record.received,
                                            next_entry_index()));
  return record;
}

Result<AppendedEntry> Transaction::record_statement(const StatementRecord& record,
                                                    const Actor& actor) {
  TRY(require_digest(record.payload_digest, "statement"));
  TRY(require_digest(record.archive_digest, "archive"));
  const auto of = TRY(version(record.key, record.version));
  if (!of) return not_found("there is no version " + std::to_string(record.version));
  if (!of->content) return invalid_argument("a deleted ref has no statement");
  const std::string& repository = record.key.repository.str();
  const std::string& ref = record.key.ref.str();
  const auto issued =
      TRY(batch_.statements_.statement.one(read_statement, repository, ref, record.version));
  if (issued) {
    return conflict(record.key.str() + " version " + std::to_string(record.version) +
                    " has its statement");
  }
  AppendedEntry entry = TRY(append({.type = EventType::kStatementIssued,
                                    .subject = record.key.str(),
                                    .actor = actor,
                                    .data = statement_issued_data(record, *of)}));
  TRY(batch_.statements_.insert_statement.run(
      repository, ref, record.version, record.payload_digest, Blob{record.envelope},
      record.archive_digest, record.archive_bytes, entry.index));
  return entry;
}

Result<std::uint64_t> Transaction::put_outbox(std::string_view kind, std::string_view payload) {
  if (kind == kOutboxPublishRefs) {
    return invalid_argument("only record_version licences the publishing of refs");
  }
  TRY(batch_.statements_.insert_outbox.run(kind, std::nullopt, std::nullopt, std::nullopt,
                                           std::nullopt, Blob{payload}, time()));
  const auto id = TRY(batch_.statements_.last_id.one(read_count));
  return id.value_or(0);
}

Result<> Transaction::clear_outbox(std::uint64_t id) {
  return batch_.statements_.clear_outbox.run(id);
}

Result<> Transaction::put_value(std::string_view name, std::string_view value) {
  if (name.empty() || name.size() > kNameBytesMax) {
    return invalid_argument("storing a value: bad name");
  }
  return batch_.statements_.put_value.run(name, Blob{value});
}

Result<std::optional<std::string>> Transaction::value(std::string_view name) {
  return batch_.statements_.value.one(read_text, name);
}

Result<> Transaction::put_idempotent(std::string_view caller, std::string_view key,
                                     std::string_view request_digest, std::string_view response) {
  if (key.empty() || key.size() > kNameBytesMax) {
    return invalid_argument("keeping an answer: the key is empty or too long");
  }
  TRY(batch_.statements_.purge_idempotency.run(time() - kIdempotencyAge));
  return batch_.statements_.insert_idempotency.run(caller, key, request_digest, Blob{response},
                                                   time());
}

Result<std::optional<IdempotencyRecord>> Transaction::idempotent(std::string_view caller,
                                                                 std::string_view key) {
  return batch_.statements_.idempotency.one(read_idempotency, caller, key,
                                            time() - kIdempotencyAge);
}

Result<AppendedEntry> Transaction::erase_evidence(std::string_view digest,
                                                  std::string_view legal_basis,
                                                  const Actor& actor) {
  TRY(require_digest(digest, "what to erase"));
  const auto evidence = TRY(batch_.statements_.evidence.one(read_evidence, digest));
  if (!evidence) return not_found("there is no such evidence");
  if (!evidence->content) return conflict("that evidence is erased already");
  TRY(batch_.statements_.erase_evidence.run(digest));
  return append({.type = EventType::kEvidenceErased,
                 .subject = "system",
                 .actor = actor,
                 .data = {{"digest", digest}, {"entry", evidence->entry}},
                 .evidence = {{"legal-basis", "text/plain", std::string(legal_basis)}}});
}

}  // namespace statehouse
