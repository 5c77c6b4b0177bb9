#include "cli/demo_stage.h"

#include <algorithm>
#include <filesystem>
#include <ostream>

#include "crypto/base/encoding.h"
#include "crypto/base/file.h"
#include "crypto/base/subprocess.h"

namespace statehouse {
namespace {

constexpr std::chrono::minutes kCommandMax{2};

bool needs_quotes(std::string_view word) {
  return word.empty() || word.find_first_of(" ;'\"$&|<>()*") != std::string_view::npos;
}

std::string as_typed(const std::vector<std::string>& words) {
  std::string line;
  for (const std::string& word : words) {
    if (!line.empty()) line += " ";
    line += needs_quotes(word) ? "'" + word + "'" : word;
  }
  return line;
}

/// Output of a child, indented, without anything that could drive the terminal.
std::string indented(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    // Git draws its progress with carriage returns: only the last state of a line is shown.
    if (line.ends_with('\r')) line.remove_suffix(1);
    const std::size_t overwritten = line.rfind('\r');
    if (overwritten != std::string_view::npos) line.remove_prefix(overwritten + 1);
    out += "    " + show_line(line) + "\n";
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return out;
}

std::vector<std::pair<std::string, std::string>> environment_of(const DemoPerson& person,
                                                                const std::string& server) {
  auto variables = minimal_environment();
  variables.emplace_back("HOME", person.home.string());
  variables.emplace_back("GIT_CONFIG_NOSYSTEM", "1");
  variables.emplace_back("GIT_TERMINAL_PROMPT", "0");
  variables.emplace_back("STATEHOUSE_SERVER", server);
  if (!person.token.empty()) variables.emplace_back("STATEHOUSE_TOKEN", person.token);
  return variables;
}

std::string git_config(const DemoPerson& person) {
  return "[user]\n\tname = " + person.name + "\n\temail = " + person.name +
         "@example.org\n\tsigningkey = " + person.key().string() +
         ".pub\n[gpg]\n\tformat = ssh\n[init]\n\tdefaultBranch = audit\n[commit]\n\tgpgsign = "
         "true\n"
         "[push]\n\tdefault = simple\n[advice]\n\tdetachedHead = false\n"
         "[credential]\n\thelper = store --file=" +
         (person.home / "credentials").string() + "\n";
}

}  // namespace

void DemoStage::chapter(std::string_view title) {
  environment_.out << "\n== " << ++chapter_ << ". " << title << "\n" << std::flush;
}

void DemoStage::say(std::string_view text) {
  environment_.out << "\n   " << text << "\n" << std::flush;
}

Result<std::string> DemoStage::run(const std::string& prompt, const std::vector<std::string>& shown,
                                   SubprocessOptions options, int exit_code, Show show) {
  if (show == Show::kOutput) {
    environment_.out << "\n  " << prompt << "$ " << as_typed(shown) << "\n" << std::flush;
  }
  options.time_max = kCommandMax;
  const SubprocessResult result = TRY(run_subprocess(options));
  if (show == Show::kOutput) {
    environment_.out << indented(result.stdout_bytes) << indented(result.stderr_bytes)
                     << std::flush;
  }
  if (result.exit_code == exit_code && result.signal == 0 && !result.timed_out) {
    return result.stdout_bytes;
  }
  return internal_error("running `" + as_typed(shown) + "`: it ended with " +
                        std::to_string(result.exit_code) + " instead of " +
                        std::to_string(exit_code) + ": " +
                        escape_for_message(result.stderr_bytes, 2000));
}

Result<DemoPerson> DemoStage::introduce(const std::string& name) {
  DemoPerson person{name, directory_ / name, ""};
  TRY(make_directories(person.home));
  SubprocessOptions options;
  options.arguments = {"ssh-keygen", "-q", "-t", "ed25519", "-N",
                       "",           "-C", name, "-f",      person.key().string()};
  options.environment = minimal_environment();
  TRY(run(name, options.arguments, options, 0, Show::kNothing));
  UnwatchedSteps steps;
  TRY(write_file_durably(person.home / ".gitconfig", git_config(person), 0600, steps, "demo"));
  return person;
}

Result<> DemoStage::sign_in(const DemoPerson& person) {
  const std::string scheme = "http://";
  STATEHOUSE_ASSERT(server_.starts_with(scheme));
  const std::string line =
      scheme + person.name + ":" + person.token + "@" + server_.substr(scheme.size()) + "\n";
  UnwatchedSteps steps;
  return write_file_durably(person.home / "credentials", line, 0600, steps, "demo");
}

Result<std::string> DemoStage::statehouse(const DemoPerson& person,
                                          std::vector<std::string> arguments, int exit_code,
                                          Show show) {
  std::vector<std::string> shown = arguments;
  shown.insert(shown.begin(), "statehouse");
  SubprocessOptions options;
  options.arguments = std::move(arguments);
  options.arguments.insert(options.arguments.begin(), program_.string());
  options.environment = environment_of(person, server_);
  options.working_directory = person.home;
  return run(person.name, shown, std::move(options), exit_code, show);
}

Result<std::string> DemoStage::on_host(std::vector<std::string> arguments, int exit_code,
                                       Show show) {
  return statehouse(DemoPerson{"host", directory_, ""}, std::move(arguments), exit_code, show);
}

Result<std::string> DemoStage::git(const DemoPerson& person, const Path& directory,
                                   std::vector<std::string> arguments, int exit_code, Show show) {
  std::vector<std::string> shown = std::move(arguments);
  shown.insert(shown.begin(), "git");
  SubprocessOptions options;
  options.arguments = shown;
  options.environment = environment_of(person, server_);
  options.working_directory = directory;
  return run(person.name, shown, std::move(options), exit_code, show);
}

Result<> DemoStage::show_files(const Path& directory) {
  std::vector<std::string> files;
  std::error_code error;
  // The folder is a link that `sync` swaps: look behind it.
  const Path real = std::filesystem::canonical(directory, error);
  std::filesystem::recursive_directory_iterator entry(real, error);
  for (; !error && entry != std::filesystem::recursive_directory_iterator();
       entry.increment(error)) {
    if (entry->is_regular_file()) files.push_back(entry->path().lexically_relative(real).string());
  }
  if (error) return internal_error("listing " + directory.string() + ": " + error.message());
  std::ranges::sort(files);
  environment_.out << "\n";
  for (const std::string& file : files) environment_.out << "    " << file << "\n";
  return {};
}

Result<> DemoStage::write_files(const Path& directory, const std::vector<DemoFile>& files) {
  UnwatchedSteps steps;
  for (const DemoFile& file : files) {
    const Path path = directory / file.path;
    TRY(make_directories(path.parent_path()));
    TRY(write_file_durably(path, file.text, 0644, steps, "demo"));
  }
  return {};
}

}  // namespace statehouse
