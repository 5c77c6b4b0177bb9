#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/demo_files.h"
#include "cli/environment.h"
#include "crypto/base/json.h"

namespace statehouse {

/// Somebody in the demo: a home of their own with a key and a Git configuration.
struct DemoPerson {
  std::string name;
  Path home;
  std::string token;  ///< secret; empty until there is one

  [[nodiscard]] Path key() const { return home / "id_ed25519"; }
};

/// Tells a story on the terminal: says what comes, shows each command as it would be typed, runs it
/// for real and shows its output. A command that does not end as the story says is an error: the
/// demo never pretends.
class DemoStage {
 public:
  /// `program` is this program's own file.
  DemoStage(Environment& environment, Path program, Path directory)
      : environment_(environment), program_(std::move(program)), directory_(std::move(directory)) {}

  void set_server(std::string url) { server_ = std::move(url); }
  [[nodiscard]] const std::string& server() const { return server_; }
  [[nodiscard]] const Path& directory() const { return directory_; }

  /// A numbered headline.
  void chapter(std::string_view title);
  /// A sentence or two between commands.
  void say(std::string_view text);

  /// Makes a home with a fresh key. Errors: as ssh-keygen.
  Result<DemoPerson> introduce(const std::string& name);
  /// Writes the person's Git credentials for the server. REQUIRES: set_server, and a token.
  Result<> sign_in(const DemoPerson& person);

  enum class Show { kOutput, kNothing };

  /// `statehouse ARGUMENTS…` as `person`; must exit with `exit_code`. Returns its standard output.
  Result<std::string> statehouse(const DemoPerson& person, std::vector<std::string> arguments,
                                 int exit_code = 0, Show show = Show::kOutput);
  /// The same on the host, as whoever runs the demo.
  Result<std::string> on_host(std::vector<std::string> arguments, int exit_code = 0,
                              Show show = Show::kOutput);
  /// `git ARGUMENTS…` as `person` in `directory`.
  Result<std::string> git(const DemoPerson& person, const Path& directory,
                          std::vector<std::string> arguments, int exit_code = 0,
                          Show show = Show::kOutput);
  /// Lists the files below `directory`.
  Result<> show_files(const Path& directory);
  /// Writes files into a person's working copy.
  Result<> write_files(const Path& directory, const std::vector<DemoFile>& files);

 private:
  Result<std::string> run(const std::string& prompt, const std::vector<std::string>& shown,
                          struct SubprocessOptions options, int exit_code, Show show);

  Environment& environment_;
  Path program_;
  Path directory_;
  std::string server_;
  int chapter_ = 0;
};

}  // namespace statehouse
