#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "crypto/base/durable_step.h"
#include "crypto/base/error.h"
#include "crypto/base/file.h"
#include "crypto/merkle.h"
#include "store/model/name.h"

namespace statehouse {

/// What a consumer has verified before, and will never go back behind. A value.
///
/// It is what makes an old but genuine answer (a rollback) and a second, different history (a split
/// view) recognisable. As a file it is JSON:
///
///   {"format":"statehouse-last-seen-v1","origin":…,"epoch":…,
///    "checkpoint":{"size":…,"root":base64}|null,
///    "refs":[{"repository","ref","version","commit","tree"}]}
struct LastSeen {
  struct Ref {
    VersionNumber version = 0;
    std::string commit;
    std::string tree;
    bool operator==(const Ref&) const = default;
  };

  std::string origin;  ///< empty: nothing was seen yet
  Epoch epoch = 0;
  std::uint64_t checkpoint_size = 0;  ///< entries; 0: no checkpoint was seen yet
  MerkleHash checkpoint_root;
  std::map<RefKey, Ref> refs;

  [[nodiscard]] std::string serialise() const;
  /// Strict. Errors: kInvalidArgument.
  static Result<LastSeen> parse(std::string_view json);

  /// Nothing seen when the file is absent. Errors: kInvalidArgument (damaged: it is never ignored).
  static Result<LastSeen> load(const Path& path);
  /// Durable when it returns (steps "last-seen.…").
  [[nodiscard]] Result<> save(const Path& path, DurableSteps& steps) const;

  bool operator==(const LastSeen&) const = default;
};

}  // namespace statehouse
