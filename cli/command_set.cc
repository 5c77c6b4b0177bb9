#include "cli/command_set.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>
#include <utility>

#include <CLI/CLI.hpp>

#include "cli/session.h"
#include "crypto/base/encoding.h"
#include "policy/resource_reader.h"

namespace statehouse {
namespace {

constexpr std::size_t kMessageBytesMax = 400;

struct ActionEntry {
  std::string doing;
  CommandAction run;
};

/// Digits only: CLI11's own conversion would take signs, spaces and other bases.
CLI::callback_t read_number(std::function<void(std::uint64_t)> store) {
  return [store = std::move(store)](const CLI::results_t& given) {
    std::uint64_t number = 0;
    const std::string& text = given.back();
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc() || stop != end || text.empty()) return false;
    store(number);
    return true;
  };
}

std::string join(const std::vector<std::string>& words) {
  std::string joined;
  for (const std::string& word : words) joined += " " + word;
  return joined;
}

std::vector<std::string> words_of(const CLI::App* app) {
  std::vector<std::string> words;
  for (; app->get_parent() != nullptr; app = app->get_parent()) words.push_back(app->get_name());
  std::reverse(words.begin(), words.end());
  return words;
}

/// " [default]" is what the formatter makes of it; parsing does not change.
void show_default(CLI::Option* option, const std::string& value) {
  if (!value.empty()) option->default_str(value);
}

std::vector<CLI::App*> subcommands(const CLI::App& app) {
  return const_cast<CLI::App&>(app).get_subcommands([](CLI::App*) { return true; });
}

/// The command beside it that lists: "statehouse promotion list" for "statehouse promotion show".
std::string list_command_for(const CLI::App& selected) {
  for (const CLI::App* sibling : subcommands(*selected.get_parent())) {
    const bool is_other = sibling != &selected;
    if (is_other && sibling->get_name() == "list") return "statehouse" + join(words_of(sibling));
  }
  return "";
}

/// `; did you mean "promotion"?`, or nothing.
std::string suggestion(const CLI::App& app, const std::string& word) {
  const bool is_option = word.starts_with("--");
  std::vector<std::string_view> known;
  if (!is_option) {
    for (const CLI::App* child : subcommands(app)) known.push_back(child->get_name());
  }
  // With the options of its parents, which are understood after it too.
  for (const CLI::App* each = &app; is_option && each != nullptr; each = each->get_parent()) {
    for (const CLI::Option* option : each->get_options()) {
      for (const std::string& name : option->get_lnames()) known.push_back(name);
    }
  }
  const std::string_view plain = std::string_view(word).substr(is_option ? 2 : 0);
  const std::string_view best = nearest(plain.substr(0, plain.find('=')), known);
  if (best.empty()) return "";
  return "; did you mean \"" + std::string(is_option ? "--" : "") + std::string(best) + "\"?";
}

/// What CLI11 cannot convert are our numbers: see `read_number`.
std::string describe(const CLI::ParseError& error) {
  std::string what = error.what();
  constexpr std::string_view kConversion = "Could not convert: ";
  if (!what.starts_with(kConversion)) return what;
  return "not a whole number: " + what.substr(kConversion.size());
}

/// REQUIRES: `words` are what parsing found no place for, in their order.
std::string describe_unexpected(const CLI::App& selected, const std::vector<std::string>& words) {
  if (words.empty()) return "there are words that no option or argument takes";
  const std::string& word = words.front();
  const std::string path = "statehouse" + join(words_of(&selected));
  std::string what = "\"" + path + "\" takes no \"" + word + "\"";
  if (word.starts_with('-')) {
    what = "\"" + path + "\" has no option \"" + word + "\"";
  } else if (!subcommands(selected).empty()) {
    what = "there is no command \"" + path + " " + word + "\"";
  }
  return what + suggestion(selected, word);
}

}  // namespace

struct CommandSet::Impl {
  CLI::App app{"Statehouse: the protected source of truth that GitOps reconcilers pull from"};
  std::map<const CLI::App*, ActionEntry> actions;
};

struct Command::Impl {
  CLI::App* app;
  CommandSet::Impl* set;

  CLI::Option* option(CLI::Option* added, Presence presence) const {
    if (presence == Presence::kRequired) added->required();
    return added;
  }
};

