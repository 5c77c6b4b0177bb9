#include "store/git/git_client.h"

#include <chrono>
#include <sstream>

#include "crypto/base/encoding.h"
#include "crypto/base/subprocess.h"
#include "crypto/base/url.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kAnswerBytesMax = 1U << 20;
constexpr std::size_t kLineBytesMax = 500;
/// Known to every git, stored or not.
constexpr std::string_view kEmptyTree = "4b825dc642cb6eb9a060e54bf8d69288fbee4904";
constexpr std::chrono::seconds kAskTimeMax{10};
constexpr std::chrono::minutes kTransferTimeMax{60};

/// Settings that hold whoever's configuration git reads.
const std::vector<std::string>& fixed_configuration() {
  static const std::vector<std::string> kSettings{
      "gc.auto=0",          "maintenance.auto=false",      "core.hooksPath=/dev/null",
      "core.fsync=none",    "fetch.recurseSubmodules=no",  "push.recurseSubmodules=no",
      "push.gpgSign=false", "fetch.writeCommitGraph=false"};
  return kSettings;
}

/// Nothing inherited: for our own servers, where everything needed is in GitRemote.
EnvironmentList closed_environment() {
  EnvironmentList environment = minimal_environment();
  for (const auto& [name, value] : EnvironmentList{{"GIT_CONFIG_NOSYSTEM", "1"},
                                                   {"GIT_CONFIG_GLOBAL", "/dev/null"},
                                                   {"HOME", "/nonexistent"},
                                                   {"GIT_ASKPASS", "/bin/false"},
                                                   {"GIT_ALLOW_PROTOCOL", "http:https:file"}}) {
    environment.emplace_back(name, value);
  }
  return environment;
}

/// The user's own, minus what would point git at another repository or run transports by helper.
EnvironmentList opened_environment(const EnvironmentList& user) {
  EnvironmentList environment;
  for (const auto& [name, value] : user) {
    // What git says is read here, in English.
    if (name.starts_with("LC_") || name == "LANG" || name == "LANGUAGE") continue;
    const bool is_location = name == "GIT_DIR" || name == "GIT_WORK_TREE" ||
                             name == "GIT_INDEX_FILE" || name.starts_with("GIT_OBJECT") ||
                             name.starts_with("GIT_ALTERNATE") || name == "GIT_ALLOW_PROTOCOL";
    if (!is_location) environment.emplace_back(name, value);
  }
  environment.emplace_back("LC_ALL", "C.UTF-8");
  environment.emplace_back("GIT_ALLOW_PROTOCOL", "file:git:http:https:ssh");
  return environment;
}

/// The token goes through the environment: an argument vector is readable by every local user.
void add_secret_settings(EnvironmentList& environment, const GitRemote& remote) {
  EnvironmentList settings;
  if (!remote.token.empty()) {
    settings.emplace_back("http.extraHeader", "Authorization: Bearer " + remote.token);
    settings.emplace_back("http.followRedirects", "false");
    settings.emplace_back("credential.helper", "");
  }
  if (!remote.ca_file.empty()) settings.emplace_back("http.sslCAInfo", remote.ca_file.string());
  for (std::size_t i = 0; i < settings.size(); ++i) {
    environment.emplace_back("GIT_CONFIG_KEY_" + std::to_string(i), settings[i].first);
    environment.emplace_back("GIT_CONFIG_VALUE_" + std::to_string(i), settings[i].second);
  }
  environment.emplace_back("GIT_CONFIG_COUNT", std::to_string(settings.size()));
}

/// For messages: a URL may hold a password.
std::string shown_url(const GitRemote& remote) {
  return escape_for_message(without_userinfo(remote.url));
}

