#include "cli/session.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <ostream>

#include "cli/clone.h"
#include "cli/login_file.h"
#include "cli/server_url.h"
#include "cli/version.h"
#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kTokenFileBytesMax = 4096;
constexpr std::string_view kControlSocket = "control.sock";

std::string trimmed(std::string text) {
  const auto is_space = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
  while (!text.empty() && is_space(text.back())) text.pop_back();
  text.erase(text.begin(), std::find_if_not(text.begin(), text.end(), is_space));
  return text;
}

/// Whether a server answers at the control socket; a stale file of a killed one does not count.
bool is_listening(const Path& socket_path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const std::string text = socket_path.string();
  if (text.size() >= sizeof(address.sun_path)) return false;
  std::memcpy(address.sun_path, text.c_str(), text.size() + 1);
  const FileDescriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return probe.valid() &&
         ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0;
}

}  // namespace

bool is_served(const Path& data) { return is_listening(data / kControlSocket); }

Result<RefName> expand_ref(std::string_view text) {
  if (text.starts_with("refs/")) return RefName::parse(text);
  return RefName::parse("refs/heads/" + std::string(text));
}

Result<Timestamp> parse_time_argument(std::string_view text, Timestamp now) {
  if (auto time = Timestamp::parse(text)) return time;
  if (auto day = Timestamp::parse(std::string(text) + "T00:00:00Z")) return day;
  if (const auto back = parse_duration(text)) return now - *back;
  return invalid_argument(
      "\"" + escape_for_message(text) + "\" is neither a time, a date nor a duration back from now",
      "write it like 2026-01-31T12:00:00Z, 2026-01-31 or 24h");
}

Path Session::path(std::string_view text) const {
  const Path given(text);
  return given.is_absolute() ? given : environment_.working_directory / given;
}

Result<std::string> Session::read_given_file(std::string_view text, std::uint64_t bytes_max,
                                             std::string fix) const {
  const Path given = path(text);
  std::error_code error;
  const Path resolved = std::filesystem::canonical(given, error);
  if (error == std::errc::not_a_directory) {
    return invalid_argument("reading " + escape_for_message(given.string()) +
                                ": the path leads through something that is no folder",
                            std::move(fix));
  }
  auto bytes = read_file(error ? given : resolved, bytes_max);
  if (bytes) return bytes;
  Error failure =
      std::move(bytes).error().with_context("reading " + escape_for_message(given.string()));
  if (failure.fix.empty()) failure.fix = std::move(fix);
  return std::unexpected(std::move(failure));
}

Result<Path> Session::ca_file() const {
  std::string file = options_.ca_file.value_or("");
  std::string said_by = "--ca-file";
  for (const char* variable : {"STATEHOUSE_CA_FILE", "SSL_CERT_FILE"}) {
    if (!file.empty() || options_.ca_file) break;
    file = environment_.variable(variable);
    said_by = variable;
  }
  if (file.empty() && !options_.ca_file) return Path();
  Path found = path(file);
  std::error_code error;
  if (std::filesystem::is_regular_file(found, error)) return found;
  return not_found("reading the authorities: " + said_by + " names \"" + escape_for_message(file) +
                       "\", which is not a file",
                   "name the PEM file of the authority that the server's certificate is from");
}

Result<std::string> Session::server_url() const {
  std::string url = options_.server.value_or(environment_.variable("STATEHOUSE_SERVER"));
  if (url.empty()) {
    const auto clone = TRY_WITH("looking for a clone", find_clone(environment_));
    if (clone) url = clone->server;
  }
  if (url.empty()) {
    return invalid_argument("no server is given, and this is not a clone from one",
                            "give --server URL or set STATEHOUSE_SERVER");
  }
  return without_final_slash(std::move(url));
}

Result<Session::Remote> Session::remote() {
  Remote remote;
  remote.url = TRY(server_url());
  if (remote.url.starts_with("https://")) remote.ca_file = TRY(ca_file());
  remote.token = TRY(token_for(remote.url));
  return remote;
}