Command::Command(Impl impl) : impl_(std::make_shared<Impl>(impl)) {}

Command Command::add(const std::string& name, const std::string& description) const {
  CLI::App* child = impl_->app->add_subcommand(name, description);
  child->fallthrough();
  // At most one, so that an argument that is spelled like a command stays an argument.
  child->require_subcommand(0, 1);
  return Command(Impl{child, impl_->set});
}

const Command& Command::alias(const std::string& name) const {
  impl_->app->alias(name);
  return *this;
}

const Command& Command::argument(const std::string& name, std::string& value,
                                 const std::string& help, Presence presence) const {
  impl_->option(impl_->app->add_option(name, value, help), presence)->type_name("");
  return *this;
}

const Command& Command::argument(const std::string& name, std::uint64_t& value,
                                 const std::string& help, Presence presence) const {
  return option(name, value, help, presence);
}

const Command& Command::arguments(const std::string& name, std::vector<std::string>& values,
                                  const std::string& help) const {
  impl_->app->add_option(name, values, help)->type_name("");
  return *this;
}

const Command& Command::option(const std::string& names, std::string& value,
                               const std::string& help, Presence presence) const {
  auto* added = impl_->option(impl_->app->add_option(names, value, help), presence);
  added->type_name("TEXT");
  show_default(added, value);
  return *this;
}

const Command& Command::option(const std::string& names, std::optional<std::string>& value,
                               const std::string& help) const {
  const auto store = [&value](const std::string& text) { value = text; };
  impl_->app->add_option_function<std::string>(names, store, help)->type_name("TEXT");
  return *this;
}

const Command& Command::option(const std::string& names, std::uint64_t& value,
                               const std::string& help, Presence presence) const {
  auto* added =
      impl_->app->add_option(names, read_number([&value](std::uint64_t n) { value = n; }), help);
  impl_->option(added, presence)->type_name("NUMBER");
  if (value != 0) show_default(added, std::to_string(value));
  return *this;
}

const Command& Command::option(const std::string& names, std::optional<std::uint64_t>& value,
                               const std::string& help) const {
  impl_->app->add_option(names, read_number([&value](std::uint64_t n) { value = n; }), help)
      ->type_name("NUMBER");
  return *this;
}

