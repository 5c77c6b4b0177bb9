#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/merkle.h"
#include "crypto/signed_note.h"

namespace statehouse {

// C2SP checkpoints (https://c2sp.org/tlog-checkpoint): what a log says its tree is. Pure.

/// The three lines: origin, size, root. Unverified. A value.
struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  MerkleHash root;

  bool operator==(const Checkpoint&) const = default;
};

/// The text of the note, three lines. REQUIRES: `origin` is a valid note key name.
std::string format_checkpoint_text(const Checkpoint& checkpoint);

/// Reads a note's text strictly: decimal size without leading zeros, a 32-byte root, and the empty
/// tree's root for size 0. Extension lines are allowed and ignored, blank lines are not.
/// Errors: kInvalidArgument.
Result<Checkpoint> parse_checkpoint_text(std::string_view text);

/// The signed note. Whoever calls this must never let two of one log that are not consistent exist.
/// Errors: kInvalidArgument when the signer's name is not the origin.
Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer);

/// A checkpoint that the log itself signed. Only `open_checkpoint` makes one.
class VerifiedCheckpoint {
 public:
  [[nodiscard]] const Checkpoint& checkpoint() const { return checkpoint_; }
  [[nodiscard]] std::uint64_t size() const { return checkpoint_.size; }
  [[nodiscard]] const MerkleHash& root() const { return checkpoint_.root; }

  /// Who signed: at least one of the log's keys, and cosigners, in the order of the note.
  [[nodiscard]] const VerifiedNote& note() const { return note_; }

 private:
  friend Result<VerifiedCheckpoint> open_checkpoint(std::string_view note, std::string_view origin,
                                                    const std::vector<NoteKey>& log_keys,
                                                    const std::vector<NoteKey>& cosigners);
  VerifiedCheckpoint(Checkpoint checkpoint, VerifiedNote note)
      : checkpoint_(std::move(checkpoint)), note_(std::move(note)) {}

  Checkpoint checkpoint_;
  VerifiedNote note_;
};

/// Opens a signed checkpoint of the log `origin`: at least one of `log_keys` must have signed it,
/// and its first line must be `origin`. Cosignatures by `cosigners` are checked and reported; a bad
/// one refuses the whole note.
/// Errors: kInvalidArgument (malformed), kUnverified (key, signature or origin).
Result<VerifiedCheckpoint> open_checkpoint(std::string_view note, std::string_view origin,
                                           const std::vector<NoteKey>& log_keys,
                                           const std::vector<NoteKey>& cosigners = {});

}  // namespace statehouse
