#include "cli/promotion_decide.h"

#include <algorithm>
#include <charconv>
#include <istream>
#include <ostream>
#include <set>

#include "cli/promotion_review.h"
#include "cli/promotion_text.h"
#include "cli/snapshot_source.h"
#include "cli/snapshot_verifier.h"
#include "cli/user_signer.h"
#include "crypto/base/encoding.h"
#include "crypto/dsse.h"
#include "store/model/oid.h"

namespace statehouse {
namespace {

/// --yes and --expect-tree answer beforehand; else a person at a terminal must.
Result<> require_answerable(const Session& session, const DecideOptions& options) {
  if (!options.expect_tree.empty()) {
    if (Oid::parse(options.expect_tree)) return {};
    return invalid_argument("reading --expect-tree: \"" + escape_for_message(options.expect_tree) +
                                "\" is no full object id",
                            "give the tree's 40 digits: statehouse promotion diff " +
                                std::to_string(options.number) + " ends with them");
  }
  if (options.yes) return {};
  const Environment& environment = session.environment();
  if (environment.in_kind == StreamKind::kTerminal &&
      environment.err_kind == StreamKind::kTerminal) {
    return {};
  }
  return invalid_argument("there is no terminal to ask on",
                          "answer beforehand: --expect-tree OID, or --yes");
}

Result<> require_agreement(Session& session, const DecideOptions& options,
                           const PromotionReview& review, const Json& promotion) {
  if (!options.expect_tree.empty() && options.expect_tree != review.statement.tree) {
    return conflict(
        "the tree is " + review.statement.tree + ", not the expected " + options.expect_tree,
        "look again: statehouse promotion show " + std::to_string(options.number));
  }
  if (options.yes || !options.expect_tree.empty()) {
    session.progress(describe_review(review, promotion));
    return {};
  }
  Environment& environment = session.environment();
  const bool approving = options.verdict == ApprovalVerdict::kApprove;
  environment.err << describe_review(review, promotion)
                  << (approving ? "Approve exactly this? Type yes: " : "Reject this? Type yes: ")
                  << std::flush;
  std::string answer;
  std::getline(environment.in, answer);
  if (answer == "yes") return {};
  return denied("not confirmed: nothing was signed", "to sign it, run this again and type yes");
}

/// A head lists what its caller may read and asked for, and does not say whom it was signed for. It
/// can show that a ref is new only when the caller saw the promotion's source, and had not asked
/// for the source's repository alone.
Result<> require_telling_of_new_refs(const HeadStatement& head,
                                     const ApprovalStatement& statement) {
  const std::string fix = "do not approve; tell the administrators";
  if (head.find(statement.source_repository, statement.source_ref) == nullptr) {
    return unverified("the signed head does not name the promotion's source, " +
                          statement.source_repository + " " + statement.source_ref +
                          ": it was signed for somebody else",
                      fix);
  }
  const bool shows_other_repositories =
      statement.source_repository == statement.target_repository ||
      std::ranges::any_of(head.refs, [&](const HeadStatement::Ref& ref) {
        return ref.repository != statement.source_repository;
      });
  if (shows_other_repositories) return {};
  return unverified("the signed head names refs of " + statement.source_repository +
                        " only: it does not show that " + statement.target_repository + " " +
                        statement.target_ref + " is new",
                    fix);
}

/// What would be replaced is what the store's signed head says is deployed now.
Result<> require_base_in(const HeadStatement& head, const ApprovalStatement& statement) {
  const HeadStatement::Ref* deployed = head.find(statement.target_repository, statement.target_ref);
  const std::string target =
      statement.target_repository + " " + statement.target_ref;  // valid names: nothing to escape
  if (deployed == nullptr && !statement.target_base) {
    return require_telling_of_new_refs(head, statement);
  }
  if (deployed == nullptr) {
    return unverified("the signed head does not name " + target + ", which would be replaced");
  }
  if (statement.target_base && *statement.target_base == deployed->commit) return {};
  return unverified("the signed head says that " + target + " stands at " + deployed->commit +
                        ", the promotion would replace " +
                        statement.target_base.value_or("nothing"),
                    "if the promotion is superseded, update it; otherwise do not approve");
}

/// `--trust` pins whose promotion this is; without it the server's word is taken.
Result<> require_trusted_store(const Session& session, ApiClient& client,
                               const DecideOptions& options, const ApprovalStatement& statement) {
  if (!options.trust) return {};
  const TrustDocument trust = TRY(load_trust(session, *options.trust));
  if (trust.origin() != statement.origin || trust.epoch() != statement.epoch) {
    return unverified("the server says it is " + escape_for_message(statement.origin) + ", epoch " +
                          std::to_string(statement.epoch) + "; the trust document is of " +
                          escape_for_message(trust.origin()) + ", epoch " +
                          std::to_string(trust.epoch()),
                      "do not approve before you know which of the two is wrong");
  }
  const Json answer = TRY(client.get("/v1/head"));
  const HeadStatement head =
      TRY_WITH("checking the store",
               verify_head(dump_json(answer), trust, session.environment().clock.now()));
  return require_base_in(head, statement);
}

/// The versions in --drop, sorted. Only own changes of the target can be given up.
Result<std::vector<std::uint64_t>> read_drops(const DecideOptions& options, const Json& promotion) {
  const std::vector<std::uint64_t> own_changes = version_list(promotion, "targetOwnChanges");
  std::set<std::uint64_t> drops;
  for (const std::string& text : options.drops) {
    std::uint64_t version = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), version);
    if (error != std::errc() || stop != text.data() + text.size() ||
        std::ranges::find(own_changes, version) == own_changes.end()) {
      return invalid_argument("reading --drop: \"" + escape_for_message(text) +
                                  "\" is no version of the target with changes of its own",
                              "see: statehouse promotion show " + std::to_string(options.number));
    }
    drops.insert(version);
  }
  return std::vector<std::uint64_t>(drops.begin(), drops.end());
}

