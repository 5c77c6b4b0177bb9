#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "cli/last_seen.h"
#include "crypto/checkpoint.h"
#include "crypto/trust.h"

namespace statehouse {

/// Reads a file below a log's prefix ("checkpoint", "tile/0/000.p/3"), at most `bytes_max` bytes.
using LogFileReader =
    std::function<Result<std::string>(const std::string& path, std::uint64_t bytes_max)>;

/// What a whole verified log holds.
struct LogAudit {
  Checkpoint checkpoint;
  std::uint64_t entries = 0;
  std::uint64_t bundles = 0;
  std::uint64_t hash_tiles = 0;
  std::map<std::string, std::uint64_t> types;  ///< entries of each type
  std::string first_time;                      ///< RFC 3339; empty for an empty log
  std::string last_time;
  std::uint64_t versions = 0;        ///< moves of refs
  std::uint64_t statements = 0;      ///< each held against the move that it states
  bool continues_last_seen = false;  ///< a checkpoint seen earlier was compared and is a prefix
};

/// Verifies a whole log from nothing but its files and the pinned trust document: opens the newest
/// checkpoint; reads every entry; recomputes every leaf, every hash tile and the root; compares
/// each with what the log serves; checks that entries carry this origin, their own index and times
/// that never go back; that each ref's versions follow one another, and that each statement is of
/// the commit, tree and entry that its version has; and that the log continues the checkpoint in
/// `last`. A `last` of a newer epoch than the trust document's is refused.
///
/// Memory: 32 bytes for each version of each ref; nothing else grows with the log. `progress` is
/// called once per bundle of 256 entries.
/// Errors: kUnverified (what differs and where); those of `read`.
Result<LogAudit> audit_log(const LogFileReader& read, const TrustDocument& trust,
                           const LastSeen& last,
                           const std::function<void(std::uint64_t entries)>& progress);

}  // namespace statehouse
