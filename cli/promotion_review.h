#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/api_client.h"
#include "cli/session.h"
#include "crypto/statement.h"
#include "store/git/tree_diff.h"

namespace statehouse {

/// A promotion as a reviewer's own machine sees it: what the server claims, checked against the
/// objects themselves.
struct PromotionReview {
  ApprovalStatement statement;      ///< built here; what is to be signed
  std::vector<TreeChange> changes;  ///< target base (or nothing) -> promoted tree, computed here
  std::size_t commits = 0;          ///< new to the target, counted here
  std::size_t below_baseline = 0;   ///< of those, how many are below what the server calls one
  std::size_t unlisted = 0;         ///< of the others, how many the server did not list
  std::string patch;                ///< the changes' content, safe to show on a terminal
};

/// The version numbers in the promotion's list `name`; what is not one is left out.
std::vector<std::uint64_t> version_list(const Json& promotion, std::string_view name);

/// Reads the parts of a promotion's document that an approval statement needs. The tree and both
/// SHA-256 digests in the result are the server's claims. `drops` is empty whatever the document
/// says: what is given up is the signer's own word. Errors: kInvalidArgument.
Result<ApprovalStatement> claimed_statement(const Json& server, const Json& promotion,
                                            ApprovalVerdict verdict);

/// Which field of two statements differs first, by its name in the JSON; none when
/// `is_about_same_as` holds.
std::optional<std::string> first_difference(const ApprovalStatement& one,
                                            const ApprovalStatement& other);

/// Fetches the pinned source commit and the target's base by git into a scratch repository,
/// recomputes commit, tree and both SHA-256 digests from the objects, builds the statement from
/// them, and compares it with the document's claims. Errors: kUnverified when anything differs,
/// naming it; as fetch_objects.
Result<PromotionReview> review_promotion(Session& session, ApiClient& client, const Json& promotion,
                                         ApprovalVerdict verdict);

/// The statement that the server would have a reviewer sign must be ours, byte for byte; so it
/// must give nothing up while `own` does not.
/// Errors: kUnverified, naming what differs.
Result<> compare_with_server(ApiClient& client, const ApprovalStatement& own);

/// What would be signed, for people, and the changes' content when it is not long.
std::string describe_review(const PromotionReview& review, const Json& promotion);

/// What would be deployed, for people: the trees by their ids, and every change in full.
std::string describe_changes(const PromotionReview& review);

}  // namespace statehouse
