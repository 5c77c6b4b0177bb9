#include <memory>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version_text.h"
#include "cli/watch.h"

namespace statehouse {
namespace {

struct HistoryOptions {
  std::optional<std::string> repository;
  std::string ref;
  std::uint64_t limit = 50;
  std::optional<std::string> cursor;
  std::uint64_t version = 0;
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  bool objects = false;
  bool watch = false;
};

std::string version_number(const Json& version) { return shown(version, "version"); }

/// -R and --ref as query parameters.
Result<Query> ref_query(Session& session, const HistoryOptions& options) {
  if (options.ref.empty()) {
    return invalid_argument("no ref is given", "give --ref REF, like --ref deploy");
  }
  const RefKey key = TRY(session.ref_key(options.repository, options.ref));
  return Query{{"repository", key.repository.str()}, {"ref", key.ref.str()}};
}

Result<> list_versions(Session& session, const HistoryOptions& options) {
  const Query query = TRY(ref_query(session, options));
  ApiClient client = TRY(session.connect());
  Watched list;
  list.look = [&] {
    return client.list("/v1/versions", query, "versions", options.limit, options.cursor);
  };
  list.show = [&](const Json& document) -> Result<> {
    session.print_list(document, "versions", versions_table, version_number);
    return {};
  };
  return show_watched(session, options.watch ? Watch::kUntilDone : Watch::kOnce, list);
}

Result<> show_version(Session& session, const HistoryOptions& options) {
  Query query = TRY(ref_query(session, options));
  query.emplace_back("version", std::to_string(options.version));
  ApiClient client = TRY(session.connect());
  const Json version = TRY(client.get("/v1/version", query));
  session.print(version, describe_version, version_number);
  return {};
}

Result<> diff_versions(Session& session, const HistoryOptions& options) {
  Query query = TRY(ref_query(session, options));
  query.emplace_back("from", std::to_string(options.from));
  query.emplace_back("to", std::to_string(options.to));
  ApiClient client = TRY(session.connect());
  const Json diff = TRY(client.get("/v1/diff", query));
  TRY(require_list(diff, "changes"));
  const ObjectIds ids = options.objects ? ObjectIds::kShown : ObjectIds::kHidden;
  session.print_list(
      diff, "changes", [ids](const Json& document) { return changes_table(document, ids); },
      [](const Json& change) { return shown(change, "path"); });
  return {};
}

}  // namespace

void add_history_command(CommandSet& commands) {
  auto options = std::make_shared<HistoryOptions>();
  const Command history =
      commands.add("history", "The versions of a ref, newest first")
          .option("-R,--repository", options->repository, "The repository (else the clone's)")
          .option("--ref", options->ref, "The ref, in full or short (\"deploy\")")
          .option("--limit", options->limit, "At most so many")
          .option("--cursor", options->cursor, "Go on where a list ended")
          .flag("--watch", options->watch, "Show the list again whenever it changes")
          .action("listing versions",
                  [options](Session& session) { return list_versions(session, *options); });

  history.add("show", "All about one version")
      .option("--version", options->version, "Its number", Presence::kRequired)
      .action("showing a version",
              [options](Session& session) { return show_version(session, *options); });

  history.add("diff", "The files that differ between two versions")
      .option("--from", options->from, "The older version", Presence::kRequired)
      .option("--to", options->to, "The newer version", Presence::kRequired)
      .flag("--objects", options->objects, "Show object ids and modes too")
      .action("comparing versions",
              [options](Session& session) { return diff_versions(session, *options); });
}

}  // namespace statehouse
