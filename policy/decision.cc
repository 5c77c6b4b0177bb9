#include "policy/decision.h"

#include <algorithm>
#include <utility>

#include <nlohmann/json.hpp>

namespace statehouse {

void Decision::add(Decision other) { std::ranges::move(other.rules, std::back_inserter(rules)); }

void Decision::pass(std::string policy, std::string rule, std::string reason,
                    Enforcement enforcement) {
  rules.push_back({std::move(policy), std::move(rule), true, std::move(reason), {}, enforcement});
}

void Decision::fail(std::string policy, std::string rule, std::string reason, std::string fix,
                    Enforcement enforcement) {
  rules.push_back(
      {std::move(policy), std::move(rule), false, std::move(reason), std::move(fix), enforcement});
}

void Decision::settle() {
  allow = !rules.empty() && std::ranges::none_of(rules, &RuleResult::denies);
  would_deny = std::ranges::any_of(
      rules, [](const RuleResult& rule) { return !rule.pass && !rule.denies(); });
}

std::vector<std::string> Decision::blocked_by() const {
  std::vector<std::string> names;
  for (const RuleResult& rule : rules) {
    if (rule.denies() && std::ranges::find(names, rule.rule) == names.end()) {
      names.push_back(rule.rule);
    }
  }
  return names;
}

nlohmann::json to_json(const Decision& decision) {
  nlohmann::json rules = nlohmann::json::array();
  for (const RuleResult& rule : decision.rules) {
    rules.push_back({{"policy", rule.policy},
                     {"rule", rule.rule},
                     {"pass", rule.pass},
                     {"reason", rule.reason},
                     {"fix", rule.fix},
                     {"enforcement", enforcement_name(rule.enforcement)}});
  }
  return {{"allow", decision.allow}, {"wouldDeny", decision.would_deny}, {"rules", rules}};
}

std::vector<std::string> remote_lines(const Decision& decision) {
  std::vector<std::string> lines;
  for (const RuleResult& rule : decision.rules) {
    if (rule.pass) continue;
    const std::string_view verb = rule.denies() ? "denied: " : "would-deny: ";
    lines.push_back(std::string(verb) + rule.policy + "/" + rule.rule + ": " + rule.reason);
    if (!rule.fix.empty()) lines.push_back("fix: " + rule.fix);
  }
  return lines;
}

}  // namespace statehouse
