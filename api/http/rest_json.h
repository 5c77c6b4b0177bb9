#pragma once

#include <optional>
#include <vector>

#include "api/service/caller.h"
#include "api/service/core.h"
#include "api/service/promotion_facts.h"
#include "crypto/base/json.h"
#include "store/git/tree_diff.h"

namespace statehouse {

// The documents of the REST interface (schemas/openapi.json). Pure.

/// `statement` is the digest of the version's statement, once it was issued.
Json version_json(const VersionRecord& version, const std::optional<std::string>& statement);
/// Errors: kInvalidArgument when there are more than limits::kChangesShownMax.
Result<Json> changes_json(const std::vector<TreeChange>& changes);
/// Whether the reader of a promotion may be told what its target holds.
enum class TargetView { kShown, kHidden };
/// Takes out of the rules' texts what they tell about the target, where it is hidden.
void hide_target(Decision& decision, TargetView view);
/// Without commits and comments: an item of a list. Of a hidden target only the name is told.
Json promotion_summary_json(const PromotionSituation& situation, TargetView view);
/// An item of a list about which nothing but its row can be told, and why.
Json unreadable_promotion_json(const PromotionRecord& record, const std::string& error);
/// All of it: the reviewer's screen.
Json promotion_json(const PromotionSituation& situation, const std::vector<CommentRecord>& comments,
                    const std::optional<VersionRecord>& merged, TargetView view);
Json token_json(const TokenRecord& token);
/// A DSSE envelope that is kept as text, as a member of a document.
Result<Json> envelope_json(const std::string& envelope);

/// Whether `identity` could bring the open promotion on: approve it, or merge it when it is ready.
bool is_waiting_for(const PromotionSituation& situation, const ResourceName& identity);

}  // namespace statehouse
