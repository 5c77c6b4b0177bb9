#include <memory>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/repository_import.h"
#include "cli/session.h"

namespace statehouse {
namespace {

struct RepositoryOptions {
  std::string name;
  std::uint64_t limit = 1000;
  std::optional<std::string> cursor;
};

std::string name_of(const Json& repository) { return shown(repository, "name"); }

std::string refs_table(const Json& repository) {
  TextTable table({"  REF", "VERSION", "COMMIT", "TREE", "TIME"});
  const auto refs = json_member(repository, "refs");
  if (!refs || !(*refs)->is_array()) return "";
  for (const Json& ref : **refs) {
    table.add({"  " + shown(ref, "ref"), shown(ref, "version"), short_oid(ref, "commit"),
               short_oid(ref, "tree"), shown(ref, "time")});
  }
  return table.render();
}

std::string describe_repository(const Json& repository) {
  return name_of(repository) + ": " + shown(repository, "description") + "\n  default branch " +
         shown(repository, "defaultBranch") + "\n" + refs_table(repository);
}

Result<> list_repositories(Session& session, const RepositoryOptions& options) {
  ApiClient client = TRY(session.connect());
  const Json list =
      TRY(client.list("/v1/repositories", {}, "repositories", options.limit, options.cursor));
  const auto text = [](const Json& document) {
    TextTable table({"NAME", "DEFAULT BRANCH", "REFS", "DESCRIPTION"});
    for (const Json& repository : document["repositories"]) {
      const auto refs = json_member(repository, "refs");
      const std::size_t count = refs && (*refs)->is_array() ? (*refs)->size() : 0;
      table.add({name_of(repository), shown(repository, "defaultBranch"), std::to_string(count),
                 shown(repository, "description")});
    }
    return table.render();
  };
  session.print_list(list, "repositories", text, name_of);
  return {};
}

Result<> show_repository(Session& session, const RepositoryOptions& options) {
  const RepositoryName name = TRY(RepositoryName::parse(options.name));
  ApiClient client = TRY(session.connect());
  const Json repository = TRY(client.get("/v1/repository", {{"repository", name.str()}}));
  session.print(repository, describe_repository, name_of);
  return {};
}

}  // namespace

void add_repository_command(CommandSet& commands) {
  auto options = std::make_shared<RepositoryOptions>();
  const Command repository = commands.add("repository", "Repositories and where their refs stand");

  repository.add("list", "The repositories you may read")
      .option("--limit", options->limit, "At most so many")
      .option("--cursor", options->cursor, "Go on where a list ended")
      .action("listing repositories",
              [options](Session& session) { return list_repositories(session, *options); });

  repository.add("show", "One repository and its refs")
      .argument("NAME", options->name, "Its name")
      .action("showing a repository",
              [options](Session& session) { return show_repository(session, *options); });

  auto import = std::make_shared<ImportOptions>();
  repository.add("import", "Declare existing history as a baseline in `system`")
      .argument("NAME", import->name, "The repository's name here")
      .option("--from", import->from, "URL, path or bundle to take it from", Presence::kRequired)
      .option("--ref", import->ref, "The ref there", Presence::kRequired)
      .option("--to", import->to, "The ref here", Presence::kRequired)
      .option("--key", import->key, "Key to sign with (else git's user.signingkey)")
      .option("--message", import->message, "The commit's message")
      .notes(
          "Computes the digests of the history and declares them in `system` by a signed commit "
          "on its audit branch. Once that is promoted, a plain push brings the history in.")
      .action("preparing an import",
              [import](Session& session) { return prepare_import(session, *import); });
}

}  // namespace statehouse
