#pragma once

#include <functional>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "cli/api_client.h"
#include "cli/environment.h"
#include "cli/output.h"
#include "crypto/base/json.h"
#include "store/model/name.h"

namespace statehouse {

/// Options that every command takes.
struct GlobalOptions {
  std::string output = "text";
  std::optional<std::string> server;
  std::optional<std::string> token_file;
  std::optional<std::string> ca_file;
  std::optional<std::string> data;
  bool quiet = false;
};

/// Expands "deploy" to "refs/heads/deploy"; full names stay. Errors: kInvalidArgument.
Result<RefName> expand_ref(std::string_view text);

/// Reads a point in time: RFC 3339, a date ("2026-01-31"), or a duration back from `now` ("24h").
Result<Timestamp> parse_time_argument(std::string_view text, Timestamp now);

/// Whether a server runs on the data directory: one that answers at its control socket.
bool is_served(const Path& data);

/// One run of one command: its surroundings, how to reach the server, how to print. Threads: one.
class Session {
 public:
  Session(Environment& environment, const GlobalOptions& options, OutputFormat format)
      : environment_(environment), options_(options), format_(format) {}

  [[nodiscard]] Environment& environment() const { return environment_; }
  [[nodiscard]] const GlobalOptions& options() const { return options_; }
  [[nodiscard]] OutputFormat format() const { return format_; }

  /// Connects: `--data` by the control socket, else in process; otherwise `--server`,
  /// STATEHOUSE_SERVER, or the remote of the clone we are in, with the token from `--token-file`,
  /// STATEHOUSE_TOKEN or the login file. Errors: kInvalidArgument when nothing says where.
  Result<ApiClient> connect();

  /// `--server`, else STATEHOUSE_SERVER, else the clone's remote; without a final slash. Errors:
  /// kInvalidArgument when nothing says where.
  [[nodiscard]] Result<std::string> server_url() const;

  /// The server's URL for Git and downloads (not with `--data`), and the token to use there.
  struct Remote {
    std::string url;    ///< without a final slash
    std::string token;  ///< secret; may be empty
    Path ca_file;       ///< PEM authorities to trust instead of the system's; empty: those
  };
  /// The authorities are the same for REST and for Git: `--ca-file`, else STATEHOUSE_CA_FILE, else
  /// SSL_CERT_FILE. Errors: kInvalidArgument; kNotFound when that file is not there.
  Result<Remote> remote();

  /// `-R`, else the repository of the clone we are in. Errors: kInvalidArgument.
  Result<RepositoryName> repository(const std::optional<std::string>& given);
  Result<RefKey> ref_key(const std::optional<std::string>& repository, std::string_view ref);

  /// The bytes of a file given on the command line. Links are followed, unlike everywhere below: a
  /// secret that is mounted into a container is one. `fix` is what to do when it cannot be read.
  [[nodiscard]] Result<std::string> read_given_file(std::string_view text, std::uint64_t bytes_max,
                                                    std::string fix) const;

  /// A path given on the command line, made absolute.
  [[nodiscard]] Path path(std::string_view text) const;

  /// Prints one document: `text` renders it for people, `name` gives its plain identifier.
  void print(const Json& document, const std::function<std::string(const Json&)>& text,
             const std::function<std::string(const Json&)>& name);

  /// Prints a list document {"<plural>": […], "next": …}: `text` renders all of it for people,
  /// `name` one item's identifier. That there is more is in JSON and YAML the member `next`, else a
  /// note.
  void print_list(const Json& document, std::string_view plural,
                  const std::function<std::string(const Json&)>& text,
                  const std::function<std::string(const Json&)>& name);

  /// Where a result that is no document goes, or one too long to be held.
  std::ostream& stream();
  /// Whether anything of a result was printed.
  [[nodiscard]] bool has_printed() const { return printed_; }

  /// Members that the problem document gets, besides its own, should the command fail now.
  void explain_failure(Json members) { failure_ = std::move(members); }
  [[nodiscard]] const Json& failure() const { return failure_; }

  /// A line for people about what is going on: only on a terminal, never with --quiet.
  void progress(std::string_view line);
  /// A line that matters whoever reads it (stderr), unless --quiet.
  void note(std::string_view line);

 private:
  [[nodiscard]] Result<Path> ca_file() const;
  /// Empty: to ask without a token. Errors: kInvalidArgument for a file of `--token-file` that is
  /// empty, as one is while it is being written or after its secret was lost.
  [[nodiscard]] Result<std::string> token_for(const std::string& url) const;

  Environment& environment_;
  const GlobalOptions& options_;
  OutputFormat format_;
  bool printed_ = false;
  Json failure_ = Json::object();
};

}  // namespace statehouse
