#include "cli/promotion_text.h"

#include "cli/output.h"
#include "cli/version_text.h"

namespace statehouse {
namespace {

/// A member that is a list or object; an empty one when it is missing or of another kind.
Json list_member(const Json& object, std::string_view name) {
  const auto member = json_member(object, name);
  return member && (*member)->is_array() ? **member : Json::array();
}

Json object_member(const Json& object, std::string_view name) {
  const auto member = json_member(object, name);
  return member && (*member)->is_object() ? **member : Json::object();
}

bool is_true(const Json& object, std::string_view name) {
  const auto value = json_boolean(object, name);
  return value && *value;
}

std::string approvals_section(const Json& promotion) {
  std::string text = "approvals\n";
  for (const Json& clause : list_member(promotion, "required")) {
    text += "  " + shown(clause, "have") + " of " + shown(clause, "count") + " from " +
            joined(clause, "from") + "\n";
  }
  for (const Json& approval : list_member(promotion, "approvals")) {
    text += "  " + shown(approval, "verdict") + " by " + shown(approval, "identity") + " at " +
            shown(approval, "received");
    if (!is_true(approval, "counts")) {
      text += ", does not count: " + shown(approval, "reason");
    }
    text += "\n";
  }
  return text;
}

/// Of a superseded promotion only that: how to meet the others would be bad advice.
std::string rules_section(const Json& promotion) {
  const Json decision = object_member(promotion, "decision");
  const bool is_superseded = shown(promotion, "phase") == "superseded";
  std::string text;
  for (const Json& rule : list_member(decision, "rules")) {
    if (is_true(rule, "pass")) continue;
    if (is_superseded && shown(rule, "rule") != "superseded") continue;
    text += "  " + shown(rule, "policy") + "/" + shown(rule, "rule") + ": " +
            shown(rule, "reason") + "\n";
    if (shown(rule, "fix") != "-") text += "      fix: " + shown(rule, "fix") + "\n";
  }
  return text.empty() ? "" : "not yet met\n" + text;
}

std::string comments_section(const Json& promotion) {
  std::string text;
  for (const Json& comment : list_member(promotion, "comments")) {
    text += "  " + shown(comment, "identity") + " at " + shown(comment, "time");
    if (shown(comment, "path") != "-") {
      text += " on " + shown(comment, "path");
      if (shown(comment, "line") != "-") text += ":" + shown(comment, "line");
    }
    text += ": " + shown(comment, "message") + "\n";
  }
  return text.empty() ? "" : "comments\n" + text;
}

std::string changes_section(const Json& changes) {
  const Json list = list_member(changes, "changes");
  if (list.empty()) return changes.is_null() ? "" : "changed files: none\n";
  return "changed files (" + std::to_string(list.size()) + ")\n" +
         changes_table(changes, ObjectIds::kHidden);
}

}  // namespace

std::string describe_state(const Json& promotion) {
  std::string text = shown(promotion, "state");
  const std::string phase = shown(promotion, "phase");
  if (phase != "-" && phase != text) text += ", " + phase;
  const std::string blocked = joined(promotion, "blockedBy");
  // What else blocks it does not matter once it is superseded.
  if (blocked != "-" && phase != "superseded") text += " by " + blocked;
  return text;
}

std::string promotions_table(const Json& list) {
  TextTable table({"NUMBER", "FLOW", "STATE", "OPENER", "OPENED", "TITLE"});
  for (const Json& promotion : list["promotions"]) {
    table.add({shown(promotion, "number"), shown(promotion, "flow"), describe_state(promotion),
               shown(promotion, "opener"), shown(promotion, "opened"), shown(promotion, "title")});
  }
  return table.render();
}

bool is_target_hidden(const Json& promotion) {
  return shown(object_member(promotion, "target"), "baseVersion") == "-";
}

std::string describe_route(const Json& promotion) {
  const Json source = object_member(promotion, "source");
  const Json target = object_member(promotion, "target");
  std::string text = shown(source, "repository") + " " + shown(source, "ref") + " " +
                     short_oid(source, "commit") + " -> " + shown(target, "repository") + " " +
                     shown(target, "ref");
  if (is_target_hidden(promotion)) return text + " (not yours to read)";
  if (shown(target, "base") == "-") return text + " (new)";
  return text + " (version " + shown(target, "baseVersion") + ", " + short_oid(target, "base") +
         ")";
}

std::string commits_table(const Json& promotion) {
  std::string text;
  for (const Json& commit : list_member(promotion, "commits")) {
    text += "  " + short_oid(commit, "commit") + " " + shown(commit, "subject") + " (";
    if (is_true(commit, "baseline")) {
      text += "a declared baseline, which stands for all history below it";
    } else if (shown(commit, "signer") != "-") {
      text += "signed by " + shown(commit, "signer") + ", " + shown(commit, "signature");
    } else {
      text += "signature: " + shown(commit, "signature");
    }
    text +=
        "; author " + shown(commit, "author") + ", pushed by " + shown(commit, "pusher") + ")\n";
  }
  return text;
}

std::string describe_promotion(const Json& promotion, const Json& changes) {
  const Json tree = object_member(promotion, "tree");
  const Json merged = object_member(promotion, "merged");
  std::string text = "promotion " + shown(promotion, "number") + " through flow " +
                     shown(promotion, "flow") + ": " + describe_state(promotion) + "\n";
  if (shown(promotion, "title") != "-") text += "  title   " + shown(promotion, "title") + "\n";
  text += "  route   " + describe_route(promotion) + "\n";
  text += "  tree    " + shown(tree, "sha1") + "\n";
  text += "  opened  " + shown(promotion, "opened") + " by " + shown(promotion, "opener") +
          ", revision " + shown(promotion, "revision") + "\n";
  if (joined(promotion, "targetOwnChanges") != "-") {
    text += "  target  has own changes: versions " + joined(promotion, "targetOwnChanges") + "\n";
  }
  if (joined(promotion, "drops") != "-") {
    text += "  drops   the own changes of target versions " + joined(promotion, "drops") + "\n";
  }
  if (!merged.empty()) {
    const bool is_hidden = shown(merged, "version") == "-";
    text += "  merged  " +
            (is_hidden ? std::string()
                       : "as version " + shown(merged, "version") + " " +
                             short_oid(merged, "commit") + " ") +
            "at " + shown(merged, "time") + " by " + shown(merged, "mergedBy") + ", log entry " +
            shown(merged, "entry") + "\n";
  }
  text += "commits (" + std::to_string(list_member(promotion, "commits").size()) + ")\n" +
          commits_table(promotion);
  text += changes_section(changes);
  text += approvals_section(promotion) + rules_section(promotion) + comments_section(promotion);
  if (shown(promotion, "next") != "-") text += "next: " + shown(promotion, "next") + "\n";
  return text;
}

}  // namespace statehouse
