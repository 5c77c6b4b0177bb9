#include "store/ledger/search_fields.h"

#include <algorithm>

namespace statehouse {

namespace {

constexpr std::size_t kQueryWordsMax = 32;

/// Where the members that link an entry are, wherever in `data` they occur.
constexpr std::pair<std::string_view, std::string_view> kLinks[] = {{"repository", "repository"},
                                                                    {"ref", "ref"},
                                                                    {"fingerprint", "key"},
                                                                    {"approvedBy", "approver"},
                                                                    {"approver", "approver"}};

void add_link(SearchFields& fields, std::string_view kind, const Json& value) {
  if (value.is_string()) fields.links.emplace(kind, value.get<std::string>());
  if (!value.is_array()) return;
  for (const Json& item : value) add_link(fields, kind, item);
}

/// Depth is bounded by the JSON reader.
void collect(SearchFields& fields, const Json& value) {
  if (value.is_string()) fields.text += value.get<std::string>() + "\n";
  if (value.is_array()) {
    for (const Json& item : value) collect(fields, item);
  }
  if (!value.is_object()) return;
  for (const auto& item : value.items()) {
    for (const auto& [member, kind] : kLinks) {
      if (item.key() == member) add_link(fields, kind, item.value());
    }
    collect(fields, item.value());
  }
}

void add_promotion(SearchFields& fields, const ParsedEntry& event) {
  const auto named = event.data.find("promotion");
  if (named != event.data.end() && named->is_number_unsigned()) {
    fields.links.emplace("promotion", std::to_string(named->get<PromotionNumber>()));
  }
  constexpr std::string_view kSubject = "promotion/";
  if (event.subject.starts_with(kSubject)) {
    fields.links.emplace("promotion", event.subject.substr(kSubject.size()));
  }
}

}  // namespace

std::string_view name_of(EntryOutcome outcome) {
  return outcome == EntryOutcome::kAccepted ? "accepted" : "denied";
}

SearchFields search_fields(const ParsedEntry& event) {
  SearchFields fields;
  if (event.type == EventType::kRefRefused || event.type == EventType::kPromotionRefused) {
    fields.outcome = EntryOutcome::kDenied;
  }
  fields.text = event.subject + "\n" + std::string(name_of(event.type)) + "\n";
  collect(fields, event.data);
  add_promotion(fields, event);
  const bool judges =
      event.type == EventType::kPromotionApproved || event.type == EventType::kPromotionRejected;
  if (event.actor.identity) {
    fields.links.emplace("actor", *event.actor.identity);
    if (judges) fields.links.emplace("approver", *event.actor.identity);
  }
  return fields;
}

std::optional<std::string> full_text_query(std::string_view text) {
  std::string query;
  std::size_t words = 0;
  std::size_t at = 0;
  constexpr std::string_view kSpace(" \t\r\n\0", 5);
  while ((at = text.find_first_not_of(kSpace, at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_of(kSpace, at), text.size());
    if (++words > kQueryWordsMax) break;
    query += query.empty() ? "\"" : " \"";
    for (const char c : text.substr(at, end - at)) {
      query += c;
      if (c == '"') query += '"';
    }
    query += '"';
    at = end;
  }
  if (query.empty()) return std::nullopt;
  return query;
}

}  // namespace statehouse
