#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/checkpoint.h"
#include "crypto/merkle.h"

namespace statehouse {

/// A proof that stands alone in a file (`.tlog-proof`, https://c2sp.org/tlog-proof, version 1):
/// "the log whose checkpoint this is holds this leaf at this index". Unverified. A value.
///
/// ```
/// c2sp.org/tlog-proof@v1
/// extra <base64>              optional, not authenticated
/// index <decimal>
/// <base64 hash>               0 to 63 lines, sibling of the leaf first
///                             one blank line
/// <checkpoint, verbatim>
/// ```
struct TlogProof {
  std::uint64_t index = 0;
  MerkleProof hashes;
  std::string checkpoint;  ///< the signed note
  std::string extra;       ///< raw bytes; empty when the line is absent

  bool operator==(const TlogProof&) const = default;
};

std::string format_tlog_proof(const TlogProof& proof);

/// Strict. Errors: kInvalidArgument.
Result<TlogProof> parse_tlog_proof(std::string_view text);

/// Opens the checkpoint (as `open_checkpoint` does) and verifies that `leaf` is in its tree at
/// `proof.index`. Returns the checkpoint that proves it. Errors: kInvalidArgument, kUnverified.
Result<VerifiedCheckpoint> verify_tlog_proof(const TlogProof& proof, const MerkleHash& leaf,
                                             std::string_view origin,
                                             const std::vector<NoteKey>& log_keys,
                                             const std::vector<NoteKey>& cosigners = {});

}  // namespace statehouse
