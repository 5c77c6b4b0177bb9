#include "crypto/checkpoint.h"

#include <algorithm>

#include "crypto/base/encoding.h"
#include "crypto/decimal.h"

namespace statehouse {

namespace {

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a checkpoint: " + std::move(cause));
}

}  // namespace

std::string format_checkpoint_text(const Checkpoint& checkpoint) {
  return checkpoint.origin + "\n" + std::to_string(checkpoint.size) + "\n" +
         checkpoint.root.base64() + "\n";
}

Result<Checkpoint> parse_checkpoint_text(std::string_view text) {
  if (!text.ends_with('\n')) return malformed("it does not end in a line end");
  if (text.starts_with('\n') || text.find("\n\n") != text.npos) {
    return malformed("it has an empty line");
  }
  const std::size_t origin_end = text.find('\n');
  const std::size_t size_end = text.find('\n', origin_end + 1);
  if (size_end == text.npos) return malformed("it has no size");
  const std::size_t root_end = text.find('\n', size_end + 1);
  if (root_end == text.npos) return malformed("it has no root");
  Checkpoint checkpoint;
  checkpoint.origin = std::string(text.substr(0, origin_end));
  const auto size = parse_decimal(text.substr(origin_end + 1, size_end - origin_end - 1));
  if (!size) return malformed("its size is not a decimal number");
  checkpoint.size = *size;
  checkpoint.root =
      TRY_WITH("reading a checkpoint",
               MerkleHash::from_base64(text.substr(size_end + 1, root_end - size_end - 1)));
  if (checkpoint.size == 0 && checkpoint.root != merkle_empty_root()) {
    return malformed("its size is 0 and its root is not that of the empty tree");
  }
  return checkpoint;
}

Result<std::string> sign_checkpoint(const Checkpoint& checkpoint, const NoteSigner& signer) {
  if (signer.key().name() != checkpoint.origin) {
    return invalid_argument("signing a checkpoint: the key's name is not the log's origin");
  }
  return sign_note(format_checkpoint_text(checkpoint), signer);
}

Result<VerifiedCheckpoint> open_checkpoint(std::string_view note, std::string_view origin,
                                           const std::vector<NoteKey>& log_keys,
                                           const std::vector<NoteKey>& cosigners) {
  std::vector<NoteKey> known = log_keys;
  known.insert(known.end(), cosigners.begin(), cosigners.end());
  auto opened = open_note(note, known);
  if (!opened) {
    Error error = std::move(opened).error().with_context("opening a checkpoint");
    // Not believed, only told: most often the trust document is another store's.
    const std::string_view named = note.substr(0, note.find('\n'));
    if (error.code == ErrorCode::kUnverified && named != origin) {
      error.message += "; it says that it is of `" + escape_for_message(named, 200) +
                       "`, the keys are of `" + escape_for_message(origin) + "`";
      error.fix = "use the trust document of the store that is asked";
    }
    return std::unexpected(std::move(error));
  }
  VerifiedNote verified = *std::move(opened);
  const auto is_log_key = [&](const VerifiedNote::By& by) {
    return std::ranges::any_of(log_keys,
                               [&](const NoteKey& key) { return key.vkey() == by.key.vkey(); });
  };
  if (std::ranges::none_of(verified.signed_by(), is_log_key)) {
    return unverified("opening a checkpoint: the log itself has not signed it");
  }
  Checkpoint checkpoint = TRY(parse_checkpoint_text(verified.text()));
  if (checkpoint.origin != origin) {
    return unverified("opening a checkpoint: it is of the log `" +
                      escape_for_message(checkpoint.origin) + "`, not of `" +
                      escape_for_message(origin) + "`");
  }
  return VerifiedCheckpoint(std::move(checkpoint), std::move(verified));
}

}  // namespace statehouse
