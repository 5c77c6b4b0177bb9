#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "crypto/base/error.h"
#include "store/git/upload_pack.h"
#include "store/model/oid.h"

namespace statehouse {

/// Reads a `Git-Protocol` header ("version=2", colon-separated keys). Unknown is v0, as in Git.
GitProtocol parse_git_protocol(std::string_view header);

/// What a client asks of `git-upload-pack`, as far as access control and caching need it.
/// The bytes themselves go to `git upload-pack`.
struct FetchRequest {
  std::vector<Oid> wants;    ///< no duplicates
  std::vector<Oid> haves;    ///< as sent
  std::vector<Oid> shallow;  ///< commits whose parents the client lacks, as sent
  bool done = false;
  bool uses_include_tag = false;
  bool uses_deepen_not = false;
  bool uses_filter = false;
  /// The request with everything removed that cannot change the answer (agent, session id): equal
  /// texts get equal packs.
  std::string normalized;
};

/// Reads the body of POST git-upload-pack in protocol v0 or v1.
/// Errors: kInvalidArgument for a malformed line, more than limits::kFetchWantsMax wants, an
/// argument we do not know.
Result<FetchRequest> parse_fetch_request_v0(std::string_view body);

/// One command of protocol v2.
struct CommandRequestV2 {
  std::string command;  ///< "ls-refs" or "fetch"
  std::vector<std::string> arguments;
};

/// Reads the body of POST git-upload-pack in protocol v2: command, capabilities, arguments.
/// Errors: kInvalidArgument, also for object formats other than sha1.
Result<CommandRequestV2> parse_command_v2(std::string_view body);

/// Reads the arguments of a v2 `fetch`. `want-ref`, `packfile-uris` and `sideband-all`, which we do
/// not advertise, are refused.
Result<FetchRequest> parse_fetch_arguments_v2(const CommandRequestV2& request);

/// `body` of a v2 command without its `include-tag` lines.
/// Errors: kInvalidArgument for a malformed packet.
Result<std::string> without_include_tag_v2(std::string_view body);

/// `body`, of any protocol version, with the null id, which no repository has, in place of every
/// id in a `have` or `shallow` line that is not in `known`. The lines stay, because to a request
/// without any git sends the pack at once. Errors: kInvalidArgument for a malformed packet.
Result<std::string> with_known_haves(std::string body, const std::unordered_set<Oid>& known);

/// Reads the arguments of a v2 `ls-refs`.
struct ListRefsRequest {
  bool peel = false;
  bool symrefs = false;
  bool unborn = false;
  std::vector<std::string> prefixes;  ///< empty means all

  [[nodiscard]] bool matches(std::string_view ref) const;
};
Result<ListRefsRequest> parse_list_refs_arguments(const CommandRequestV2& request);

}  // namespace statehouse
