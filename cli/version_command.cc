#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"

namespace statehouse {
namespace {

/// Null when none is named.
Result<Json> ask_server(Session& session) {
  const bool is_named = session.options().data.has_value() || session.server_url().has_value();
  if (!is_named) return Json();
  ApiClient client = TRY(session.connect());
  return client.get("/v1/server");
}

/// Of the client in any case, and of the server when one is named. One that does not answer is the
/// error that follows.
Result<> show_versions(Session& session) {
  const auto answer = ask_server(session);
  const Json document{{"client", {{"version", kProgramVersion}, {"protocol", kProtocolVersion}}},
                      {"server", answer ? *answer : Json()}};
  const auto text = [](const Json& versions) {
    std::string lines = "client: " + shown(versions["client"], "version") + "\n";
    const Json& server = versions["server"];
    if (server.is_object()) {
      lines += "server: " + shown(server, "version") + "  origin " + shown(server, "origin") +
               "  epoch " + shown(server, "epoch") + "  at " + shown(server, "publicUrl") + "\n";
    }
    return lines;
  };
  session.print(document, text,
                [](const Json& versions) { return shown(versions["client"], "version"); });
  if (!answer) return std::unexpected(answer.error());
  return {};
}

}  // namespace

void add_version_command(CommandSet& commands) {
  commands.add("version", "The versions of this program and of the server")
      .action("showing versions", show_versions);
}

void add_help_command(CommandSet& commands) {
  auto words = std::make_shared<std::vector<std::string>>();
  commands.add("help", "Help on a command")
      .arguments("COMMAND", *words, "Its words, like: promotion approve")
      .action("showing help", [words, &commands](Session& session) -> Result<> {
        const std::string text = TRY(commands.help(*words));
        session.print(
            {{"help", text}},
            [](const Json& document) { return document["help"].get<std::string>(); },
            [&](const Json&) { return "help"; });
        return {};
      });
}

}  // namespace statehouse
