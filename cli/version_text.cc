#include "cli/version_text.h"

#include "cli/output.h"

namespace statehouse {
namespace {

/// "A", "D", "M", "T" as in git.
std::string change_letter(const Json& change) {
  const std::string kind = shown(change, "change");
  if (kind == "added") return "A";
  if (kind == "deleted") return "D";
  if (kind == "type-changed") return "T";
  return "M";
}

}  // namespace

std::string joined(const Json& object, std::string_view name) {
  const auto list = json_member(object, name);
  std::string text;
  if (list && (*list)->is_array()) {
    for (const Json& item : **list) text += (text.empty() ? "" : ", ") + shown(item);
  }
  return text.empty() ? "-" : text;
}

std::string versions_table(const Json& list) {
  TextTable table({"VERSION", "KIND", "COMMIT", "TREE", "TIME", "BY", "PROMOTION"});
  for (const Json& version : list["versions"]) {
    table.add({shown(version, "version"), shown(version, "kind"), short_oid(version, "commit"),
               short_oid(version, "tree"), shown(version, "time"), shown(version, "actor"),
               shown(version, "promotion")});
  }
  return table.render();
}

std::string describe_version(const Json& version) {
  const auto line = [&](const std::string& label, const std::string& value) {
    std::string padded = label + ":";
    constexpr std::size_t kLabelWidth = 15;
    padded.resize(kLabelWidth, ' ');
    return padded + value + "\n";
  };
  std::string text = shown(version, "repository") + " " + shown(version, "ref") + " version " +
                     shown(version, "version") + "\n";
  for (const auto& [label, name] : {std::pair{"kind", "kind"},
                                    {"commit", "commit"},
                                    {"commit sha256", "commitSha256"},
                                    {"tree", "tree"},
                                    {"tree sha256", "treeSha256"},
                                    {"time", "time"},
                                    {"by", "actor"},
                                    {"promotion", "promotion"}}) {
    text += line(label, shown(version, name));
  }
  text += line("approved by", joined(version, "approvedBy"));
  text += line("level", shown(version, "level"));
  text += line("policy digest", shown(version, "policyDigest"));
  text += line("log entry", shown(version, "logIndex"));
  const auto previous = json_member(version, "previous");
  if (previous && (*previous)->is_object()) {
    text += line("previous", shown(**previous, "version") + " " + shown(**previous, "commit"));
  }
  return text;
}

std::string changes_table(const Json& document, ObjectIds ids) {
  const auto changes = json_member(document, "changes");
  if (!changes || !(*changes)->is_array()) return "";
  std::string text;
  for (const Json& change : **changes) {
    text += "  " + change_letter(change) + " ";
    if (ids == ObjectIds::kShown) {
      text += short_oid(change, "oldOid") + ".." + short_oid(change, "newOid") + " " +
              shown(change, "oldMode") + ".." + shown(change, "newMode") + " ";
    }
    text += shown(change, "path") + "\n";
  }
  return text;
}

}  // namespace statehouse
