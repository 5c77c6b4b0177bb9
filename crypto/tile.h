#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/error.h"
#include "crypto/merkle.h"

namespace statehouse {

// The log as files: C2SP tlog-tiles (https://c2sp.org/tlog-tiles), tile height 8.

inline constexpr std::uint64_t kTileWidth = 256;

/// One tile of hashes, or one bundle of entries. A value.
struct Tile {
  enum class Kind { kHashes, kEntries };

  Kind kind = Kind::kHashes;
  unsigned level = 0;       ///< 0 to 7 for hashes (2^64 entries need no more), 0 for entries
  std::uint64_t index = 0;  ///< among the tiles of its level
  unsigned width = 256;     ///< 1 to 255: a partial tile, 256: a full one

  auto operator<=>(const Tile&) const = default;
};

/// "tile/0/x001/234.p/17", "tile/entries/000": below the log's prefix, without a leading slash.
std::string tile_path(const Tile& tile);

/// The strict inverse: one path per tile. Errors: kInvalidArgument.
Result<Tile> parse_tile_path(std::string_view path);

/// How many hashes the tile (level, index) holds in a tree of `size` entries: 0 to 256.
unsigned tile_width(unsigned level, std::uint64_t index, std::uint64_t size);

/// The partial tiles and the newly full tiles of hashes and entries that a tree of `size` entries
/// has and one of `old_size` had not, in a fixed order.
std::vector<Tile> new_tiles(std::uint64_t old_size, std::uint64_t size);

/// The position that the tile's i-th hash has in the tree.
MerklePosition tile_hash_position(const Tile& tile, unsigned i);

/// Splits the bytes of a hash tile. Errors: kInvalidArgument unless they are `width` hashes.
Result<std::vector<MerkleHash>> parse_hash_tile(std::string_view bytes, unsigned width);

/// Appends big-endian uint16 length and entry. REQUIRES: at most limits::kEntryBytesMax bytes.
void append_to_entry_bundle(std::string& bundle, std::string_view entry);

/// Splits a bundle into exactly `width` entries (views into `bytes`).
/// Errors: kInvalidArgument, also on trailing bytes.
Result<std::vector<std::string_view>> parse_entry_bundle(std::string_view bytes, unsigned width);

/// Where tiles come from: a folder, a database, a server.
class TileReader {
 public:
  virtual ~TileReader() = default;
  /// The bytes of `tile`, 32 * width of them.
  virtual Result<std::string> read_tile(const Tile& tile) = 0;
};

/// Hashes of complete subtrees of a tree of `size` entries, read or computed from its tiles. Keeps
/// every tile it has read. Threads: one.
class TileHashReader final : public HashReader {
 public:
  /// REQUIRES: `tiles` outlives this object.
  TileHashReader(std::uint64_t size, TileReader& tiles) : size_(size), tiles_(tiles) {}

  /// Errors: kInvalidArgument when the subtree is not complete in this tree; kCorrupt when a tile
  /// has the wrong length; those of the reader.
  Result<MerkleHash> read_hash(MerklePosition position) override;

 private:
  Result<const std::vector<MerkleHash>*> load(unsigned level, std::uint64_t index);

  std::uint64_t size_;
  TileReader& tiles_;
  std::map<std::pair<unsigned, std::uint64_t>, std::vector<MerkleHash>> loaded_;
};

}  // namespace statehouse
