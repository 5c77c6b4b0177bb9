#include "store/ledger/search_fields.h"

#include <algorithm>

namespace statehouse {

namespace {

constexpr std::size_t kQueryWordsMax = 32;

/// Where the members that link an entry are, wherever in `data` they occur.
constexpr std::pair<std::string_view, std::string_view> kLinks[] = {
    {"repository", "repository"}, {"ref", "ref"},          {"fingerprint", "key"}, {"keys", "key"},
    {"approvedBy", "approver"},   {"approver", "approver"}};

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

bool is_openpgp_fingerprint(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

/// Keys are the only long words of a decision that look like this: ids there are cut, and in lower
/// case.
void add_keys_in_text(SearchFields& fields, std::string_view text) {
  constexpr std::string_view kWordCharacters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/:";
  constexpr std::string_view kSshPrefix = "SHA256:";
  constexpr std::size_t kSshFingerprintBytes = kSshPrefix.size() + 43;
  std::size_t at = 0;
  while ((at = text.find_first_of(kWordCharacters, at)) != std::string_view::npos) {
    const std::size_t end = std::min(text.find_first_not_of(kWordCharacters, at), text.size());
    const std::string_view word = text.substr(at, end - at);
    const bool is_ssh = word.size() == kSshFingerprintBytes && word.starts_with(kSshPrefix);
    if (is_ssh || is_openpgp_fingerprint(word)) fields.links.emplace("key", word);
    at = end;
  }
}

void add_text(SearchFields& fields, std::string_view json) {
  const auto parsed = parse_json(json);
  SearchFields found;
  if (parsed) collect(found, *parsed);
  fields.text += found.text;
}

void add_context(SearchFields& fields, const ParsedEntry& event, const EntryContext& context) {
  for (const std::string& bytes : context.verdicts) {
    const auto verdict = parse_json(bytes);
    SearchFields judged;
    if (verdict) collect(judged, *verdict);
    for (const auto& link : judged.links) {
      if (link.first == "key") fields.links.insert(link);
    }
  }
  for (const std::string& decision : context.refusal_reasons) {
    add_keys_in_text(fields, decision);
    add_text(fields, decision);
  }
  for (const std::string& text : context.texts) add_text(fields, text);
  // A move is found by the ref that moved alone; a promotion by both its ends.
  if (!context.promotion || event.type == EventType::kRefUpdated) return;
  for (const RefKey* end : {&context.promotion->source, &context.promotion->target}) {
    fields.links.emplace("repository", end->repository.str());
    fields.links.emplace("ref", end->ref.str());
  }
}

}  // namespace

std::string_view name_of(EntryOutcome outcome) {
  return outcome == EntryOutcome::kAccepted ? "accepted" : "denied";
}

bool is_refusal(EventType type) {
  return type == EventType::kRefRefused || type == EventType::kPromotionRefused;
}

std::optional<PromotionNumber> promotion_of(const ParsedEntry& event) {
  const auto named = event.data.find("promotion");
  if (named == event.data.end() || !named->is_number_unsigned()) return std::nullopt;
  return named->get<PromotionNumber>();
}

std::string normal_fingerprint(std::string_view text) {
  if (text.starts_with("SHA256:")) return std::string(text);
  std::string digits;
  for (const char c : text) {
    if (c != ' ') digits += c >= 'a' && c <= 'f' ? static_cast<char>(c - 'a' + 'A') : c;
  }
  return is_openpgp_fingerprint(digits) ? digits : std::string(text);
}

SearchFields search_fields(const ParsedEntry& event, const EntryContext& context) {
  SearchFields fields;
  if (is_refusal(event.type)) fields.outcome = EntryOutcome::kDenied;
  fields.text = event.subject + "\n" + std::string(name_of(event.type)) + "\n";
  collect(fields, event.data);
  if (const auto promotion = promotion_of(event)) {
    fields.links.emplace("promotion", std::to_string(*promotion));
  }
  add_context(fields, event, context);
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