Result<SubprocessResult> run_client(const Path& repository, const GitRemote& remote,
                                    std::vector<std::string> arguments) {
  if (remote.url.empty() || remote.url.starts_with('-') ||
      remote.url.find("::") != std::string::npos) {
    return invalid_argument("using \"" + shown_url(remote) +
                            "\" as a repository: git must not be given this");
  }
  SubprocessOptions options;
  options.arguments = {"git"};
  for (const std::string& setting : fixed_configuration()) {
    options.arguments.insert(options.arguments.end(), {"-c", setting});
  }
  if (remote.user_environment.empty()) {
    options.arguments.insert(options.arguments.end(), {"-c", "transfer.fsckObjects=true"});
  }
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = remote.user_environment.empty()
                            ? closed_environment()
                            : opened_environment(remote.user_environment);
  options.environment.emplace_back("GIT_DIR", repository.string());
  options.environment.emplace_back("GIT_TERMINAL_PROMPT", "0");
  options.environment.emplace_back("GIT_NO_REPLACE_OBJECTS", "1");
  add_secret_settings(options.environment, remote);
  options.working_directory = repository;
  options.stdout_bytes_max = kAnswerBytesMax;
  options.time_max = kTransferTimeMax;
  return run_subprocess(options);
}

/// The lines of `text` that start with `prefix`, without it and the passwords in URLs, escaped.
std::string lines_after(const std::string& text, std::string_view prefix) {
  std::istringstream lines(text);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(prefix)) continue;
    std::string_view rest = std::string_view(line).substr(prefix.size());
    while (rest.ends_with(' ')) rest.remove_suffix(1);
    if (rest.starts_with(' ')) rest.remove_prefix(1);
    if (!rest.empty())
      found +=
          (found.empty() ? "" : "\n") + escape_for_message(without_userinfo(rest), kLineBytesMax);
  }
  return found;
}

/// Whether git's TLS library, GnuTLS or OpenSSL, refused the server's certificate.
bool is_about_certificate(const std::string& said) {
  return said.find("certificate") != std::string::npos &&
         said.find("unable to access") != std::string::npos;
}

Error transfer_error(const std::string& doing, const SubprocessResult& result,
                     const GitRemote& remote = {}) {
  if (result.timed_out) return {ErrorCode::kUnavailable, doing + ": it took too long", "try again"};
  std::string said = lines_after(result.stderr_bytes, "remote:");
  if (said.empty()) said = lines_after(result.stderr_bytes, "fatal:");
  if (said.empty()) said = lines_after(result.stderr_bytes, "error:");
  if (is_about_certificate(result.stderr_bytes)) {
    return {ErrorCode::kUnverified, doing + ": " + said,
            remote.user_environment.empty()
                ? "give its authority with --ca-file FILE, STATEHOUSE_CA_FILE or SSL_CERT_FILE; "
                  "name and dates must be right, too"
                : "tell git its authority: git config --global http.sslCAInfo FILE; name and "
                  "dates must be right, too"};
  }
  const bool missing =
      result.stderr_bytes.find("not our ref") != std::string::npos ||
      result.stderr_bytes.find("couldn't find remote ref") != std::string::npos ||
      result.stderr_bytes.find("not found") != std::string::npos ||
      result.stderr_bytes.find("does not exist") != std::string::npos ||
      result.stderr_bytes.find("does not appear to be a git repository") != std::string::npos;
  return {missing ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
          doing + ": " + (said.empty() ? "git failed" : said), ""};
}

/// The id that a ref of the remote has, from "<id>\t<ref>" lines.
Result<Oid> listed_id(const std::string& listing, const std::string& ref) {
  std::istringstream lines(listing);
  for (std::string line; std::getline(lines, line);) {
    const auto tab = line.find('\t');
    if (tab != std::string::npos && line.substr(tab + 1) == ref) {
      return Oid::parse(std::string_view(line).substr(0, tab));
    }
  }
  return not_found("fetching " + escape_for_message(ref) + ": the remote does not have it");
}

}  // namespace

Result<std::optional<std::string>> ask_user_git(const Path& directory,
                                                const EnvironmentList& environment,
                                                const std::vector<std::string>& arguments) {
  SubprocessOptions options;
  options.arguments = {"git"};
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  options.environment = environment;
  options.working_directory = directory;
  options.stdout_bytes_max = kAnswerBytesMax;
  options.time_max = kAskTimeMax;
  SubprocessResult result = TRY(run_subprocess(options));
  if (!result.succeeded()) return std::nullopt;
  if (result.stdout_bytes.ends_with('\n')) result.stdout_bytes.pop_back();
  return std::move(result.stdout_bytes);
}

