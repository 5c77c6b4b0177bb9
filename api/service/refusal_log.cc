#include "api/service/refusal_log.h"

#include "crypto/base/json.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

constexpr std::chrono::minutes kWindow{1};
/// An entry has at most 65,535 bytes: of a push of many refs it lists the first, the evidence lists
/// all.
constexpr std::size_t kUpdatesShownMax = 40;
constexpr std::size_t kRulesShownMax = 6;
constexpr std::size_t kKeysShownMax = 6;
constexpr std::size_t kDecisionBytesMax = limits::kEvidenceBytesMax / 2;

Json hex_or_null(const std::optional<Oid>& oid) { return oid ? Json(oid->hex()) : Json(nullptr); }

Json denied_rules(const Decision& decision) {
  Json rules = Json::array();
  for (const RuleResult& rule : decision.rules) {
    if (rule.denies() && rules.size() < kRulesShownMax) {
      rules.push_back({{"policy", rule.policy}, {"rule", rule.rule}});
    }
  }
  return rules;
}

Json keys_json(const std::set<std::string>& keys) {
  Json list = Json::array();
  for (const std::string& key : keys) {
    if (list.size() < kKeysShownMax) list.push_back(key);
  }
  return list;
}

Json update_json(const RefusedUpdate& update) {
  return {{"repository", update.key.repository.str()}, {"ref", update.key.ref.str()},
          {"old", hex_or_null(update.old_oid)},        {"new", hex_or_null(update.new_oid)},
          {"denied", denied_rules(update.decision)},   {"keys", keys_json(update.keys)}};
}

Json decisions_json(const std::vector<RefusedUpdate>& updates) {
  Json decisions = Json::array();
  std::size_t bytes = 0;
  for (const RefusedUpdate& update : updates) {
    Json decision = {{"ref", update.key.str()}, {"decision", to_json(update.decision)}};
    bytes += dump_json(decision).size();
    if (bytes > kDecisionBytesMax) {
      decisions.push_back({{"leftOut", updates.size() - decisions.size()}});
      return decisions;
    }
    decisions.push_back(std::move(decision));
  }
  return decisions;
}

std::string fingerprint_of(const Json& updates) { return dump_json(updates); }

}  // namespace

Result<std::optional<EntryIndex>> RefusalLog::record(const AuthenticatedCaller& caller,
                                                     const std::string& push_id,
                                                     const std::vector<RefusedUpdate>& updates) {
  Json list = Json::array();
  for (const RefusedUpdate& update : updates) {
    if (list.size() < kUpdatesShownMax) list.push_back(update_json(update));
  }
  const std::string fingerprint = fingerprint_of(list);
  EntryDraft draft{
      EventType::kRefRefused, updates.front().key.str(), caller.actor(), Json::object(), {}};
  draft.data = {{"pushId", push_id}, {"updates", std::move(list)}, {"reason", "denied"}};
  draft.evidence.push_back({"decision", "application/json", dump_json(decisions_json(updates))});
  return record_draft(caller, fingerprint, std::move(draft));
}

RefusalLog::Verdict RefusalLog::admit(Recent& recent, const std::string& fingerprint, Timestamp now,
                                      std::optional<EntryIndex>& earlier) {
  while (!recent.written.empty() && recent.written.front() + kWindow < now) {
    recent.written.pop_front();
  }
  std::erase_if(recent.entries,
                [&](const auto& item) { return item.second.first + kWindow < now; });
  const auto found = recent.entries.find(fingerprint);
  if (found != recent.entries.end()) {
    ++recent.repeated;
    earlier = found->second.second;
    return Verdict::kRepeated;
  }
  if (recent.written.size() >= kEntriesPerMinute) {
    ++recent.repeated;
    return Verdict::kOverBudget;
  }
  recent.written.push_back(now);
  return Verdict::kWrite;
}

Result<std::optional<EntryIndex>> RefusalLog::record_draft(const AuthenticatedCaller& caller,
                                                           const std::string& fingerprint,
                                                           EntryDraft draft) {
  const Timestamp now = clock_.now();
  const std::string who = caller.identity_name();
  {
    const std::lock_guard lock(mutex_);
    Recent& recent = recent_[who];
    std::optional<EntryIndex> earlier;
    if (admit(recent, fingerprint, now, earlier) != Verdict::kWrite) return earlier;
    draft.data["repeated"] = std::exchange(recent.repeated, 0);
  }
  const AppendedEntry entry = TRY_WITH(
      "logging a refusal", ledger_.commit([&](Transaction& transaction) -> Result<AppendedEntry> {
        return transaction.append(draft);
      }));
  const std::lock_guard lock(mutex_);
  recent_[who].entries.insert_or_assign(fingerprint, std::pair(now, entry.index));
  return std::optional<EntryIndex>(entry.index);
}

}  // namespace statehouse
