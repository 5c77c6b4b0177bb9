#include <algorithm>
#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"

namespace statehouse {
namespace {

std::string joined_words(const std::vector<std::string>& words, char separator) {
  std::string text;
  for (const std::string& word : words) {
    if (!text.empty()) text += separator;
    text += word;
  }
  return text;
}

/// The subcommands of `words`, then its options and the global ones.
std::string candidates(const std::vector<CommandSet::Entry>& entries,
                       const CommandSet::Entry& entry) {
  std::string text;
  for (const auto& each : entries) {
    const bool is_child = each.words.size() == entry.words.size() + 1 &&
                          std::equal(entry.words.begin(), entry.words.end(), each.words.begin());
    if (is_child) text += each.words.back() + " ";
  }
  for (const std::string& option : entry.options) text += option + " ";
  if (!entry.words.empty()) {
    for (const std::string& option : entries.front().options) text += option + " ";
  }
  if (!text.empty()) text.pop_back();
  return text;
}

/// Bash: the words before the cursor that are not options pick the list.
std::string bash_completion(const std::vector<CommandSet::Entry>& entries) {
  std::string script =
      "_statehouse() {\n"
      "  local current=\"${COMP_WORDS[COMP_CWORD]}\" path=\"\" word i\n"
      "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
      "    word=\"${COMP_WORDS[i]}\"\n"
      "    case \"$path/$word\" in\n";
  for (const auto& entry : entries) {
    if (entry.words.empty()) continue;
    script += "      /" + joined_words(entry.words, '/') + ") path=\"$path/$word\" ;;\n";
  }
  script +=
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n";
  for (const auto& entry : entries) {
    const std::string path = entry.words.empty() ? "\"\"" : "/" + joined_words(entry.words, '/');
    script += "    " + path + ") COMPREPLY=($(compgen -W \"" + candidates(entries, entry) +
              "\" -- \"$current\")) ;;\n";
  }
  return script +
         "  esac\n"
         "  [[ ${#COMPREPLY[@]} -gt 0 ]] || COMPREPLY=($(compgen -f -- \"$current\"))\n"
         "}\n"
         "complete -o filenames -F _statehouse statehouse\n";
}

std::string fish_completion(const std::vector<CommandSet::Entry>& entries) {
  std::string script = "complete -c statehouse -f -n __fish_is_first_arg\n";
  for (const auto& entry : entries) {
    if (entry.words.empty()) continue;
    std::string condition = "__fish_use_subcommand";
    if (entry.words.size() > 1) {
      condition = "__fish_seen_subcommand_from " + entry.words[entry.words.size() - 2];
    }
    script += "complete -c statehouse -n '" + condition + "' -a " + entry.words.back() + "\n";
    for (const std::string& option : entry.options) {
      if (!option.starts_with("--")) continue;
      script += "complete -c statehouse -n '__fish_seen_subcommand_from " + entry.words.back() +
                "' -l " + option.substr(2) + "\n";
    }
  }
  return script;
}

}  // namespace

void add_completion_command(CommandSet& commands) {
  auto shell = std::make_shared<std::string>();
  commands.add("completion", "A script that completes commands in your shell")
      .choice("SHELL", *shell, {"bash", "zsh", "fish"}, "bash, zsh or fish", Presence::kRequired)
      .notes("Use: source <(statehouse completion bash)")
      .action("writing a completion script", [shell, &commands](Session& session) -> Result<> {
        const auto entries = commands.entries();
        std::string script = *shell == "fish" ? fish_completion(entries) : bash_completion(entries);
        if (*shell == "zsh") script.insert(0, "autoload -U +X bashcompinit && bashcompinit\n");
        session.print(
            {{"shell", *shell}, {"script", script}}, [&](const Json&) { return script; },
            [&](const Json&) { return *shell; });
        return {};
      });
}

}  // namespace statehouse
