#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "store/model/name.h"
#include "store/model/oid.h"

namespace statehouse {

/// One line of a push: move `ref` from `old_oid` to `new_oid`; none means "does not exist".
struct PushCommand {
  RefName ref;
  std::optional<Oid> old_oid;
  std::optional<Oid> new_oid;
};

/// The head of a push (gitprotocol-pack, "Reference Update Request"), before its pack.
struct PushRequest {
  std::vector<PushCommand> commands;
  std::vector<std::string> options;  ///< `git push -o`; printable UTF-8
  bool report_status = false;
  bool report_status_v2 = false;
  bool side_band = false;
  bool atomic = false;
  bool quiet = false;
  std::size_t pack_offset = 0;  ///< where the pack starts in the body; its size there means no pack
};

/// Reads the head of a POST git-receive-pack body. `body` may be a prefix of the whole body as long
/// as it holds all packets up to the pack. Errors: kInvalidArgument for malformed lines, more than
/// limits::kPushCommandsMax commands, a ref named twice, options beyond their limits, a capability
/// that was not offered (push certificates included), a shallow push.
Result<PushRequest> parse_push_request(std::string_view body);

}  // namespace statehouse