const Command& Command::option(const std::string& names, std::vector<std::string>& values,
                               const std::string& help, Presence presence) const {
  auto* added = impl_->app->add_option(names, values, help);
  // One value each time, so that a positional argument after it is not swallowed.
  impl_->option(added, presence)
      ->type_name("TEXT")
      ->expected(1)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

const Command& Command::choice(const std::string& names, std::string& value,
                               const std::vector<std::string>& words, const std::string& help,
                               Presence presence) const {
  auto* added = impl_->app->add_option(names, value, help);
  impl_->option(added, presence)->type_name("")->check(CLI::IsMember(words));
  show_default(added, value);
  return *this;
}

const Command& Command::flag(const std::string& names, bool& value, const std::string& help) const {
  impl_->app->add_flag(names, value, help);
  return *this;
}

const Command& Command::notes(const std::string& text) const {
  impl_->app->footer(text);
  return *this;
}

const Command& Command::action(const std::string& doing, CommandAction run) const {
  impl_->set->actions[impl_->app] = {doing, std::move(run)};
  return *this;
}

CommandSet::CommandSet(const std::string& version, GlobalOptions& globals)
    : impl_(std::make_unique<Impl>()) {
  CLI::App& app = impl_->app;
  app.name("statehouse");
  app.require_subcommand(0, 1);
  app.set_version_flag("--version", "statehouse " + version, "The version of this program");
  const Command root(Command::Impl{&app, impl_.get()});
  root.choice("-o,--output", globals.output, {"text", "json", "jsonl", "yaml", "name"},
              "How results are printed: text for people; json, jsonl, yaml for programs; name for "
              "plain identifiers");
  root.option("--server", globals.server,
              "URL of the server (else STATEHOUSE_SERVER, else the clone's remote)");
  root.option("--token-file", globals.token_file,
              "File with the token (else STATEHOUSE_TOKEN, else what "
              "~/.config/statehouse/logins.json has for the server)");
  root.option("--ca-file", globals.ca_file,
              "PEM file of the authorities to trust for https (else STATEHOUSE_CA_FILE, else "
              "SSL_CERT_FILE, else the system's)");
  root.option("--data", globals.data, "Work on this host's data directory instead of a server");
  root.flag("-q,--quiet", globals.quiet, "No progress and no notes");
}

CommandSet::~CommandSet() = default;

Command CommandSet::add(const std::string& name, const std::string& description) {
  return Command(Command::Impl{&impl_->app, impl_.get()}).add(name, description);
}

Result<CommandSet::Selection> CommandSet::parse(std::vector<std::string> arguments) {
  std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back
  CLI::App& app = impl_->app;
  const CLI::App* selected = &app;
  const auto deepest = [&] {
    while (!selected->get_subcommands().empty()) selected = selected->get_subcommands().back();
  };
  try {
    app.parse(std::move(arguments));
    deepest();
  } catch (const CLI::CallForHelp&) {
    deepest();
    const std::string text = TRY(help(words_of(selected)));
    return Selection{.text = text};
  } catch (const CLI::Success& success) {  // --version
    std::ostringstream text;
    std::ostringstream ignored;
    app.exit(success, text, ignored);
    return Selection{.text = text.str()};
  } catch (const CLI::ExtrasError&) {
    deepest();
    const std::string what = describe_unexpected(*selected, app.remaining(true));
    return invalid_argument("reading the arguments: " + escape_for_message(what, kMessageBytesMax),
                            "see: statehouse" + join(words_of(selected)) + " --help");
  } catch (const CLI::ParseError& error) {
    deepest();
    return invalid_argument(
        "reading the arguments: " + escape_for_message(describe(error), kMessageBytesMax),
        "see: statehouse" + join(words_of(selected)) + " --help");
  }
  const auto action = impl_->actions.find(selected);
  if (action == impl_->actions.end()) {
    return invalid_argument("reading the arguments: a command is missing after \"statehouse" +
                                join(words_of(selected)) + "\"",
                            "see: statehouse" + join(words_of(selected)) + " --help");
  }
  return Selection{.doing = action->second.doing,
                   .run = action->second.run,
                   .command = "statehouse" + join(words_of(selected)),
                   .list_command = list_command_for(*selected)};
}

Result<std::string> CommandSet::help(const std::vector<std::string>& words) const {
  const CLI::App* app = &impl_->app;
  std::string before;  // the words of its parents
  for (const std::string& word : words) {
    const CLI::App* child = nullptr;
    for (const CLI::App* each : subcommands(*app)) {
      if (each->check_name(word)) child = each;
    }
    if (child == nullptr) {
      return invalid_argument(
          "there is no command \"" + escape_for_message(word + "\"" + suggestion(*app, word)),
          "see: statehouse" + join(words_of(app)) + " --help");
    }
    before += (before.empty() ? "" : " ") + app->get_name();
    app = child;
  }
  // Not CLI::App::help(): of the root, that is the help of the command being run, `help`.
  const std::string title = before.empty() ? app->get_name() : before + " " + app->get_name();
  std::string text = app->get_formatter()->make_help(app, title, CLI::AppFormatMode::Normal);
  if (app == &impl_->app) return text;
  // CLI11 shows an application's own options alone, and these hold for every command.
  std::vector<const CLI::Option*> globals;
  for (const CLI::Option* option : impl_->app.get_options()) {
    const bool only_here =
        option == impl_->app.get_help_ptr() || option == impl_->app.get_version_ptr();
    if (!only_here) globals.push_back(option);
  }
  return text + CLI::Formatter().make_group("Options of every command", false, globals);
}

std::vector<CommandSet::Entry> CommandSet::entries() const {
  std::vector<Entry> entries;
  std::vector<const CLI::App*> waiting{&impl_->app};
  for (std::size_t next = 0; next < waiting.size(); ++next) {
    const CLI::App* app = waiting[next];
    Entry entry{words_of(app), app->get_description(), {}};
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) entry.options.push_back("--" + name);
      for (const std::string& name : option->get_snames()) entry.options.push_back("-" + name);
    }
    entries.push_back(std::move(entry));
    for (const CLI::App* child : subcommands(*app)) waiting.push_back(child);
  }
  return entries;
}

}  // namespace statehouse
