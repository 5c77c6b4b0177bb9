#include "crypto/statement.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "crypto/strict_json.h"

namespace statehouse {

namespace {

constexpr std::size_t kPayloadBytesMax = 12U << 20;
constexpr std::size_t kHeadRefsMax = 100'000;
constexpr std::size_t kDropsMax = 1000;
constexpr std::string_view kArchiveFormat = "ustar-v1";
constexpr std::array<std::string_view, 5> kKinds = {"push", "import", "promotion", "rollback",
                                                    "initial"};

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a statement: " + std::move(cause));
}

Json subject(std::string_view name, Json digest) {
  return {{"digest", std::move(digest)}, {"name", name}};
}

template <typename T>
Json null_or(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

/// An in-toto Statement v1 with this predicate type; returns the whole object.
Result<Json> parse_in_toto(std::string_view payload, std::string_view predicate_type) {
  Json statement = TRY(parse_json(payload, kPayloadBytesMax));
  TRY(require_members(statement, {"_type", "predicate", "predicateType", "subject"}));
  TRY(require_text(statement, "_type", kStatementType));
  TRY(require_text(statement, "predicateType", predicate_type));
  return statement;
}

struct GitSubject {
  std::string id;
  std::string sha256;
};

/// Subject `at` is called `name` and has these two digests.
Result<GitSubject> parse_git_subject(const Json& subjects, std::size_t at, std::string_view name,
                                     std::string_view git_digest) {
  if (at >= subjects.size()) return malformed("a subject is missing");
  TRY(require_members(subjects[at], {"digest", "name"}));
  TRY(require_text(subjects[at], "name", name));
  const Json* digest = TRY(strict_object(subjects[at], "digest", {git_digest, "sha256"}));
  GitSubject parsed;
  parsed.id = TRY(strict_oid(*digest, git_digest));
  parsed.sha256 = TRY(strict_sha256(*digest, "sha256"));
  return parsed;
}

Result<std::string> parse_kind(const Json& predicate) {
  std::string kind = TRY(strict_text(predicate, "kind"));
  if (std::ranges::find(kKinds, kind) == kKinds.end()) return malformed("unknown `kind`");
  return kind;
}

/// The three subjects, and that the predicate says the same.
Result<> parse_version_subjects(const Json& statement, VersionStatement& version) {
  const Json* subjects = TRY(strict_array(statement, "subject", 3));
  const GitSubject commit = TRY(parse_git_subject(*subjects, 0, "commit", "gitCommit"));
  const GitSubject tree = TRY(parse_git_subject(*subjects, 1, "tree", "gitTree"));
  if (subjects->size() != 3) return malformed("a subject is missing");
  TRY(require_members((*subjects)[2], {"digest", "name"}));
  TRY(require_text((*subjects)[2], "name", "archive"));
  const Json* archive = TRY(strict_object((*subjects)[2], "digest", {"sha256"}));
  const std::string archive_sha256 = TRY(strict_sha256(*archive, "sha256"));
  if (commit.id != version.commit || tree.id != version.tree ||
      archive_sha256 != version.archive_sha256) {
    return malformed("its subjects and its predicate differ");
  }
  version.commit_sha256 = commit.sha256;
  version.tree_sha256 = tree.sha256;
  return {};
}

Result<> parse_version_archive(const Json& predicate, VersionStatement& version) {
  const Json* archive = TRY(strict_object(predicate, "archive", {"format", "sha256", "size"}));
  TRY(require_text(*archive, "format", kArchiveFormat));
  version.archive_sha256 = TRY(strict_sha256(*archive, "sha256"));
  version.archive_size = TRY(strict_count(*archive, "size"));
  return {};
}

Result<VersionStatement> parse_version(std::string_view payload) {
  const Json statement = TRY(parse_in_toto(payload, kVersionPredicateType));
  const Json* predicate =
      TRY(strict_object(statement, "predicate",
                        {"archive", "commit", "entry", "epoch", "kind", "origin", "policyDigest",
                         "previous", "ref", "repository", "time", "tree", "version"}));
  VersionStatement version;
  version.origin = TRY(strict_text(*predicate, "origin"));
  version.epoch = TRY(strict_count(*predicate, "epoch"));
  version.repository = TRY(strict_text(*predicate, "repository"));
  version.ref = TRY(strict_text(*predicate, "ref"));
  version.version = TRY(strict_count(*predicate, "version"));
  version.kind = TRY(parse_kind(*predicate));
  version.commit = TRY(strict_oid(*predicate, "commit"));
  version.tree = TRY(strict_oid(*predicate, "tree"));
  TRY(parse_version_archive(*predicate, version));
  version.policy_digest = TRY(strict_digest(*predicate, "policyDigest"));
  if (!is_null(*predicate, "previous")) {
    version.previous = TRY(strict_digest(*predicate, "previous"));
  }
  version.time = TRY(strict_time(*predicate, "time"));
  version.entry = TRY(strict_count(*predicate, "entry"));
  TRY(parse_version_subjects(statement, version));
  return version;
}

auto sort_key(const HeadStatement::Ref& ref) { return std::tie(ref.repository, ref.ref); }

Result<HeadStatement::Ref> parse_head_ref(const Json& object) {
  TRY(require_members(object, {"commit", "ref", "repository", "tree", "version"}));
  HeadStatement::Ref ref;
  ref.repository = TRY(strict_text(object, "repository"));
  ref.ref = TRY(strict_text(object, "ref"));
  ref.version = TRY(strict_count(object, "version"));
  ref.commit = TRY(strict_oid(object, "commit"));
  ref.tree = TRY(strict_oid(object, "tree"));
  return ref;
}

Result<HeadStatement> parse_head(std::string_view payload) {
  const Json object = TRY(parse_json(payload, kPayloadBytesMax));
  TRY(require_members(object,
                      {"checkpoint", "epoch", "expires", "issued", "origin", "refs", "type"}));
  TRY(require_text(object, "type", kHeadType));
  HeadStatement head;
  head.origin = TRY(strict_text(object, "origin"));
  head.epoch = TRY(strict_count(object, "epoch"));
  const Json* refs = TRY(strict_array(object, "refs", kHeadRefsMax));
  for (const Json& item : *refs) {
    HeadStatement::Ref ref = TRY(parse_head_ref(item));
    if (!head.refs.empty() && sort_key(head.refs.back()) >= sort_key(ref)) {
      return malformed("its refs are not sorted, or one occurs twice");
    }
    head.refs.push_back(std::move(ref));
  }
  const Json* checkpoint = TRY(strict_object(object, "checkpoint", {"root", "size"}));
  head.checkpoint_size = TRY(strict_count(*checkpoint, "size"));
  const std::string root = TRY(json_string(*checkpoint, "root"));
  head.checkpoint_root = TRY(MerkleHash::from_base64(root));
  head.issued = TRY(strict_time(object, "issued"));
  head.expires = TRY(strict_time(object, "expires"));
  if (head.expires <= head.issued) return malformed("it expires before it is issued");
  return head;
}

Result<ApprovalVerdict> parse_verdict(const Json& predicate) {
  const std::string text = TRY(json_string(predicate, "verdict"));
  if (text == "approve") return ApprovalVerdict::kApprove;
  if (text == "reject") return ApprovalVerdict::kReject;
  return malformed("`verdict` is neither approve nor reject");
}

Result<> parse_approval_route(const Json& predicate, ApprovalStatement& approval) {
  const Json* source =
      TRY(strict_object(predicate, "source", {"commit", "ref", "repository", "sha256"}));
  approval.source_repository = TRY(strict_text(*source, "repository"));
  approval.source_ref = TRY(strict_text(*source, "ref"));
  approval.source_commit = TRY(strict_oid(*source, "commit"));
  approval.source_commit_sha256 = TRY(strict_sha256(*source, "sha256"));
  const Json* target = TRY(strict_object(predicate, "target", {"base", "ref", "repository"}));
  approval.target_repository = TRY(strict_text(*target, "repository"));
  approval.target_ref = TRY(strict_text(*target, "ref"));
  if (!is_null(*target, "base")) approval.target_base = TRY(strict_oid(*target, "base"));
  const Json* tree = TRY(strict_object(predicate, "tree", {"sha1", "sha256"}));
  approval.tree = TRY(strict_oid(*tree, "sha1"));
  approval.tree_sha256 = TRY(strict_sha256(*tree, "sha256"));
  return {};
}

Result<> parse_approval_subject(const Json& statement, const ApprovalStatement& approval) {
  const Json* subjects = TRY(strict_array(statement, "subject", 1));
  const GitSubject tree = TRY(parse_git_subject(*subjects, 0, "tree", "gitTree"));
  if (tree.id != approval.tree || tree.sha256 != approval.tree_sha256) {
    return malformed("its subject and its predicate differ");
  }
  return {};
}

Result<ApprovalStatement> parse_approval(std::string_view payload) {
  const Json statement = TRY(parse_in_toto(payload, kApprovalPredicateType));
  const Json* predicate =
      TRY(strict_object(statement, "predicate",
                        {"drops", "epoch", "expires", "flow", "issued", "origin", "policyDigest",
                         "promotion", "source", "target", "tree", "verdict"}));
  ApprovalStatement approval;
  approval.origin = TRY(strict_text(*predicate, "origin"));
  approval.epoch = TRY(strict_count(*predicate, "epoch"));
  approval.promotion = TRY(strict_count(*predicate, "promotion"));
  approval.verdict = TRY(parse_verdict(*predicate));
  TRY(parse_approval_route(*predicate, approval));
  approval.flow = TRY(strict_text(*predicate, "flow"));
  approval.policy_digest = TRY(strict_digest(*predicate, "policyDigest"));
  const Json* drops = TRY(strict_array(*predicate, "drops", kDropsMax));
  for (const Json& drop : *drops) {
    const std::uint64_t version = TRY(strict_count(drop));
    approval.drops.push_back(version);
  }
  approval.issued = TRY(strict_time(*predicate, "issued"));
  if (!is_null(*predicate, "expires")) approval.expires = TRY(strict_time(*predicate, "expires"));
  TRY(parse_approval_subject(statement, approval));
  return approval;
}

}  // namespace

std::string VersionStatement::payload() const {
  const Json predicate = {
      {"archive", {{"format", kArchiveFormat}, {"sha256", archive_sha256}, {"size", archive_size}}},
      {"commit", commit},
      {"entry", entry},
      {"epoch", epoch},
      {"kind", kind},
      {"origin", origin},
      {"policyDigest", policy_digest},
      {"previous", null_or(previous)},
      {"ref", ref},
      {"repository", repository},
      {"time", time.rfc3339()},
      {"tree", tree},
      {"version", version}};
  const Json subjects =
      Json::array({subject("commit", {{"gitCommit", commit}, {"sha256", commit_sha256}}),
                   subject("tree", {{"gitTree", tree}, {"sha256", tree_sha256}}),
                   subject("archive", {{"sha256", archive_sha256}})});
  return dump_json({{"_type", kStatementType},
                    {"predicate", predicate},
                    {"predicateType", kVersionPredicateType},
                    {"subject", subjects}});
}

Result<VersionStatement> VersionStatement::parse(std::string_view payload) {
  return TRY_WITH("reading a version statement", parse_version(payload));
}

const HeadStatement::Ref* HeadStatement::find(std::string_view repository,
                                              std::string_view ref) const {
  const auto found = std::ranges::find_if(refs, [&](const Ref& candidate) {
    return candidate.repository == repository && candidate.ref == ref;
  });
  return found == refs.end() ? nullptr : &*found;
}

std::string HeadStatement::payload() const {
  std::vector<Ref> sorted = refs;
  std::ranges::sort(sorted, [](const Ref& a, const Ref& b) { return sort_key(a) < sort_key(b); });
  Json list = Json::array();
  for (const Ref& ref : sorted) {
    list.push_back({{"commit", ref.commit},
                    {"ref", ref.ref},
                    {"repository", ref.repository},
                    {"tree", ref.tree},
                    {"version", ref.version}});
  }
  return dump_json({{"checkpoint", {{"root", checkpoint_root.base64()}, {"size", checkpoint_size}}},
                    {"epoch", epoch},
                    {"expires", expires.rfc3339()},
                    {"issued", issued.rfc3339()},
                    {"origin", origin},
                    {"refs", std::move(list)},
                    {"type", kHeadType}});
}

Result<HeadStatement> HeadStatement::parse(std::string_view payload) {
  return TRY_WITH("reading a head statement", parse_head(payload));
}

bool ApprovalStatement::is_about_same_as(const ApprovalStatement& other) const {
  ApprovalStatement same = other;
  same.verdict = verdict;
  same.issued = issued;
  same.expires = expires;
  return *this == same;
}

std::string ApprovalStatement::payload() const {
  const Json predicate = {
      {"drops", drops},
      {"epoch", epoch},
      {"expires", expires ? Json(expires->rfc3339()) : Json(nullptr)},
      {"flow", flow},
      {"issued", issued.rfc3339()},
      {"origin", origin},
      {"policyDigest", policy_digest},
      {"promotion", promotion},
      {"source",
       {{"commit", source_commit},
        {"ref", source_ref},
        {"repository", source_repository},
        {"sha256", source_commit_sha256}}},
      {"target",
       {{"base", null_or(target_base)}, {"ref", target_ref}, {"repository", target_repository}}},
      {"tree", {{"sha1", tree}, {"sha256", tree_sha256}}},
      {"verdict", verdict == ApprovalVerdict::kApprove ? "approve" : "reject"}};
  const Json subjects =
      Json::array({subject("tree", {{"gitTree", tree}, {"sha256", tree_sha256}})});
  return dump_json({{"_type", kStatementType},
                    {"predicate", predicate},
                    {"predicateType", kApprovalPredicateType},
                    {"subject", subjects}});
}

Result<ApprovalStatement> ApprovalStatement::parse(std::string_view payload) {
  return TRY_WITH("reading an approval", parse_approval(payload));
}

}  // namespace statehouse
