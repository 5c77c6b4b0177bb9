#include "crypto/tlog_proof.h"

#include <optional>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/decimal.h"

namespace statehouse {

namespace {

constexpr std::string_view kHeader = "c2sp.org/tlog-proof@v1";
constexpr std::string_view kExtra = "extra ";
constexpr std::string_view kIndex = "index ";

std::unexpected<Error> malformed(std::string cause) {
  return invalid_argument("reading a tlog-proof: " + std::move(cause));
}

/// Takes one line that must end in LF.
Result<std::string_view> take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  if (end == text.npos) return malformed("it ends early");
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end + 1);
  return line;
}

}  // namespace

std::string format_tlog_proof(const TlogProof& proof) {
  std::string text = std::string(kHeader) + "\n";
  if (!proof.extra.empty()) text.append(kExtra).append(base64_encode(proof.extra)).append("\n");
  text.append(kIndex).append(std::to_string(proof.index)).append("\n");
  for (const MerkleHash& hash : proof.hashes) text.append(hash.base64()).append("\n");
  return text.append("\n").append(proof.checkpoint);
}

Result<TlogProof> parse_tlog_proof(std::string_view text) {
  if (text.size() > limits::kNoteBytesMax) return malformed("it is too long");
  TlogProof proof;
  const std::string_view header = TRY(take_line(text));
  if (header != kHeader) return malformed("its first line is not " + std::string(kHeader));
  std::string_view line = TRY(take_line(text));
  if (line.starts_with(kExtra)) {
    proof.extra = TRY_WITH("reading a tlog-proof", base64_decode(line.substr(kExtra.size())));
    if (proof.extra.empty()) return malformed("its extra line is empty");
    line = TRY(take_line(text));
  }
  if (!line.starts_with(kIndex)) return malformed("it has no index");
  const std::optional<std::uint64_t> index = parse_decimal(line.substr(kIndex.size()));
  if (!index) return malformed("its index is not a decimal number");
  proof.index = *index;
  while (true) {
    line = TRY(take_line(text));
    if (line.empty()) break;
    if (proof.hashes.size() == limits::kProofHashesMax) return malformed("it has too many hashes");
    const MerkleHash hash = TRY_WITH("reading a tlog-proof", MerkleHash::from_base64(line));
    proof.hashes.push_back(hash);
  }
  if (text.empty()) return malformed("it has no checkpoint");
  proof.checkpoint = std::string(text);
  return proof;
}

Result<VerifiedCheckpoint> verify_tlog_proof(const TlogProof& proof, const MerkleHash& leaf,
                                             std::string_view origin,
                                             const std::vector<NoteKey>& log_keys,
                                             const std::vector<NoteKey>& cosigners) {
  VerifiedCheckpoint checkpoint =
      TRY(open_checkpoint(proof.checkpoint, origin, log_keys, cosigners));
  TRY(verify_merkle_inclusion(proof.index, checkpoint.size(), leaf, proof.hashes,
                              checkpoint.root()));
  return checkpoint;
}

}  // namespace statehouse