Result<std::string> Session::token_for(const std::string& url) const {
  if (options_.token_file) {
    std::string bytes =
        TRY_WITH("reading the token",
                 read_given_file(*options_.token_file, kTokenFileBytesMax,
                                 "name the file that holds the token, or set STATEHOUSE_TOKEN"));
    std::string token = trimmed(std::move(bytes));
    if (!token.empty()) return token;
    return invalid_argument(
        "reading the token: " + escape_for_message(path(*options_.token_file).string()) +
            " is empty",
        "write the token into it; to ask without one, leave --token-file out");
  }
  std::string token = trimmed(environment_.variable("STATEHOUSE_TOKEN"));
  if (!token.empty()) return token;
  const auto saved = TRY(saved_token(environment_, url));
  return saved.value_or("");
}

Result<ApiClient> Session::connect() {
  if (options_.data) {
    const Path data = path(*options_.data);
    if (is_served(data)) return ApiClient(make_control_transport(data / kControlSocket));
    if (!environment_.run_local_request) {
      return unavailable("using " + escape_for_message(data.string()) +
                             ": no server runs there, and this program cannot stand in for it",
                         "start it: statehouse serve --data " + escape_for_message(data.string()));
    }
    const auto& handler = environment_.run_local_request;
    return ApiClient(make_local_transport(
        data.string(),
        [&handler, data](const ApiRequest& request) { return handler(data, request); }));
  }
  const Remote where = TRY(remote());
  const HttpEndpoint endpoint{where.url, where.token, where.ca_file, std::string(kProgramVersion)};
  return ApiClient(TRY(make_http_transport(endpoint)));
}

Result<RepositoryName> Session::repository(const std::optional<std::string>& given) {
  if (given) return RepositoryName::parse(*given);
  const auto clone = TRY_WITH("looking for a clone", find_clone(environment_));
  if (clone) return clone->repository;
  return invalid_argument("no repository is given, and this is not a clone of one",
                          "give -R REPOSITORY");
}

Result<RefKey> Session::ref_key(const std::optional<std::string>& given, std::string_view ref) {
  RepositoryName name = TRY(repository(given));
  RefName full = TRY(expand_ref(ref));
  return RefKey{std::move(name), std::move(full)};
}

std::ostream& Session::stream() {
  printed_ = true;
  return environment_.out;
}

void Session::print(const Json& document, const std::function<std::string(const Json&)>& text,
                    const std::function<std::string(const Json&)>& name) {
  std::ostream& out = stream();
  switch (format_) {
    case OutputFormat::kText:
      out << text(document);
      return;
    case OutputFormat::kJson:
      out << pretty_json(document);
      return;
    case OutputFormat::kJsonl:
      out << json_line(document) << "\n";
      return;
    case OutputFormat::kYaml:
      out << to_yaml(document);
      return;
    case OutputFormat::kName:
      out << name(document) << "\n";
      return;
  }
}

void Session::print_list(const Json& document, std::string_view plural,
                         const std::function<std::string(const Json&)>& text,
                         const std::function<std::string(const Json&)>& name) {
  std::ostream& out = stream();
  const auto items = json_member(document, plural);
  STATEHOUSE_ASSERT(items && (*items)->is_array());
  switch (format_) {
    case OutputFormat::kText:
      out << text(document);
      break;
    case OutputFormat::kJson:
      out << pretty_json(document);
      return;
    case OutputFormat::kYaml:
      out << to_yaml(document);
      return;
    case OutputFormat::kJsonl:
      for (const Json& item : **items) out << json_line(item) << "\n";
      break;
    case OutputFormat::kName:
      for (const Json& item : **items) out << name(item) << "\n";
      break;
  }
  const auto next = json_string(document, "next");
  if (!next) return;
  out.flush();  // so that on a terminal the note comes last
  note("there is more: --cursor " + escape_for_message(*next));
}

void Session::progress(std::string_view line) {
  if (environment_.err_kind == StreamKind::kTerminal) note(line);
}

void Session::note(std::string_view line) {
  if (!options_.quiet) environment_.err << line << "\n" << std::flush;
}

}  // namespace statehouse
