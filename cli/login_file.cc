#include "cli/login_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/base/json.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kLoginFileBytesMax = 1U << 20;
constexpr mode_t kOthersMask = 077;

Result<> require_private(const Path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return std::unexpected(errno_error("reading " + path.string(), errno));
  }
  if ((status.st_mode & kOthersMask) != 0 || status.st_uid != ::geteuid()) {
    return denied("reading " + path.string() + ": others can read it, so its tokens are not secret",
                  "revoke them, then: chmod 600 " + path.string());
  }
  return {};
}

}  // namespace

Path login_file_path(const Environment& environment) {
  if (const std::string config = environment.variable("XDG_CONFIG_HOME"); !config.empty()) {
    return Path(config) / "statehouse" / "logins.json";
  }
  const std::string home = environment.variable("HOME");
  return home.empty() ? Path() : Path(home) / ".config" / "statehouse" / "logins.json";
}

Result<std::optional<std::string>> saved_token(const Environment& environment,
                                               std::string_view server) {
  const Path path = login_file_path(environment);
  if (path.empty()) return std::nullopt;
  const auto bytes = read_file(path, kLoginFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return std::nullopt;
  if (!bytes) return std::unexpected(bytes.error());
  TRY(require_private(path));
  const Json document = TRY_WITH("reading " + path.string(), parse_json(*bytes));
  const Json* logins = TRY_WITH("reading " + path.string(), json_member(document, "logins"));
  if (!logins->is_array())
    return invalid_argument("reading " + path.string() + ": no list of logins");
  for (const Json& login : *logins) {
    const auto where = json_string(login, "server");
    const auto token = json_string(login, "token");
    const auto expires = json_string(login, "expires");
    if (!where || !token || !expires || *where != server) continue;
    const auto until = Timestamp::parse(*expires);
    if (until && environment.clock.now() < *until) return *token;
  }
  return std::nullopt;
}

}  // namespace statehouse
