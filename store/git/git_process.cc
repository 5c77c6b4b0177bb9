#include "store/git/git_process.h"

#include "crypto/base/encoding.h"

namespace statehouse {

namespace {

/// What no repository's own configuration may change. `-c` counts as protected configuration, which
/// is where safe.directory is read from.
constexpr const char* kFixedConfiguration[] = {
    "safe.directory=*",          "core.hooksPath=/dev/null",
    "core.fsmonitor=false",      "core.packedGitWindowSize=32m",
    "core.packedGitLimit=512m",  "gc.auto=0",
    "maintenance.auto=false",    "protocol.allow=never",
    "transfer.fsckObjects=true", "transfer.advertiseSID=false",
};

std::string_view last_line(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t newline = text.rfind('\n');
  return newline == std::string_view::npos ? text : text.substr(newline + 1);
}

}  // namespace

SubprocessOptions git_subprocess(const GitCommand& command) {
  SubprocessOptions options;
  options.arguments = {"git"};
  for (const char* setting : kFixedConfiguration) {
    options.arguments.insert(options.arguments.end(), {"-c", setting});
  }
  for (const std::string& setting : command.configuration) {
    options.arguments.insert(options.arguments.end(), {"-c", setting});
  }
  options.arguments.insert(options.arguments.end(), command.arguments.begin(),
                           command.arguments.end());
  options.environment = minimal_environment();
  for (const auto& [name, value] : std::initializer_list<std::pair<const char*, const char*>>{
           {"GIT_CONFIG_NOSYSTEM", "1"},
           {"GIT_CONFIG_GLOBAL", "/dev/null"},
           {"GIT_ATTR_NOSYSTEM", "1"},
           {"GIT_TERMINAL_PROMPT", "0"},
           {"GIT_NO_REPLACE_OBJECTS", "1"},
           {"GIT_NO_LAZY_FETCH", "1"},
           {"GIT_OPTIONAL_LOCKS", "0"},
           {"HOME", "/nonexistent"}}) {
    options.environment.emplace_back(name, value);
  }
  options.environment.emplace_back("GIT_DIR", command.repository.string());
  options.environment.insert(options.environment.end(), command.environment.begin(),
                             command.environment.end());
  options.stdin_fd = command.stdin_fd;
  options.stdin_bytes = command.stdin_bytes;
  options.stdout_bytes_max = command.stdout_bytes_max;
  options.memory_bytes_max = command.memory_bytes_max;
  options.file_bytes_max = command.file_bytes_max;
  options.cpu_max = command.cpu_max;
  options.time_max = command.time_max;
  return options;
}

Result<SubprocessResult> run_git(const GitCommand& command,
                                 const std::function<Result<>(std::string_view)>& on_stdout) {
  return run_subprocess(git_subprocess(command), on_stdout);
}

std::string describe_git_failure(std::string_view doing, const SubprocessResult& result) {
  std::string message = std::string(doing) + ": ";
  if (result.timed_out) return message + "git took too long";
  if (result.signal != 0)
    return message + "git was ended by signal " + std::to_string(result.signal);
  const std::string_view line = last_line(result.stderr_bytes);
  if (line.empty()) return message + "git failed with code " + std::to_string(result.exit_code);
  return message + escape_for_message(line);
}

std::string quote_alternate(const Path& objects) {
  std::string quoted = "\"";
  for (const char byte : objects.string()) {
    if (byte == '"' || byte == '\\') quoted += '\\';
    quoted += byte;
  }
  return quoted + '"';
}

}  // namespace statehouse
