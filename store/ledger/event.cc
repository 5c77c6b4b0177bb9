#include "store/ledger/event.h"

#include <array>
#include <set>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"

namespace statehouse {

namespace {

constexpr std::size_t kSubjectBytesMax = 512;
constexpr std::size_t kEvidenceNameBytesMax = 64;

constexpr std::array<std::string_view, kEventTypes> kTypeNames = {
    "statehouse.store.initialized",   "statehouse.ref.updated",
    "statehouse.ref.refused",         "statehouse.configuration.activated",
    "statehouse.statement.issued",    "statehouse.promotion.opened",
    "statehouse.promotion.updated",   "statehouse.promotion.commented",
    "statehouse.promotion.approved",  "statehouse.promotion.rejected",
    "statehouse.promotion.refused",   "statehouse.promotion.closed",
    "statehouse.token.created",       "statehouse.token.revoked",
    "statehouse.check.reported",      "statehouse.identity.suspended",
    "statehouse.reconciler.reported", "statehouse.integrity.alarmed",
    "statehouse.evidence.erased",     "statehouse.epoch.declared",
    "statehouse.trust.published"};

template <typename Value>
Json json_or_null(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json content_member(const std::optional<VersionContent>& content, std::string value) {
  return content ? Json(std::move(value)) : Json(nullptr);
}

Json previous_json(const std::optional<PreviousVersion>& previous) {
  if (!previous) return nullptr;
  return {{"version", previous->version},
          {"commit", previous->commit ? Json(previous->commit->hex()) : Json(nullptr)}};
}

/// Reads members of an object; the first failure sticks and the values read after it are empty.
class Members {
 public:
  explicit Members(const Json& object) : object_(object) {}

  std::string string(std::string_view name) { return keep(json_string(object_, name)); }
  bool boolean(std::string_view name) { return keep(json_boolean(object_, name)); }
  std::uint64_t count(std::string_view name) {
    const std::int64_t value = keep(json_integer(object_, name));
    if (value < 0) fail_with(invalid_argument(std::string(name) + ": negative").error());
    return value < 0 ? 0 : static_cast<std::uint64_t>(value);
  }
  const Json& member(std::string_view name) {
    static const Json kNull;
    const Json* found = keep(json_member(object_, name));
    return found == nullptr ? kNull : *found;
  }
  std::optional<std::string> optional_string(std::string_view name) {
    if (member(name).is_null()) return std::nullopt;
    return string(name);
  }
  template <typename Value>
  Value keep(Result<Value> value) {
    if (value) return *std::move(value);
    fail_with(std::move(value).error());
    return Value{};
  }
  [[nodiscard]] Result<> outcome() const {
    if (error_) return std::unexpected(*error_);
    return {};
  }

 private:
  void fail_with(Error error) {
    if (!error_) error_ = std::move(error);
  }

  const Json& object_;
  std::optional<Error> error_;
};

Result<Actor> parse_actor(const Json& json) {
  Members members(json);
  Actor actor;
  actor.identity = members.optional_string("identity");
  actor.via = members.keep(parse_actor_via(members.string("via")));
  actor.token = members.optional_string("token");
  TRY(members.outcome());
  return actor;
}

Result<std::vector<std::string>> parse_evidence_digests(const Json& json) {
  if (!json.is_array()) return invalid_argument("evidence: not an array");
  std::vector<std::string> digests;
  for (const Json& item : json) {
    digests.push_back(TRY(json_string(item, "digest")));
    if (!is_digest_text(digests.back())) return invalid_argument("evidence: not a digest");
  }
  return digests;
}

Result<> require_exact_members(const Json& envelope) {
  static const std::set<std::string_view> kMembers = {
      "data",   "datacontenttype", "epoch",   "id",   "nonce",
      "source", "specversion",     "subject", "time", "type"};
  if (!envelope.is_object()) return invalid_argument("not an object");
  if (envelope.size() != kMembers.size()) return invalid_argument("wrong number of members");
  for (const auto& item : envelope.items()) {
    if (!kMembers.contains(item.key())) return invalid_argument("unknown member");
  }
  return {};
}

Result<std::optional<VersionContent>> parse_content(Members& members) {
  if (members.member("commit").is_null()) {
    for (const char* name : {"commitSha256", "tree", "treeSha256"}) {
      if (!members.member(name).is_null()) return invalid_argument("a commit is missing");
    }
    return std::nullopt;
  }
  VersionContent content;
  content.commit = members.keep(Oid::parse(members.string("commit")));
  content.commit_digest = members.string("commitSha256");
  content.tree = members.keep(Oid::parse(members.string("tree")));
  content.tree_digest = members.string("treeSha256");
  return content;
}

Result<RefKey> parse_key(Members& members) {
  RepositoryName repository = TRY(RepositoryName::parse(members.string("repository")));
  RefName ref = TRY(RefName::parse(members.string("ref")));
  return RefKey{std::move(repository), std::move(ref)};
}

Result<std::optional<PreviousVersion>> parse_previous(const Json& json) {
  if (json.is_null()) return std::nullopt;
  Members members(json);
  PreviousVersion previous;
  previous.version = members.count("version");
  if (const auto commit = members.optional_string("commit")) {
    previous.commit = members.keep(Oid::parse(*commit));
  }
  TRY(members.outcome());
  return previous;
}

}  // namespace

std::string_view name_of(EventType type) { return kTypeNames[static_cast<std::size_t>(type)]; }

Result<EventType> parse_event_type(std::string_view text) {
  for (std::size_t i = 0; i < kTypeNames.size(); ++i) {
    if (kTypeNames[i] == text) return static_cast<EventType>(i);
  }
  std::string known;
  for (const std::string_view name : kTypeNames) known += " " + std::string(name);
  return invalid_argument("reading an event's type: no such type: " + escape_for_message(text, 60),
                          "one of:" + known);
}

Json actor_json(const Actor& actor) {
  return {{"identity", json_or_null(actor.identity)},
          {"via", name_of(actor.via)},
          {"token", json_or_null(actor.token)}};
}

std::string verdicts_digest(const std::vector<CommitVerdictRecord>& verdicts) {
  Sha256 hash;
  for (const CommitVerdictRecord& verdict : verdicts) {
    hash.update(verdict.commit.hex() + " " + verdict.commit_digest + " " +
                sha256_hex(verdict.verdict) + " " + verdict.pusher.value_or("-") + " " +
                verdict.received.rfc3339() + "\n");
  }
  return digest_text(hash.finish());
}

Result<std::string> stated_verdicts_digest(const ParsedEntry& entry) {
  const Json* commits = TRY(json_member(entry.data, "commits"));
  return json_string(*commits, "verdictsSha256");
}

Json ref_updated_data(const VersionDraft& draft, const std::optional<PreviousVersion>& previous,
                      const std::vector<CommitVerdictRecord>& verdicts) {
  const auto& content = draft.content;
  return {{"repository", draft.key.repository.str()},
          {"ref", draft.key.ref.str()},
          {"kind", name_of(draft.kind)},
          {"pushId", draft.push_id},
          {"version", draft.version},
          {"previous", previous_json(previous)},
          {"commit", content_member(content, content ? content->commit.hex() : "")},
          {"commitSha256", content_member(content, content ? content->commit_digest : "")},
          {"tree", content_member(content, content ? content->tree.hex() : "")},
          {"treeSha256", content_member(content, content ? content->tree_digest : "")},
          {"forced", draft.forced},
          {"commits",
           {{"new", draft.commits.fresh},
            {"verified", draft.commits.verified},
            {"unverified", draft.commits.unverified},
            {"baseline", draft.commits.baseline},
            {"verdictsSha256", verdicts_digest(verdicts)}}},
          {"configuration", draft.configuration},
          {"policyDigest", draft.policy_digest},
          {"promotion", json_or_null(draft.promotion)},
          {"approvedBy", draft.approved_by}};
}

Json statement_issued_data(const StatementRecord& statement, const VersionRecord& version) {
  const VersionContent content = version.content.value_or(VersionContent{});
  return {{"repository", statement.key.repository.str()},
          {"ref", statement.key.ref.str()},
          {"version", statement.version},
          {"commit", content.commit.hex()},
          {"tree", content.tree.hex()},
          {"treeSha256", content.tree_digest},
          {"statement", statement.payload_digest},
          {"archive", {{"sha256", statement.archive_digest}, {"size", statement.archive_bytes}}},
          {"entry", version.entry}};
}

std::string evidence_digest(std::string_view salt, std::string_view bytes) {
  STATEHOUSE_ASSERT(salt.size() == 16);
  constexpr std::string_view kDomain("statehouse/evidence/v1\0", 23);
  return digest_text(Sha256().update(kDomain).update(salt).update(bytes).finish());
}

Result<std::string> build_entry(const EntryEnvelope& envelope, const EntryDraft& draft,
                                const std::vector<SealedEvidence>& evidence) {
  if (!draft.data.is_object()) return invalid_argument("logging: data is not an object");
  if (draft.data.contains("actor") || draft.data.contains("evidence")) {
    return invalid_argument("logging: data already names actor or evidence");
  }
  if (draft.subject.empty() || draft.subject.size() > kSubjectBytesMax) {
    return invalid_argument("logging: the subject is empty or too long");
  }
  Json data = draft.data;
  data["actor"] = actor_json(draft.actor);
  data["evidence"] = Json::array();
  std::set<std::string_view> names;
  for (const SealedEvidence& sealed : evidence) {
    const Evidence& piece = sealed.evidence;
    if (piece.name.empty() || piece.name.size() > kEvidenceNameBytesMax ||
        !names.insert(piece.name).second) {
      return invalid_argument("logging: a piece of evidence has no name of its own");
    }
    data["evidence"].push_back(
        {{"name", piece.name}, {"mediaType", piece.media_type}, {"digest", sealed.digest}});
  }
  const Json event = {{"specversion", "1.0"},
                      {"id", std::to_string(envelope.epoch) + "-" + std::to_string(envelope.index)},
                      {"source", envelope.origin},
                      {"epoch", envelope.epoch},
                      {"type", name_of(draft.type)},
                      {"subject", draft.subject},
                      {"time", envelope.time.rfc3339()},
                      {"nonce", hex_encode(envelope.nonce)},
                      {"datacontenttype", "application/json"},
                      {"data", std::move(data)}};
  std::string bytes = dump_json(event);
  if (bytes.size() > limits::kEntryBytesMax) {
    return invalid_argument("logging: the entry is longer than " +
                            std::to_string(limits::kEntryBytesMax) + " bytes");
  }
  return bytes;
}

Result<ParsedEntry> parse_entry(std::string_view bytes) {
  const Json event = TRY(parse_json(bytes, limits::kEntryBytesMax));
  TRY_WITH("reading an entry", require_exact_members(event));
  Members members(event);
  ParsedEntry entry{.type = members.keep(parse_event_type(members.string("type"))),
                    .subject = members.string("subject"),
                    .source = members.string("source"),
                    .epoch = members.count("epoch"),
                    .id = members.string("id"),
                    .time = members.keep(Timestamp::parse(members.string("time"))),
                    .actor = {},
                    .data = members.member("data"),
                    .evidence_digests = {}};
  const auto nonce = hex_decode(members.string("nonce"));
  const bool fixed_members_hold = members.string("specversion") == "1.0" &&
                                  members.string("datacontenttype") == "application/json" &&
                                  nonce && nonce->size() == 16;
  TRY_WITH("reading an entry", members.outcome());
  if (!fixed_members_hold) return invalid_argument("reading an entry: not an event of ours");
  const Json* const actor = TRY_WITH("reading an entry", json_member(entry.data, "actor"));
  entry.actor = TRY_WITH("reading an entry", parse_actor(*actor));
  const Json* const evidence = TRY_WITH("reading an entry", json_member(entry.data, "evidence"));
  entry.evidence_digests = TRY_WITH("reading an entry", parse_evidence_digests(*evidence));
  return entry;
}

Result<VersionRecord> parse_ref_updated(const ParsedEntry& entry, EntryIndex index) {
  if (entry.type != EventType::kRefUpdated) return invalid_argument("not a ref.updated entry");
  Members members(entry.data);
  VersionRecord record{{.key = TRY(parse_key(members))}, std::nullopt, index, entry.time};
  record.version = members.count("version");
  record.kind = members.keep(parse_version_kind(members.string("kind")));
  record.content = members.keep(parse_content(members));
  record.push_id = members.string("pushId");
  record.forced = members.boolean("forced");
  Members commits(members.member("commits"));
  record.commits = {commits.count("new"), commits.count("verified"), commits.count("unverified"),
                    commits.count("baseline")};
  record.configuration = members.count("configuration");
  record.policy_digest = members.string("policyDigest");
  if (!members.member("promotion").is_null()) record.promotion = members.count("promotion");
  for (const Json& identity : members.member("approvedBy")) {
    if (!identity.is_string()) return invalid_argument("approvedBy: not a name");
    record.approved_by.push_back(identity.get<std::string>());
  }
  record.actor = entry.actor;
  record.previous = members.keep(parse_previous(members.member("previous")));
  TRY(members.outcome());
  TRY(commits.outcome());
  return record;
}

Result<PromotionRecord> parse_promotion_pinned(const ParsedEntry& entry) {
  Members members(entry.data);
  Members source(members.member("source"));
  Members target(members.member("target"));
  Members tree(members.member("tree"));
  PromotionRecord record{.source = TRY(parse_key(source)), .target = TRY(parse_key(target))};
  record.number = members.count("promotion");
  record.kind = members.keep(parse_promotion_kind(members.string("kind")));
  record.flow = members.string("flow");
  record.revision = members.count("revision");
  record.source_commit = source.keep(Oid::parse(source.string("commit")));
  record.source_commit_digest = source.string("commitSha256");
  if (const auto base = target.optional_string("base")) {
    record.base_commit = target.keep(Oid::parse(*base));
  }
  record.base_version = target.count("baseVersion");
  record.tree = tree.keep(Oid::parse(tree.string("sha1")));
  record.tree_digest = tree.string("sha256");
  for (const Members* const read : {&members, &source, &target, &tree}) TRY(read->outcome());
  return record;
}

}  // namespace statehouse
