#include "api/service/commit_judge.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/git_object.h"
#include "crypto/sshsig.h"

namespace statehouse {

namespace {

constexpr std::string_view kSshArmor = "-----BEGIN SSH SIGNATURE-----";

std::string commit_digest(std::string_view raw) {
  return "sha256:" + git_object_sha256("commit", raw);
}

SignatureVerdict verdict_of(SignatureState state, SignatureFormat format, std::string reason) {
  SignatureVerdict verdict;
  verdict.state = state;
  verdict.format = format;
  verdict.reason = std::move(reason);
  return verdict;
}

SignatureVerdict judge_ssh(const ActiveConfiguration& active, std::string_view payload,
                           std::string_view armored, std::string_view ssh_namespace, KeyUsage usage,
                           Timestamp now) {
  const auto verified = verify_ssh_signature(payload, armored, ssh_namespace);
  if (!verified) {
    const bool malformed = verified.error().code == ErrorCode::kInvalidArgument;
    return verdict_of(malformed ? SignatureState::kMalformed : SignatureState::kBad,
                      SignatureFormat::kSsh, verified.error().message);
  }
  return active.configuration.keys().judge(SignatureFormat::kSsh, verified->key().fingerprint(),
                                           usage, now);
}

SignatureState state_of(OpenPgpVerdict verdict) {
  switch (verdict) {
    case OpenPgpVerdict::kGood:
      return SignatureState::kGood;
    case OpenPgpVerdict::kBadSignature:
    case OpenPgpVerdict::kWeak:
      return SignatureState::kBad;
    case OpenPgpVerdict::kUnknownKey:
      return SignatureState::kUnknownKey;
    case OpenPgpVerdict::kExpiredKey:
    case OpenPgpVerdict::kRevokedKey:
    case OpenPgpVerdict::kExpiredSignature:
      return SignatureState::kKeyNotValid;
    case OpenPgpVerdict::kMalformed:
      return SignatureState::kMalformed;
  }
  STATEHOUSE_ASSERT(false);
}

Result<SignatureVerdict> judge_openpgp(const ActiveConfiguration& active, std::string_view payload,
                                       std::string_view armored, KeyUsage usage, Timestamp now) {
  if (!active.openpgp) {
    return verdict_of(SignatureState::kUnknownKey, SignatureFormat::kOpenPgp,
                      "signed with OpenPGP, but no identity has an OpenPGP key");
  }
  const OpenPgpJudgement judgement = TRY(active.openpgp->verify(payload, armored));
  if (!judgement.verified) {
    SignatureVerdict verdict =
        verdict_of(state_of(judgement.verdict), SignatureFormat::kOpenPgp, judgement.reason);
    verdict.fingerprint = judgement.claimed_key;
    return verdict;
  }
  return active.configuration.keys().judge(SignatureFormat::kOpenPgp,
                                           judgement.verified->primary_fingerprint(), usage, now);
}

Result<SignatureVerdict> judge_commit_signature(std::string_view raw,
                                                const JudgingContext& context) {
  const GitSignatureSplit split = split_commit(raw);
  if (split.state == GitSignatureState::kUnsigned) {
    return verdict_of(SignatureState::kUnsigned, SignatureFormat::kNone, "not signed");
  }
  if (split.state == GitSignatureState::kMalformed) {
    return verdict_of(SignatureState::kMalformed, SignatureFormat::kNone, split.reason);
  }
  if (split.signed_payload.format == GitSignatureFormat::kX509) {
    return verdict_of(SignatureState::kUnknownKey, SignatureFormat::kNone,
                      "signed with X.509, which is not supported");
  }
  return judge_signature(context.active, split.signed_payload.payload,
                         split.signed_payload.signature, kSshNamespaceGit, KeyUsage::kCommits,
                         context.now);
}

Json name_or_null(const std::optional<ResourceName>& name) {
  return name ? Json(name->str()) : Json(nullptr);
}

Result<std::optional<ResourceName>> read_name(const Json& object, std::string_view member) {
  const Json* value = TRY(json_member(object, member));
  if (value->is_null()) return std::optional<ResourceName>();
  const std::string text = TRY(json_string(object, member));
  return std::optional<ResourceName>(TRY(ResourceName::parse(text)));
}

/// The recorded form of what was judged: the signature, and who the people were at that time.
std::string record_json(const CommitFacts& facts) {
  Json co_authors = Json::array();
  for (const ResourceName& name : facts.co_authors) co_authors.push_back(name.str());
  return dump_json(Json{{"signature", to_json(facts.signature)},
                        {"author", name_or_null(facts.author)},
                        {"committer", name_or_null(facts.committer)},
                        {"coAuthors", std::move(co_authors)},
                        {"seal", facts.is_seal}});
}

Result<> read_record(const CommitVerdictRecord& record, CommitFacts& facts) {
  const Json json = TRY(parse_json(record.verdict));
  const Json* signature = TRY(json_member(json, "signature"));
  facts.signature = TRY(signature_verdict_from_json(*signature));
  facts.author = TRY(read_name(json, "author"));
  facts.committer = TRY(read_name(json, "committer"));
  facts.is_seal = TRY(json_boolean(json, "seal"));
  const Json* co_authors = TRY(json_member(json, "coAuthors"));
  for (const Json& name : *co_authors) {
    if (!name.is_string()) return corrupt("reading a recorded verdict: a co-author is no name");
    facts.co_authors.push_back(TRY(ResourceName::parse(name.get<std::string>())));
  }
  if (record.pusher) facts.pusher = TRY(ResourceName::parse(*record.pusher));
  facts.received = record.received;
  return {};
}

void resolve_people(const KeyDirectory& keys, CommitFacts& facts) {
  facts.author = keys.identity_of_email(facts.author_email);
  facts.committer = keys.identity_of_email(facts.committer_email);
  for (const std::string& email : facts.co_author_emails) {
    if (auto name = keys.identity_of_email(email)) facts.co_authors.push_back(*name);
  }
}

}  // namespace

Result<SignatureVerdict> judge_signature(const ActiveConfiguration& active,
                                         std::string_view payload, std::string_view armored,
                                         std::string_view ssh_namespace, KeyUsage usage,
                                         Timestamp now) {
  if (armored.starts_with(kSshArmor)) {
    return judge_ssh(active, payload, armored, ssh_namespace, usage, now);
  }
  return judge_openpgp(active, payload, armored, usage, now);
}

Result<JudgedCommit> CommitJudge::judge(const GitRepository& repository, const Oid& commit,
                                        const JudgingContext& context) const {
  const GitCommit object = TRY(repository.read_commit(commit));
  JudgedCommit judged;
  CommitFacts& facts = judged.facts;
  facts.oid = commit;
  facts.parents = object.parents;
  facts.author_email = object.object.author.email;
  facts.committer_email = object.object.committer.email;
  facts.co_author_emails = co_author_emails(object.object.message);
  const std::string digest = commit_digest(object.raw);
  std::optional<CommitVerdictRecord> known = TRY(ledger_.verdict(commit));
  const auto own = std::ranges::find(context.own_verdicts, commit, &CommitVerdictRecord::commit);
  if (!known && own != context.own_verdicts.end()) known = *own;
  if (known) {
    if (known->commit_digest != digest) {
      return unverified("judging commit " + commit.hex() +
                        ": these are not the bytes that were accepted under this id before");
    }
    TRY_WITH("judging commit " + commit.hex(), read_record(*known, facts));
    return judged;
  }
  facts.signature = TRY(judge_commit_signature(object.raw, context));
  facts.pusher = context.pusher;
  resolve_people(context.active.configuration.keys(), facts);
  judged.fresh = CommitVerdictRecord{
      commit, digest, record_json(facts),
      context.pusher ? std::optional<std::string>(context.pusher->str()) : std::nullopt,
      context.now};
  return judged;
}

CommitVerdictRecord seal_verdict_record(const Oid& commit, std::string_view raw, Timestamp now) {
  CommitFacts facts;
  facts.is_seal = true;
  facts.signature.state = SignatureState::kGood;
  return {commit, commit_digest(raw), record_json(facts), std::nullopt, now};
}

}  // namespace statehouse
