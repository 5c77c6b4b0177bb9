#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

// git as a client: the settings of the person who types a command, and fetching from and pushing to
// servers into scratch repositories. Nothing here touches the store's own repositories.

using EnvironmentList = std::vector<std::pair<std::string, std::string>>;

/// Asks the user's own git, in `directory` and with the user's `environment`, e.g. {"config",
/// "--get", "user.signingkey"}. Returns standard output without its final LF; none when git says
/// "no" (exit code not 0), also outside of any repository. For reading only.
/// Errors: kNotFound (no git), kUnavailable.
Result<std::optional<std::string>> ask_user_git(const Path& directory,
                                                const EnvironmentList& environment,
                                                const std::vector<std::string>& arguments);

/// Where to fetch from or push to, and with what.
struct GitRemote {
  std::string url;    ///< http(s):// URL of a repository; or anything git clones from, see below
  std::string token;  ///< secret; sent as a bearer token, passed to git in its environment only
  Path ca_file;       ///< PEM authorities for https; empty: the system's
  /// The user's environment, for URLs that are not ours (credential helpers, ssh). Empty: git runs
  /// without any configuration, prompt or helper.
  EnvironmentList user_environment;
};

/// Makes an empty bare repository at `directory`, which must not exist or be empty.
Result<> create_scratch_repository(const Path& directory);

/// Fetches `wants` (object ids or full ref names) with all their history into the bare
/// `repository`, whose refs do not change. Objects are checked as `git fsck` would (strictly unless
/// the remote is the user's own). Returns what the remote's ref stood at, in the order of `wants`.
/// Errors: kNotFound (the remote does not have or show it, or is not there), kUnavailable (no
/// connection), kUnverified (its TLS certificate), kInvalidArgument (a URL git must not be given:
/// options, helpers).
Result<std::vector<Oid>> fetch_objects(const Path& repository, const GitRemote& remote,
                                       const std::vector<std::string>& wants);

/// What differs between two trees (`from` none: the empty one) of the bare `repository`, as a patch
/// of `git diff-tree -p`: whole object ids, no rename detection, no attributes, drivers or other
/// settings of anybody. Its lines are as the files have them: see show_line.
/// Errors: kUnavailable (also when it would be longer than 64 MiB).
Result<std::string> tree_patch(const Path& repository, const std::optional<Oid>& from,
                               const Oid& to);

/// What the server said to a push.
struct PushAnswer {
  bool accepted = false;
  std::string remote_lines;  ///< its "remote:" lines, escaped, LF between them
};

/// Pushes `commit` of the bare `repository` to `ref`, as a fast-forward only.
/// Errors: kUnavailable (no connection), kUnverified (TLS certificate), kConflict (the ref moved).
Result<PushAnswer> push_commit(const Path& repository, const GitRemote& remote, const Oid& commit,
                               const RefName& ref);

}  // namespace statehouse
