#include "cli/log_audit.h"

#include <algorithm>
#include <utility>

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"
#include "crypto/base/limits.h"
#include "crypto/sha256.h"
#include "crypto/tile.h"

namespace statehouse {
namespace {

constexpr unsigned kTileHeight = 8;
constexpr std::size_t kDigestBytes = 32;
constexpr std::uint64_t kBundleBytesMax = kTileWidth * (limits::kEntryBytesMax + 2);

std::string at(std::uint64_t index) { return "entry " + std::to_string(index); }

class LogAuditor {
 public:
  LogAuditor(const LogFileReader& read, const TrustDocument& trust, const LastSeen& last)
      : read_(read), trust_(trust), last_(last) {}

  Result<LogAudit> run(const std::function<void(std::uint64_t)>& progress) {
    TRY(open_newest_checkpoint());
    TRY(compare_with_last_seen());  // also for a last seen size of 0
    const std::uint64_t size = audit_.checkpoint.size;
    for (std::uint64_t first = 0; first < size; first += kTileWidth) {
      TRY(read_bundle(first / kTileWidth,
                      static_cast<unsigned>(std::min(kTileWidth, size - first))));
      if (progress) progress(frontier_.size());
    }
    TRY(compare_partial_tiles());
    if (frontier_.root() != audit_.checkpoint.root) {
      return unverified("the entries do not hash to the root that the checkpoint signs");
    }
    audit_.entries = frontier_.size();
    return std::move(audit_);
  }

 private:
  Result<> open_newest_checkpoint() {
    const std::string note = TRY_WITH("checkpoint", read_("checkpoint", limits::kNoteBytesMax));
    const std::vector<NoteKey> keys = TRY_WITH("checkpoint", trust_.log_keys(trust_.epoch()));
    const VerifiedCheckpoint verified =
        TRY_WITH("checkpoint", open_checkpoint(note, trust_.origin(), keys));
    audit_.checkpoint = verified.checkpoint();
    if (!last_.origin.empty() && last_.origin != trust_.origin()) {
      return unverified("wrong origin: the state file is of another store",
                        "use another state file for another store");
    }
    if (last_.epoch > trust_.epoch()) {
      return unverified("lower epoch: the trust document declares " +
                            std::to_string(trust_.epoch()) + ", last seen was " +
                            std::to_string(last_.epoch),
                        "use the newest trust document of the store");
    }
    if (is_comparable() && verified.size() < last_.checkpoint_size) {
      return unverified("the log shrank: " + std::to_string(verified.size()) +
                        " entries, last seen were " + std::to_string(last_.checkpoint_size));
    }
    return {};
  }

  /// A new epoch is a root-signed word that the old log does not continue.
  [[nodiscard]] bool is_comparable() const {
    return last_.checkpoint_size > 0 && last_.epoch == trust_.epoch();
  }

  Result<> read_bundle(std::uint64_t index, unsigned width) {
    const std::string path = tile_path({Tile::Kind::kEntries, 0, index, width});
    const std::string bytes = TRY_WITH(path, read_(path, kBundleBytesMax));
    const auto entries = TRY_WITH(path, parse_entry_bundle(bytes, width));
    ++audit_.bundles;
    for (const std::string_view entry : entries) {
      TRY_WITH(at(frontier_.size()), check_entry(entry));
      TRY(append(merkle_leaf_hash(entry)));
      TRY(compare_with_last_seen());
    }
    return {};
  }

  Result<> check_entry(std::string_view entry) {
    const Json event = TRY(parse_json(entry, limits::kEntryBytesMax));
    const std::string source = TRY(json_string(event, "source"));
    const std::string id = TRY(json_string(event, "id"));
    const std::string type = TRY(json_string(event, "type"));
    std::string time = TRY(json_string(event, "time"));
    const std::int64_t epoch = TRY(json_integer(event, "epoch"));
    TRY(Timestamp::parse(time));
    if (source != trust_.origin()) return unverified("it is of another origin");
    if (id != std::to_string(epoch) + "-" + std::to_string(frontier_.size())) {
      return unverified("it carries another index: " + escape_for_message(id));
    }
    if (time < audit_.last_time) return unverified("its time is before the previous entry's");
    if (audit_.first_time.empty()) audit_.first_time = time;
    audit_.last_time = std::move(time);
    ++audit_.types[type];
    if (type == "statehouse.ref.updated") return note_version(event);
    if (type == "statehouse.statement.issued") return check_statement(event);
    return {};
  }