Result<> create_scratch_repository(const Path& directory) {
  SubprocessOptions options;
  options.arguments = {"git",
                       "init",
                       "--quiet",
                       "--bare",
                       "--template=",
                       "--initial-branch=scratch",
                       "--object-format=sha1",
                       directory.string()};
  options.environment = closed_environment();
  options.time_max = kAskTimeMax;
  const SubprocessResult result = TRY(run_subprocess(options));
  if (!result.succeeded()) {
    return std::unexpected(transfer_error("creating a scratch repository", result));
  }
  return {};
}

Result<std::vector<Oid>> fetch_objects(const Path& repository, const GitRemote& remote,
                                       const std::vector<std::string>& wants) {
  const std::string doing = "fetching from " + shown_url(remote);
  std::vector<Oid> ids;
  std::vector<std::string> refs;
  for (const std::string& want : wants) {
    if (Oid::parse(want)) continue;
    const RefName ref = TRY(RefName::parse(want));
    refs.push_back(ref.str());
  }
  std::string listing;
  if (!refs.empty()) {
    std::vector<std::string> list{"ls-remote", "--quiet", "--", remote.url};
    list.insert(list.end(), refs.begin(), refs.end());
    SubprocessResult listed = TRY(run_client(repository, remote, std::move(list)));
    if (!listed.succeeded()) return std::unexpected(transfer_error(doing, listed, remote));
    listing = std::move(listed.stdout_bytes);
  }
  std::vector<std::string> fetch{
      "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-show-forced-updates",
      "--",    remote.url};
  for (const std::string& want : wants) {
    auto id = Oid::parse(want);
    if (!id) id = listed_id(listing, want);
    const Oid found = TRY(std::move(id));
    ids.push_back(found);
    // A ref is asked for by name: not every server gives out objects by id.
    fetch.push_back(want);
  }
  const SubprocessResult fetched = TRY(run_client(repository, remote, std::move(fetch)));
  if (!fetched.succeeded()) return std::unexpected(transfer_error(doing, fetched, remote));
  return ids;
}

Result<std::string> tree_patch(const Path& repository, const std::optional<Oid>& from,
                               const Oid& to) {
  const std::string doing = "comparing the trees";
  SubprocessOptions options;
  options.arguments = {"git",
                       "diff-tree",
                       "-r",
                       "-p",
                       "--full-index",
                       "--no-renames",
                       "--no-ext-diff",
                       "--no-textconv",
                       "--no-color",
                       "--end-of-options",
                       from ? from->hex() : std::string(kEmptyTree),
                       to.hex()};
  options.environment = closed_environment();
  options.environment.emplace_back("GIT_DIR", repository.string());
  options.environment.emplace_back("GIT_NO_REPLACE_OBJECTS", "1");
  options.working_directory = repository;
  options.time_max = kTransferTimeMax;
  SubprocessResult result = TRY_WITH(doing, run_subprocess(options));
  if (!result.succeeded()) return std::unexpected(transfer_error(doing, result));
  return std::move(result.stdout_bytes);
}

Result<PushAnswer> push_commit(const Path& repository, const GitRemote& remote, const Oid& commit,
                               const RefName& ref) {
  const std::string doing = "pushing to " + shown_url(remote);
  const SubprocessResult result = TRY(run_client(
      repository, remote,
      {"push", "--porcelain", "--no-verify", "--", remote.url, commit.hex() + ":" + ref.str()}));
  PushAnswer answer;
  answer.remote_lines = lines_after(result.stderr_bytes, "remote:");
  answer.accepted = result.succeeded();
  if (answer.accepted) return answer;
  // Porcelain: "!\t<from>:<to>\t[rejected] (fetch first)" or "[remote rejected] (reason)".
  const bool refused = result.stdout_bytes.find("[remote rejected]") != std::string::npos;
  if (result.stdout_bytes.find("[rejected]") != std::string::npos) {
    return conflict(doing + ": " + ref.str() + " moved meanwhile", "run the command again");
  }
  if (!refused) return std::unexpected(transfer_error(doing, result, remote));
  return answer;
}

}  // namespace statehouse
