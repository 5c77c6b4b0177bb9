#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/base/limits.h"
#include "store/model/oid.h"

namespace statehouse {

struct PackLimits {
  std::uint64_t pack_bytes_max = limits::kPackBytesMax;
  std::uint64_t objects_max = limits::kPackObjectsMax;
  std::uint64_t object_bytes_max = limits::kObjectBytesMax;
  std::uint64_t inflated_bytes_max = limits::kPackInflatedBytesMax;
  std::uint64_t delta_depth_max = limits::kPackDeltaDepthMax;
};

/// What a scan learnt.
struct PackScan {
  std::uint64_t objects = 0;
  std::uint64_t inflated_bytes = 0;  ///< of all streams, and of what the deltas say they make

  /// Deltas whose base is named by id. Whether that base lies in this pack is known only once there
  /// is an index; see require_bounded_delta_chains.
  struct RefDelta {
    std::uint64_t offset = 0;
    Oid base;
  };
  std::vector<RefDelta> ref_deltas;
  /// Deltas whose base is named by position: (offset, offset of base), ascending.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> offset_deltas;
};

/// Reads a pack (gitformat-pack(5), version 2) once, before any other program may see it, and
/// refuses what would cost too much: 323 bytes can make git use 3.8 GB (performance-and-threats
/// B2.2). Nothing is reconstructed; memory is one window plus about 32 bytes per delta.
///
/// Checked: the header; the number of objects; each declared size, and that its zlib stream
/// inflates to exactly it; the source and result sizes that each delta declares (results count as
/// inflated); chains of deltas by position; that 20 bytes of trailer end the file. The trailer's
/// hash, the delta instructions and the objects are left to `git index-pack --strict`. Reads `fd`
/// (a regular file) from `offset` to its end by pread(2); the file position stays. Errors:
/// kInvalidArgument with the offset. Threads: any.
Result<PackScan> scan_pack(int fd, std::uint64_t offset = 0, const PackLimits& pack_limits = {});

/// Bounds chains that mix both kinds of deltas, with the pack's index (version 2) at hand: reading
/// an object through a long chain costs time on every read. Errors: kInvalidArgument (too long),
/// kCorrupt (not an index of this pack).
Result<> require_bounded_delta_chains(const PackScan& scan, std::string_view index,
                                      std::uint64_t delta_depth_max = limits::kPackDeltaDepthMax);

}  // namespace statehouse
