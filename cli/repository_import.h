#pragma once

#include <optional>
#include <string>

#include "cli/session.h"

namespace statehouse {

/// `repository import`: what to take over, and as what.
struct ImportOptions {
  std::string name;
  std::string from;  ///< URL, path or bundle
  std::string ref;   ///< there
  std::string to;    ///< here
  std::optional<std::string> key;
  std::string message;
};

/// Prepares a baseline: clones `from` at `ref`, computes its four digests, declares them in
/// `system`'s Repository resource, and pushes that as a commit signed with the person's key to
/// `system`'s audit branch. Nothing is imported yet: that takes the approved promotion of `system`
/// and then a plain push, which is what the printed next steps say.
/// Errors: those of git; kInvalidArgument when the new configuration would not be valid; kDenied
/// when the server refuses the push.
Result<> prepare_import(Session& session, const ImportOptions& options);

}  // namespace statehouse
