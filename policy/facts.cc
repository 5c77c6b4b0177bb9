#include "policy/facts.h"

#include <utility>

#include <nlohmann/json.hpp>

#include "crypto/base/json.h"

namespace statehouse {

namespace {

constexpr std::size_t kCoAuthorsMax = 1000;

constexpr std::pair<SignatureState, std::string_view> kStates[] = {
    {SignatureState::kGood, "good"},
    {SignatureState::kUnsigned, "unsigned"},
    {SignatureState::kMalformed, "malformed"},
    {SignatureState::kBad, "bad"},
    {SignatureState::kUnknownKey, "unknown-key"},
    {SignatureState::kKeyNotValid, "key-not-valid"},
};

constexpr std::pair<SignatureFormat, std::string_view> kFormats[] = {
    {SignatureFormat::kNone, "none"},
    {SignatureFormat::kSsh, "ssh"},
    {SignatureFormat::kOpenPgp, "openpgp"},
};

template <typename Table, typename Value>
std::string_view name_in(const Table& table, Value value) {
  for (const auto& [known, name] : table) {
    if (known == value) return name;
  }
  return {};
}

template <typename Value, typename Table>
Result<Value> value_in(const Table& table, std::string_view text) {
  for (const auto& [value, name] : table) {
    if (name == text) return value;
  }
  return invalid_argument("reading a recorded signature verdict: unknown word");
}

bool same_letters(std::string_view text, std::string_view lower_case) {
  if (text.size() != lower_case.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const char lowered = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (lowered != lower_case[i]) return false;
  }
  return true;
}

/// The address of one `Co-authored-by: Name <address>` line, or empty. Git's own trailers may have
/// white space before the colon; an address without brackets counts too.
std::string_view co_author_of(std::string_view line) {
  constexpr std::string_view kToken = "co-authored-by";
  while (!line.empty() && (line.front() == ' ' || line.front() == '\t')) line.remove_prefix(1);
  if (!same_letters(line.substr(0, kToken.size()), kToken)) return {};
  line.remove_prefix(kToken.size());
  const std::size_t colon = line.find_first_not_of(" \t");
  if (colon == std::string_view::npos || line[colon] != ':') return {};
  line.remove_prefix(colon + 1);
  const std::size_t open = line.rfind('<');
  if (open != std::string_view::npos) {
    line.remove_prefix(open + 1);
    line = line.substr(0, line.find('>'));
  }
  const std::size_t first = line.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(" \t\r") - first + 1);
}

}  // namespace

std::string_view signature_state_name(SignatureState state) { return name_in(kStates, state); }

nlohmann::json to_json(const SignatureVerdict& verdict) {
  return {{"state", name_in(kStates, verdict.state)},
          {"format", name_in(kFormats, verdict.format)},
          {"fingerprint", verdict.fingerprint},
          {"identity",
           verdict.identity ? nlohmann::json(verdict.identity->str()) : nlohmann::json(nullptr)},
          {"keyName", verdict.key_name},
          {"reason", verdict.reason}};
}

Result<SignatureVerdict> signature_verdict_from_json(const nlohmann::json& json) {
  SignatureVerdict verdict;
  const std::string state = TRY(json_string(json, "state"));
  verdict.state = TRY(value_in<SignatureState>(kStates, state));
  const std::string format = TRY(json_string(json, "format"));
  verdict.format = TRY(value_in<SignatureFormat>(kFormats, format));
  verdict.fingerprint = TRY(json_string(json, "fingerprint"));
  verdict.key_name = TRY(json_string(json, "keyName"));
  verdict.reason = TRY(json_string(json, "reason"));
  const Json* const identity = TRY(json_member(json, "identity"));
  if (!identity->is_null()) {
    const std::string name = TRY(json_string(json, "identity"));
    verdict.identity = TRY(ResourceName::parse(name));
  }
  return verdict;
}

std::vector<std::string> co_author_emails(std::string_view message) {
  std::vector<std::string> emails;
  while (!message.empty() && emails.size() < kCoAuthorsMax) {
    const std::size_t end = message.find('\n');
    const std::string_view email = co_author_of(message.substr(0, end));
    if (!email.empty()) emails.emplace_back(email);
    message.remove_prefix(end == std::string_view::npos ? message.size() : end + 1);
  }
  return emails;
}

}  // namespace statehouse
