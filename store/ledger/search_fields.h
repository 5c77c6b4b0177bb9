#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "store/ledger/event.h"
#include "store/ledger/search_index.h"

namespace statehouse {

std::string_view name_of(EntryOutcome outcome);

/// What one entry can be found by; pure, internal to store/ledger.
struct SearchFields {
  EntryOutcome outcome = EntryOutcome::kAccepted;
  /// (kind, value): repository, ref, actor, approver, promotion, key.
  std::set<std::pair<std::string, std::string>> links;
  std::string text;  ///< every string of the event and of what people wrote, one after the other
};

/// What the ledger knows about an entry besides its bytes.
struct EntryContext {
  std::vector<std::string> verdicts;         ///< on the commits that a move brought; JSON bytes
  std::vector<std::string> refusal_reasons;  ///< evidence of a refusal: the decision
  std::vector<std::string> texts;            ///< titles, messages, comments; JSON bytes
  std::optional<PromotionRecord> promotion;  ///< that the entry is about
};
SearchFields search_fields(const ParsedEntry& event, const EntryContext& context);

bool is_refusal(EventType type);

/// The promotion that an entry is about, moves by it included.
std::optional<PromotionNumber> promotion_of(const ParsedEntry& event);

/// A fingerprint as it is indexed: OpenPGP in upper-case digits without spaces.
std::string normal_fingerprint(std::string_view text);

/// An FTS5 query in which every word of `text` must occur, or nullopt for no words. Each word is a
/// quoted string, so no operator, column filter, prefix star or quote of the caller has a meaning.
std::optional<std::string> full_text_query(std::string_view text);

}  // namespace statehouse