Result<std::string> sign_statement(const Session& session, const UserKey& key,
                                   const ApprovalStatement& statement) {
  const std::string payload = statement.payload();
  const UserSignature signature = TRY(key.sign(
      session.environment(), dsse_pae(kInTotoPayloadType, payload), kSshNamespaceApproval));
  DsseEnvelope envelope;
  envelope.payload_type = kInTotoPayloadType;
  envelope.payload = payload;
  envelope.signatures = {{signature.key_id, signature.armored}};
  return envelope.serialise();
}

}  // namespace

Result<> decide_promotion(Session& session, const DecideOptions& options) {
  TRY(require_answerable(session, options));
  std::optional<Timestamp> expires;
  if (!options.expires.empty()) {
    const Milliseconds life = TRY_WITH("reading --expires", parse_duration(options.expires));
    expires = session.environment().clock.now() + life;
  }
  const UserKey key = TRY(UserKey::choose(session.environment(), options.key));
  ApiClient client = TRY(session.connect());
  const std::string path = "/v1/promotions/" + std::to_string(options.number);
  const Json promotion = TRY(client.get(path));
  PromotionReview review = TRY(review_promotion(session, client, promotion, options.verdict));
  TRY(compare_with_server(client, review.statement));
  TRY(require_trusted_store(session, client, options, review.statement));
  if (!options.drops.empty()) review.statement.drops = TRY(read_drops(options, promotion));
  review.statement.expires = expires;
  TRY(require_agreement(session, options, review, promotion));
  review.statement.issued = session.environment().clock.now();
  const std::string envelope = TRY(sign_statement(session, key, review.statement));
  const Json parsed = TRY(parse_json(envelope));
  Json answer = TRY(client.post(path + "/approvals", {{"envelope", parsed}}));
  if (!options.message.empty()) {
    answer = TRY_WITH("the decision is recorded, but not its message",
                      client.post(path + "/comments", {{"message", options.message}}));
  }
  session.print(
      answer, [](const Json& document) { return describe_promotion(document, nullptr); },
      [](const Json& document) { return shown(document, "number"); });
  return {};
}

}  // namespace statehouse
