#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"

namespace statehouse {

class Session;
struct GlobalOptions;

enum class Presence { kRequired, kOptional };

/// What a command does once its arguments are read.
using CommandAction = std::function<Result<>(Session&)>;

/// A handle on one command or subcommand of a CommandSet. Cheap to copy; valid as long as the set.
///
/// The variables that options fill in are borrowed: the usual way is one options struct in a
/// shared_ptr that the action captures. Options given after a subcommand but declared on its parent
/// are found there.
class Command {
 public:
  /// Adds a subcommand.
  Command add(const std::string& name, const std::string& description) const;

  /// Another name for this command.
  const Command& alias(const std::string& name) const;

  /// A positional argument, shown as `name` in the help.
  const Command& argument(const std::string& name, std::string& value, const std::string& help,
                          Presence presence = Presence::kRequired) const;
  const Command& argument(const std::string& name, std::uint64_t& value, const std::string& help,
                          Presence presence = Presence::kRequired) const;
  const Command& arguments(const std::string& name, std::vector<std::string>& values,
                           const std::string& help) const;

  /// An option with a value; `names` like "-R,--repository".
  const Command& option(const std::string& names, std::string& value, const std::string& help,
                        Presence presence = Presence::kOptional) const;
  const Command& option(const std::string& names, std::optional<std::string>& value,
                        const std::string& help) const;
  const Command& option(const std::string& names, std::uint64_t& value, const std::string& help,
                        Presence presence = Presence::kOptional) const;
  const Command& option(const std::string& names, std::optional<std::uint64_t>& value,
                        const std::string& help) const;
  /// May be given several times.
  const Command& option(const std::string& names, std::vector<std::string>& values,
                        const std::string& help, Presence presence = Presence::kOptional) const;
  /// One of a closed list of words.
  const Command& choice(const std::string& names, std::string& value,
                        const std::vector<std::string>& words, const std::string& help,
                        Presence presence = Presence::kOptional) const;
  /// Present or not.
  const Command& flag(const std::string& names, bool& value, const std::string& help) const;

  /// Text after the options in `--help`.
  const Command& notes(const std::string& text) const;

  /// What the command does. `doing` ("listing promotions") starts the error line.
  const Command& action(const std::string& doing, CommandAction run) const;

 private:
  friend class CommandSet;
  struct Impl;
  explicit Command(Impl impl);

  std::shared_ptr<Impl> impl_;
};

/// All commands of the program; CLI11 stays behind it. Threads: one.
class CommandSet {
 public:
  CommandSet(const std::string& version, GlobalOptions& globals);
  CommandSet(const CommandSet&) = delete;
  CommandSet& operator=(const CommandSet&) = delete;
  ~CommandSet();

  Command add(const std::string& name, const std::string& description);

  /// What the arguments ask for.
  struct Selection {
    std::string text;          ///< not empty: print it (help, version) and succeed
    std::string doing;         ///< of the selected action
    CommandAction run;         ///< set when `text` is empty
    std::string command;       ///< as typed, without options: "statehouse promotion show"
    std::string list_command;  ///< lists what `command` is about, where there is such a command
  };

  /// Reads the arguments (without the program's name) and fills in the bound variables.
  /// Errors: kInvalidArgument, with the help to look at as its fix.
  Result<Selection> parse(std::vector<std::string> arguments);

  /// The help of one command, named by its words; all of them when empty.
  [[nodiscard]] Result<std::string> help(const std::vector<std::string>& words) const;

  /// Every command as its words with its option names, for shell completion.
  struct Entry {
    std::vector<std::string> words;
    std::string description;
    std::vector<std::string> options;
  };
  [[nodiscard]] std::vector<Entry> entries() const;

 private:
  friend class Command;
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace statehouse
