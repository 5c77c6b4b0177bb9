#include <memory>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

std::string shown_finding(const Json& finding) {
  const auto member = [&](const char* name) {
    return escape_for_message(finding.value(name, std::string()), 1000);
  };
  std::string text = member("severity") + ": " + member("where") + ": " + member("what") + "\n";
  if (!member("fix").empty()) text += "  fix: " + member("fix") + "\n";
  return text;
}

std::string text_of(const Json& report) {
  std::string text;
  for (const Json& finding : report["findings"]) text += shown_finding(finding);
  text += "checked:";
  for (const auto& [what, count] : report["checked"].items()) {
    text += " " + count.dump() + " " + what;
  }
  return text + (report["ok"] == true ? "\nok\n" : "\nnot ok\n");
}

Result<> fsck(Session& session, bool repair_refs) {
  if (!session.options().data) {
    return invalid_argument("no data directory is given", "give --data DIR");
  }
  session.progress("checking everything; this can take minutes on a large store");
  ApiClient client = TRY(session.connect());
  const Json report = TRY(client.post("/v1/fsck", {{"repairRefs", repair_refs}}));
  const Json* ok = TRY(json_member(report, "ok"));
  const bool is_sound = *ok == true;
  // For programs the findings go into the one document that also says how it ended.
  const bool is_for_people =
      session.format() == OutputFormat::kText || session.format() == OutputFormat::kName;
  if (is_sound || is_for_people) {
    session.print(report, text_of,
                  [](const Json& json) { return json["ok"] == true ? "ok" : "not ok"; });
  }
  if (is_sound) return {};
  session.explain_failure(report);
  return corrupt("the store is not as its log says",
                 "each finding says what mends it; then run it again");
}

}  // namespace

void add_fsck_command(CommandSet& commands) {
  auto repair_refs = std::make_shared<bool>(false);
  commands.add("fsck", "Check everything a data directory holds against its log")
      .flag("--repair-refs", *repair_refs, "Write ref files that differ as the ledger says")
      .action("checking the store",
              [repair_refs](Session& session) { return fsck(session, *repair_refs); });
}

}  // namespace statehouse
