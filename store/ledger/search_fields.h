#pragma once

#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "store/ledger/event.h"
#include "store/ledger/search_index.h"

namespace statehouse {

std::string_view name_of(EntryOutcome outcome);

/// What one entry can be found by; pure, internal to store/ledger.
struct SearchFields {
  EntryOutcome outcome = EntryOutcome::kAccepted;
  /// (kind, value): repository, ref, actor, approver, promotion, key.
  std::set<std::pair<std::string, std::string>> links;
  std::string text;  ///< every string of the event, one after the other
};
SearchFields search_fields(const ParsedEntry& event);

/// An FTS5 query in which every word of `text` must occur, or nullopt for no words. Each word is a
/// quoted string, so no operator, column filter, prefix star or quote of the caller has a meaning.
std::optional<std::string> full_text_query(std::string_view text);

}  // namespace statehouse
