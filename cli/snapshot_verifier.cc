#include "cli/snapshot_verifier.h"

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/checkpoint.h"
#include "crypto/dsse.h"
#include "crypto/sha256.h"
#include "crypto/tlog_proof.h"

namespace statehouse {
namespace {

constexpr std::string_view kEntryType = "statehouse.statement.issued";

/// Whatever is wrong with bytes that should prove something: they do not prove it.
template <typename T>
Result<T> as_unverified(std::string_view what, Result<T> result) {
  if (result) return result;
  Error error = std::move(result).error().with_context(what);
  error.code = ErrorCode::kUnverified;
  return std::unexpected(std::move(error));
}

std::string number(std::uint64_t value) { return std::to_string(value); }

Result<RefKey> key_of(const VersionStatement& statement) {
  RepositoryName repository = TRY(RepositoryName::parse(statement.repository));
  RefName ref = TRY(RefName::parse(statement.ref));
  return RefKey{std::move(repository), std::move(ref)};
}

Result<> require_asked(const VersionStatement& statement, const RefKey& key,
                       const SnapshotQuestion& question) {
  if (question.repository && *question.repository != key.repository) {
    return unverified("wrong repository: asked for " + question.repository->str() +
                      ", the statement is about " + key.repository.str());
  }
  if (question.ref && *question.ref != key.ref) {
    return unverified("wrong ref: asked for " + question.ref->str() + ", the statement is about " +
                      key.ref.str());
  }
  if (question.version && *question.version != statement.version) {
    return unverified("wrong version: asked for " + number(*question.version) +
                      ", the statement is about " + number(statement.version));
  }
  return {};
}

Result<> require_head(const HeadStatement& head, const VersionStatement& statement) {
  const HeadStatement::Ref* named = head.find(statement.repository, statement.ref);
  if (named == nullptr) return unverified("wrong head: it does not name this ref");
  if (named->version != statement.version || named->commit != statement.commit ||
      named->tree != statement.tree) {
    return unverified("wrong head: it names version " + number(named->version) + " (" +
                      named->commit + "), the statement is about version " +
                      number(statement.version) + " (" + statement.commit + ")");
  }
  if (statement.epoch > head.epoch) {
    return unverified("wrong head: it is of an earlier epoch than the statement");
  }
  return {};
}

/// `epoch` is the one the store speaks in now: the head's, else the trust document's.
Result<> require_not_behind(const LastSeen& last, const TrustDocument& trust, Epoch epoch,
                            const VersionStatement& statement, const RefKey& key, SnapshotAge age) {
  if (epoch < trust.epoch()) {
    return unverified("lower epoch: " + number(epoch) + ", the trust document declares " +
                      number(trust.epoch()));
  }
  if (last.origin.empty()) return {};
  if (last.origin != trust.origin()) {
    return unverified("wrong origin: the last seen state is of " + escape_for_message(last.origin) +
                          ", the trust document of " + escape_for_message(trust.origin()),
                      "use another state file for another store");
  }
  if (epoch < last.epoch) {
    return unverified("lower epoch: " + number(epoch) + ", last seen was " + number(last.epoch));
  }
  const auto seen = last.refs.find(key);
  if (seen == last.refs.end()) return {};
  if (age == SnapshotAge::kCurrent && statement.version < seen->second.version) {
    return unverified("lower version: " + number(statement.version) + ", last seen was " +
                      number(seen->second.version));
  }
  if (statement.version == seen->second.version &&
      (statement.commit != seen->second.commit || statement.tree != seen->second.tree)) {
    return unverified("two contents for version " + number(statement.version) + ": last seen was " +
                      seen->second.commit + ", now it is " + statement.commit);
  }
  return {};
}

/// The entry is the logging of exactly this statement, at exactly this index.
Result<> require_entry_about(std::string_view entry, EntryIndex index,
                             const VersionStatement& statement, const std::string& digest) {
  const Json event = TRY(parse_json(entry, limits::kEntryBytesMax));
  const std::string type = TRY(json_string(event, "type"));
  const std::string source = TRY(json_string(event, "source"));
  const std::string id = TRY(json_string(event, "id"));
  const std::int64_t epoch = TRY(json_integer(event, "epoch"));
  const Json* data = TRY(json_member(event, "data"));
  const std::string logged = TRY(json_string(*data, "statement"));
  const std::string repository = TRY(json_string(*data, "repository"));
  const std::string ref = TRY(json_string(*data, "ref"));
  const std::int64_t version = TRY(json_integer(*data, "version"));
  if (type != kEntryType) return unverified("it is of type " + escape_for_message(type));
  if (source != statement.origin) return unverified("it is of another origin");
  if (logged != digest) return unverified("it is about another statement");
  if (id != std::to_string(epoch) + "-" + number(index)) {
    return unverified("it is not the entry at index " + number(index));
  }
  if (repository != statement.repository || ref != statement.ref || version < 0 ||
      static_cast<VersionNumber>(version) != statement.version) {
    return unverified("it contradicts the statement");
  }
  return {};
}

Result<> require_consistent(const LastSeen& last, Epoch epoch, const VerifiedCheckpoint& checkpoint,
                            const std::optional<MerkleProof>& proof) {
  // A root-signed new epoch says that entries were lost: the old log does not continue.
  if (last.checkpoint_size == 0 || epoch > last.epoch) return {};
  const std::string sizes =
      number(checkpoint.size()) + " entries, last seen were " + number(last.checkpoint_size);
  if (checkpoint.size() < last.checkpoint_size) {
    return unverified("inconsistent checkpoint: the log shrank: " + sizes);
  }
  if (checkpoint.size() == last.checkpoint_size) {
    if (checkpoint.root() == last.checkpoint_root) return {};
    return unverified("inconsistent checkpoint: another root than last seen for " + sizes);
  }
  if (!proof) return unverified("inconsistent checkpoint: there is no consistency proof: " + sizes);
  return as_unverified("inconsistent checkpoint",
                       verify_merkle_consistency(last.checkpoint_size, checkpoint.size(),
                                                 last.checkpoint_root, checkpoint.root(), *proof));
}

LastSeen advance(LastSeen seen, const TrustDocument& trust, Epoch epoch,
                 const VerifiedCheckpoint& checkpoint) {
  seen.origin = trust.origin();
  seen.epoch = epoch;
  seen.checkpoint_size = checkpoint.size();
  seen.checkpoint_root = checkpoint.root();
  return seen;
}

}  // namespace

Result<SnapshotOffer> SnapshotOffer::parse(const Json& document) {
  SnapshotOffer bundle;
  const Json* statement = TRY(json_member(document, "statement"));
  bundle.statement = dump_json(*statement);
  const std::string entry = TRY(json_string(document, "entry"));
  bundle.entry = TRY(base64_decode(entry));
  bundle.proof = TRY(json_string(document, "proof"));
  const auto head = json_member(document, "head");
  if (head && !(*head)->is_null()) bundle.head = dump_json(**head);
  const auto consistency = json_member(document, "consistency");
  if (!consistency || (*consistency)->is_null()) return bundle;
  if (!(*consistency)->is_array() || (*consistency)->size() > limits::kProofHashesMax) {
    return invalid_argument("`consistency` is not a list of at most " +
                            std::to_string(limits::kProofHashesMax) + " hashes");
  }
  bundle.consistency.emplace();
  for (const Json& item : **consistency) {
    if (!item.is_string()) return invalid_argument("`consistency` holds something but text");
    const MerkleHash hash = TRY(MerkleHash::from_base64(item.get_ref<const std::string&>()));
    bundle.consistency->push_back(hash);
  }
  return bundle;
}

Result<> VerifiedSnapshot::require_archive(std::string_view raw_sha256, std::uint64_t size) const {
  if (size != statement_.archive_size) {
    return unverified("wrong size: the archive has " + number(size) +
                      " bytes, the statement says " + number(statement_.archive_size));
  }
  if (hex_encode(raw_sha256) != statement_.archive_sha256) {
    return unverified("wrong digest: the archive has sha256 " + hex_encode(raw_sha256) +
                      ", the statement says " + statement_.archive_sha256);
  }
  return {};
}

Result<HeadStatement> verify_head(std::string_view envelope, const TrustDocument& trust,
                                  Timestamp now) {
  HeadStatement head = TRY(as_unverified("head statement", open_head_statement(envelope, trust)));
  if (head.issued > now + kClockTolerance) {
    return unverified(
        "head from the future: issued " + head.issued.rfc3339() + ", now it is " + now.rfc3339(),
        "check this machine's clock");
  }
  if (head.expires <= now) {
    return unavailable(
        "stale head: it expired " + head.expires.rfc3339() + ", now it is " + now.rfc3339(),
        "the server, or something in between, has stopped; or this clock is wrong");
  }
  return head;
}

Result<VerifiedSnapshot> verify_snapshot(const TrustDocument& trust, const SnapshotOffer& bundle,
                                         const SnapshotQuestion& question, const LastSeen& last) {
  VersionStatement statement =
      TRY(as_unverified("version statement", open_version_statement(bundle.statement, trust)));
  RefKey key = TRY(as_unverified("version statement", key_of(statement)));
  TRY(require_asked(statement, key, question));

  const SnapshotAge age = question.version ? SnapshotAge::kHistoric : SnapshotAge::kCurrent;
  std::optional<HeadStatement> head;
  if (age == SnapshotAge::kCurrent) {
    if (!bundle.head) return unverified("missing head: nothing says that this version is current");
    head = TRY(verify_head(*bundle.head, trust, question.now));
    TRY(require_head(*head, statement));
  }
  const Epoch epoch = head ? head->epoch : trust.epoch();
  TRY(require_not_behind(last, trust, epoch, statement, key, age));

  const TlogProof proof = TRY(as_unverified("log proof", parse_tlog_proof(bundle.proof)));
  const DsseEnvelope envelope =
      TRY(as_unverified("version statement", DsseEnvelope::parse(bundle.statement)));
  TRY(as_unverified("log entry", require_entry_about(bundle.entry, proof.index, statement,
                                                     sha256_digest_text(envelope.payload))));
  const std::vector<NoteKey> log_keys = TRY(as_unverified("checkpoint", trust.log_keys(epoch)));
  const VerifiedCheckpoint checkpoint =
      TRY(as_unverified("checkpoint", open_checkpoint(proof.checkpoint, trust.origin(), log_keys)));
  if (head &&
      (head->checkpoint_size != checkpoint.size() || head->checkpoint_root != checkpoint.root())) {
    return unverified("wrong checkpoint: the proof's is not the one that the head names");
  }
  TRY(as_unverified(
      "entry not in the log",
      verify_merkle_inclusion(proof.index, checkpoint.size(), merkle_leaf_hash(bundle.entry),
                              proof.hashes, checkpoint.root())));
  TRY(require_consistent(last, epoch, checkpoint, bundle.consistency));

  VerifiedSnapshot verified(std::move(statement), std::move(key));
  verified.age_ = age;
  verified.entry_ = proof.index;
  verified.seen_ = advance(last, trust, epoch, checkpoint);
  if (head) {
    verified.expires_ = head->expires;
    verified.seen_.refs[verified.key_] = {verified.statement_.version, verified.statement_.commit,
                                          verified.statement_.tree};
  }
  return verified;
}

}  // namespace statehouse
