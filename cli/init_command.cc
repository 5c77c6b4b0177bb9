#include <algorithm>
#include <memory>

#include "api/service/initialize.h"
#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "store/git/git_library.h"

namespace statehouse {
namespace {

struct InitOptions {
  std::string origin;
  std::vector<std::string> administrators;
  std::vector<std::string> emails;
};

struct NamedValue {
  ResourceName name;
  std::string value;
};

/// IDENTITY=VALUE, the value of `option`.
Result<NamedValue> read_named_value(const std::string& option, const std::string& text,
                                    const std::string& example) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos) {
    return invalid_argument("reading " + option + " `" + escape_for_message(text, 80) + "`: no `=`",
                            "write it like " + example);
  }
  ResourceName name = TRY_WITH("reading " + option, ResourceName::parse(text.substr(0, equals)));
  return NamedValue{std::move(name), text.substr(equals + 1)};
}

Result<FirstAdministrator> read_administrator(Session& session, const std::string& text) {
  NamedValue given = TRY(read_named_value("--admin", text, "alice=~/.ssh/id_ed25519.pub"));
  std::string key = TRY_WITH("reading the key of " + given.name.str(),
                             session.read_given_file(given.value, limits::kPublicKeyBytesMax,
                                                     "name the file of the public key: --admin " +
                                                         given.name.str() + "=FILE"));
  if (key.find("PRIVATE KEY") != std::string::npos) {
    return invalid_argument("reading the key of " + given.name.str() + ": that is a private key",
                            "name the file of the public key (it ends in .pub)");
  }
  return FirstAdministrator{std::move(given.name), std::move(key), {}};
}

Result<std::vector<FirstAdministrator>> read_administrators(Session& session,
                                                            const InitOptions& options) {
  std::vector<FirstAdministrator> administrators;
  for (const std::string& text : options.administrators) {
    administrators.push_back(TRY(read_administrator(session, text)));
  }
  for (const std::string& text : options.emails) {
    NamedValue email = TRY(read_named_value("--email", text, "alice=alice@example.org"));
    const auto owner = std::ranges::find(administrators, email.name, &FirstAdministrator::name);
    if (owner == administrators.end()) {
      return invalid_argument("reading --email: " + email.name.str() + " is no administrator here",
                              "name them with --admin too");
    }
    owner->emails.push_back(std::move(email.value));
  }
  return administrators;
}

Json names_without_address(const std::vector<FirstAdministrator>& administrators) {
  Json names = Json::array();
  for (const FirstAdministrator& administrator : administrators) {
    if (administrator.emails.empty()) names.push_back(administrator.name.str());
  }
  return names;
}

Json describe(const Initialized& made, const Path& data, const std::string& origin) {
  return {{"data", data.string()},
          {"origin", origin},
          {"trust", made.trust.string()},
          {"rootKey", made.root_key.string()},
          {"fourEyes", made.four_eyes}};
}

std::string text_of(const Json& made) {
  std::string text = "store " + made["origin"].get<std::string>() + " is ready in " +
                     made["data"].get<std::string>() + "\n\n";
  text += "  trust document, for consumers to pin:  " + made["trust"].get<std::string>() + "\n";
  text += "  ROOT KEY, move it off this machine:    " + made["rootKey"].get<std::string>() + "\n";
  if (!made["fourEyes"].get<bool>()) {
    text +=
        "\nThere is one administrator: nobody else can approve changes of the configuration.\n"
        "Add a second one to `system` to have four eyes on them.\n";
  }
  std::string names;
  for (const Json& name : made["withoutAddress"]) {
    names += (names.empty() ? "" : ", ") + name.get<std::string>();
  }
  if (!names.empty()) {
    text += "\nNo address is known of " + names +
            ": where a policy says committerIsSigner their commits are refused until\n"
            "identities/NAME.yaml in `system` lists it under emails (or init was told: --email).\n";
  }
  text += "\nnext: statehouse serve --data " + made["data"].get<std::string>() + "\n";
  return text;
}

Result<> init(Session& session, const InitOptions& options) {
  if (!session.options().data) {
    return invalid_argument("no data directory is given", "give --data DIR");
  }
  if (options.administrators.empty()) {
    return invalid_argument("no administrator is given", "give --admin IDENTITY=KEYFILE");
  }
  const std::vector<FirstAdministrator> administrators = TRY(read_administrators(session, options));
  Environment& environment = session.environment();
  const Path data = session.path(*session.options().data);
  const Initialized made = TRY(initialize_store({.data = data,
                                                 .origin = options.origin,
                                                 .administrators = administrators,
                                                 .clock = environment.clock,
                                                 .entropy = environment.entropy,
                                                 .steps = environment.steps}));
  Json document = describe(made, data, options.origin);
  document["withoutAddress"] = names_without_address(administrators);
  session.print(document, text_of,
                [](const Json& json) { return json["data"].get<std::string>(); });
  return {};
}

}  // namespace

void add_init_command(CommandSet& commands) {
  auto options = std::make_shared<InitOptions>();
  commands.add("init", "Make a new store")
      .option("--name", options->origin,
              "The store's immutable name: a URL without scheme, like store.example.org/prod",
              Presence::kRequired)
      .option("--admin", options->administrators,
              "IDENTITY=KEYFILE of an administrator's public key (SSH or OpenPGP); repeatable",
              Presence::kRequired)
      .option("--email", options->emails,
              "IDENTITY=ADDRESS that the administrator commits with; repeatable")
      .notes(
          "Makes DIR with keys, trust.json, the ledger and the repository `system`. The offline "
          "root key "
          "is written to DIR/keys/root: move it off the machine.")
      .action("making a store", [options](Session& session) { return init(session, *options); });
}

}  // namespace statehouse