  /// What a version is, of which a statement must say the same.
  static Result<std::string> digest_of_version(const Json& data, std::uint64_t entry) {
    std::string text;
    for (const char* name : {"commit", "tree", "treeSha256"}) {
      const Json* value = TRY(json_member(data, name));
      text += dump_json(*value) + "\n";
    }
    return sha256(text + std::to_string(entry));
  }

  Result<> note_version(const Json& event) {
    const Json* data = TRY(json_member(event, "data"));
    const std::string key = TRY(key_of(*data));
    const std::int64_t version = TRY(json_integer(*data, "version"));
    std::string& seen = versions_[key];
    if (!std::cmp_equal(version, seen.size() / kDigestBytes + 1)) {
      return unverified("it is version " + std::to_string(version) + " of its ref and follows " +
                        std::to_string(seen.size() / kDigestBytes));
    }
    const std::string digest = TRY(digest_of_version(*data, frontier_.size()));
    seen += digest;
    ++audit_.versions;
    return {};
  }

  Result<> check_statement(const Json& event) {
    const Json* data = TRY(json_member(event, "data"));
    const std::string key = TRY(key_of(*data));
    const std::int64_t version = TRY(json_integer(*data, "version"));
    const std::int64_t entry = TRY(json_integer(*data, "entry"));
    const auto found = versions_.find(key);
    const std::uint64_t known = found == versions_.end() ? 0 : found->second.size() / kDigestBytes;
    if (version < 1 || std::cmp_greater(version, known)) {
      return unverified("it is a statement of a version that no entry before it made");
    }
    const std::string stated = TRY(digest_of_version(*data, static_cast<std::uint64_t>(entry)));
    const auto place = static_cast<std::size_t>(version - 1) * kDigestBytes;
    if (found->second.compare(place, kDigestBytes, stated) != 0) {
      return unverified("it is a statement of another commit, tree or entry than its version has");
    }
    ++audit_.statements;
    return {};
  }

  static Result<std::string> key_of(const Json& data) {
    const std::string repository = TRY(json_string(data, "repository"));
    const std::string ref = TRY(json_string(data, "ref"));
    return repository + ":" + ref;
  }

  Result<> append(const MerkleHash& leaf) {
    Result<> outcome;
    frontier_.append(leaf, [&](MerklePosition position, const MerkleHash& hash) {
      if (position.level % kTileHeight != 0 || !outcome) return;
      const unsigned level = position.level / kTileHeight;
      if (open_tiles_.size() <= level) open_tiles_.resize(level + 1);
      OpenTile& tile = open_tiles_[level];
      tile.hashes += hash.bytes();
      if (tile.hashes.size() < kTileWidth * MerkleHash::kBytes) return;
      outcome = compare_tile(level, tile);
      tile.hashes.clear();
      ++tile.index;
    });
    return outcome;
  }

  struct OpenTile {
    std::uint64_t index = 0;
    std::string hashes;
  };

  Result<> compare_tile(unsigned level, const OpenTile& tile) {
    const auto width = static_cast<unsigned>(tile.hashes.size() / MerkleHash::kBytes);
    const std::string path = tile_path({Tile::Kind::kHashes, level, tile.index, width});
    const std::string served = TRY_WITH(path, read_(path, kTileWidth * MerkleHash::kBytes));
    ++audit_.hash_tiles;
    if (served == tile.hashes) return {};
    return unverified(path + ": its hashes are not those of the entries");
  }

  Result<> compare_partial_tiles() {
    for (unsigned level = 0; level < open_tiles_.size(); ++level) {
      if (!open_tiles_[level].hashes.empty()) TRY(compare_tile(level, open_tiles_[level]));
    }
    return {};
  }

  Result<> compare_with_last_seen() {
    if (!is_comparable() || frontier_.size() != last_.checkpoint_size) return {};
    audit_.continues_last_seen = frontier_.root() == last_.checkpoint_root;
    if (audit_.continues_last_seen) return {};
    return unverified("inconsistent: the first " + std::to_string(frontier_.size()) +
                      " entries are not those seen earlier");
  }

  const LogFileReader& read_;
  const TrustDocument& trust_;
  const LastSeen& last_;
  MerkleFrontier frontier_;
  std::vector<OpenTile> open_tiles_;
  std::map<std::string, std::string> versions_;  ///< by ref: their digests, one after the other
  LogAudit audit_;
};

}  // namespace

Result<LogAudit> audit_log(const LogFileReader& read, const TrustDocument& trust,
                           const LastSeen& last,
                           const std::function<void(std::uint64_t entries)>& progress) {
  return LogAuditor(read, trust, last).run(progress);
}

}  // namespace statehouse
