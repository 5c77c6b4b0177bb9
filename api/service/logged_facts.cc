#include "api/service/logged_facts.h"

#include <utility>

#include "crypto/base/limits.h"
#include "crypto/merkle.h"

namespace statehouse {

namespace {

constexpr std::size_t kEntriesPerRead = 64;

/// Whatever the log cannot prove is damage; trouble of the machine stays what it is.
template <typename T>
Result<T> or_corrupt(std::string_view doing, Result<T> result) {
  if (result) return result;
  Error error = std::move(result).error().with_context(doing);
  if (error.code == ErrorCode::kUnavailable || error.code == ErrorCode::kInternal) {
    return std::unexpected(std::move(error));
  }
  return corrupt(std::move(error.message), "run statehouse fsck");
}

std::unexpected<Error> differs(std::string_view doing) {
  return corrupt(std::string(doing) + ": what the database has is not what the log says",
                 "run statehouse fsck");
}

std::string of_version(const RefKey& key, VersionNumber number) {
  return "checking " + key.str() + "@" + std::to_string(number);
}

Result<ParsedEntry> prove(const LedgerReader& ledger, EntryIndex index) {
  const CheckpointRecord checkpoint = ledger.checkpoint();
  const std::string bytes = TRY(ledger.entry(index));
  const MerkleProof proof = TRY(ledger.inclusion_proof(index, checkpoint.size));
  TRY(verify_merkle_inclusion(index, checkpoint.size, merkle_leaf_hash(bytes), proof,
                              checkpoint.root));
  return parse_entry(bytes);
}

/// The first entry that is not older than `time`; the log's size when there is none.
Result<EntryIndex> first_entry_at(const LedgerReader& ledger, Timestamp time) {
  EntryIndex first = 0;
  EntryIndex end = ledger.tree_size();
  while (first < end) {
    const EntryIndex middle = first + (end - first) / 2;
    const std::string bytes = TRY(ledger.entry(middle));
    const ParsedEntry entry = TRY(parse_entry(bytes));
    if (entry.time < time) {
      first = middle + 1;
    } else {
      end = middle;
    }
  }
  return first;
}

/// The entry of `type` that was logged at `time` and pinned this revision of the promotion.
Result<ParsedEntry> find_pin(const LedgerReader& ledger, PromotionNumber number,
                             std::uint64_t revision, EventType type, Timestamp time) {
  const EntryIndex first = TRY(first_entry_at(ledger, time));
  for (EntryIndex next = first;; next += kEntriesPerRead) {
    const std::vector<EntryRecord> records = TRY(ledger.entries(next, kEntriesPerRead));
    if (records.empty()) return not_found("no entry pinned it");
    for (const EntryRecord& record : records) {
      const ParsedEntry entry = TRY(parse_entry(record.bytes));
      if (time < entry.time) return not_found("no entry pinned it");
      if (entry.type != type) continue;
      const std::int64_t of = TRY(json_integer(entry.data, "promotion"));
      const std::int64_t pinned = TRY(json_integer(entry.data, "revision"));
      if (std::cmp_equal(of, number) && std::cmp_equal(pinned, revision)) {
        return prove(ledger, record.index);
      }
    }
  }
}

bool is_as_pinned(const PromotionRecord& row, const PromotionRecord& stated) {
  return row.number == stated.number && row.kind == stated.kind && row.source == stated.source &&
         row.target == stated.target && row.flow == stated.flow &&
         row.source_commit == stated.source_commit &&
         row.source_commit_digest == stated.source_commit_digest && row.tree == stated.tree &&
         row.tree_digest == stated.tree_digest && row.base_commit == stated.base_commit &&
         row.base_version == stated.base_version && row.revision == stated.revision &&
         row.rollback_to == stated.rollback_to;
}

/// The title becomes part of a seal. Text that was erased says nothing any more.
Result<bool> has_logged_text(const LedgerReader& ledger, const PromotionRecord& row,
                             const ParsedEntry& pin) {
  if (pin.evidence_digests.size() != 1) return false;
  const EvidenceRecord evidence = TRY(ledger.evidence(pin.evidence_digests[0]));
  if (!evidence.content) return true;
  const Json text = TRY(parse_json(evidence.content->bytes, limits::kEvidenceBytesMax));
  return text == Json{{"title", row.title}, {"message", row.message}};
}

Result<bool> is_as_logged(const LedgerReader& ledger, const PromotionRecord& row) {
  const ParsedEntry opened =
      TRY(find_pin(ledger, row.number, 1, EventType::kPromotionOpened, row.opened));
  if (opened.actor.identity.value_or("") != row.opener) return false;
  const bool is_first = row.revision == 1;
  if (is_first && row.updated != row.opened) return false;
  const ParsedEntry pin = is_first ? opened
                                   : TRY(find_pin(ledger, row.number, row.revision,
                                                  EventType::kPromotionUpdated, row.updated));
  const PromotionRecord stated = TRY(parse_promotion_pinned(pin));
  if (!is_as_pinned(row, stated)) return false;
  return has_logged_text(ledger, row, pin);
}

}  // namespace

Result<> await_entry(Ledger& ledger, EntryIndex index) {
  if (index < ledger.read().tree_size()) return {};
  // A job is answered after the batches before it were published.
  return ledger.commit([](Transaction& /*transaction*/) -> Result<> { return {}; });
}

Result<ParsedEntry> read_proved_entry(const LedgerReader& ledger, EntryIndex index) {
  return or_corrupt("proving entry " + std::to_string(index), prove(ledger, index));
}

Result<VersionRecord> read_proved_version(const LedgerReader& ledger, const RefKey& key,
                                          VersionNumber number, EntryIndex entry) {
  const std::string doing = of_version(key, number);
  const ParsedEntry event = TRY(or_corrupt(doing, prove(ledger, entry)));
  VersionRecord stated = TRY(or_corrupt(doing, parse_ref_updated(event, entry)));
  if (stated.key == key && stated.version == number) return stated;
  return corrupt(doing + ": entry " + std::to_string(entry) + " is not about it",
                 "run statehouse fsck");
}

Result<> require_as_logged(const LedgerReader& ledger, const VersionRecord& row) {
  const VersionRecord stated = TRY(read_proved_version(ledger, row.key, row.version, row.entry));
  if (stated == row) return {};
  return differs(of_version(row.key, row.version));
}

Result<> require_as_logged(const LedgerReader& ledger, const StatementRecord& row) {
  const std::string doing =
      "checking the statement of " + row.key.str() + "@" + std::to_string(row.version);
  const ParsedEntry event = TRY(or_corrupt(doing, prove(ledger, row.entry)));
  const bool is_same =
      event.type == EventType::kStatementIssued &&
      json_string(event.data, "repository") == row.key.repository.str() &&
      json_string(event.data, "ref") == row.key.ref.str() &&
      json_integer(event.data, "version") == static_cast<std::int64_t>(row.version) &&
      json_string(event.data, "statement") == row.payload_digest;
  if (is_same) return {};
  return differs(doing);
}

Result<> require_as_logged(const LedgerReader& ledger, const PromotionRecord& row) {
  const std::string doing = "checking promotion " + std::to_string(row.number);
  const bool is_same = TRY(or_corrupt(doing, is_as_logged(ledger, row)));
  if (is_same) return {};
  return differs(doing);
}

Result<> require_own_tree(const GitRepository& objects, const Oid& commit, const Oid& tree) {
  const GitCommit object = TRY(objects.read_commit(commit));
  if (object.tree == tree) return {};
  return corrupt("checking commit " + commit.hex() + ": its tree is " + object.tree.hex() +
                     ", not " + tree.hex(),
                 "run statehouse fsck");
}

}  // namespace statehouse
