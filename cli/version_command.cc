#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"

namespace statehouse {
namespace {

/// Of the client, and of the server when one is named and answers.
Result<> show_versions(Session& session) {
  Json document{{"client", {{"version", kProgramVersion}, {"protocol", kProtocolVersion}}},
                {"server", nullptr}};
  const bool server_named = session.options().data.has_value() || session.remote().has_value();
  if (server_named) {
    ApiClient client = TRY(session.connect());
    document["server"] = TRY(client.get("/v1/server"));
  }
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
