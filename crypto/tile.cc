#include "crypto/tile.h"

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/base/limits.h"
#include "crypto/decimal.h"

namespace statehouse {

namespace {

constexpr unsigned kTileHeight = 8;
constexpr unsigned kTileLevelMax = 7;

std::unexpected<Error> bad_path() {
  return invalid_argument("reading a tile path: not tile/<level>/<index>[.p/<width>]");
}

/// How many complete subtrees of height 8 * level a tree of `size` entries has.
std::uint64_t hashes_at(unsigned level, std::uint64_t size) {
  return level > kTileLevelMax ? 0 : size >> (kTileHeight * level);
}

/// "x001/x234/067"
std::string index_path(std::uint64_t index) {
  std::string path;
  for (bool last = true; last || index > 0; last = false) {
    const std::string digits = std::to_string(1000 + index % 1000).substr(1);
    path.insert(0, last ? digits : "x" + digits + "/");
    index /= 1000;
  }
  return path;
}

/// Takes up to the next slash.
std::string_view take_component(std::string_view& path) {
  const std::size_t end = path.find('/');
  const std::string_view component = path.substr(0, end);
  path.remove_prefix(end == path.npos ? path.size() : end + 1);
  return component;
}

}  // namespace

std::string tile_path(const Tile& tile) {
  std::string path = "tile/";
  path += tile.kind == Tile::Kind::kEntries ? "entries" : std::to_string(tile.level);
  path += "/" + index_path(tile.index);
  if (tile.width < kTileWidth) path += ".p/" + std::to_string(tile.width);
  return path;
}

Result<Tile> parse_tile_path(std::string_view path) {
  constexpr std::size_t kPathBytesMax = 64;
  const std::string_view whole = path;
  if (whole.size() > kPathBytesMax || take_component(path) != "tile") return bad_path();
  Tile tile;
  const std::string_view level = take_component(path);
  if (level == "entries") {
    tile.kind = Tile::Kind::kEntries;
  } else {
    const std::optional<std::uint64_t> number = parse_decimal(level);
    if (!number || *number > kTileLevelMax) return bad_path();
    tile.level = static_cast<unsigned>(*number);
  }
  std::string digits;
  while (path.starts_with('x')) digits += take_component(path).substr(1);
  std::string_view last = take_component(path);
  if (last.ends_with(".p")) {
    last.remove_suffix(2);
    const std::optional<std::uint64_t> width = parse_decimal(take_component(path));
    if (!width || *width == 0 || *width >= kTileWidth) return bad_path();
    tile.width = static_cast<unsigned>(*width);
  }
  digits += last;
  while (digits.size() > 1 && digits[0] == '0') digits.erase(0, 1);
  const std::optional<std::uint64_t> index = parse_decimal(digits);
  if (!index) return bad_path();
  tile.index = *index;
  // One path per tile: whatever was read loosely above must be written the same again.
  if (tile_path(tile) != whole) return bad_path();
  return tile;
}

unsigned tile_width(unsigned level, std::uint64_t index, std::uint64_t size) {
  const std::uint64_t hashes = hashes_at(level, size);
  if (index > hashes / kTileWidth) return 0;
  return static_cast<unsigned>(std::min(hashes - index * kTileWidth, kTileWidth));
}

std::vector<Tile> new_tiles(std::uint64_t old_size, std::uint64_t size) {
  std::vector<Tile> tiles;
  for (unsigned level = 0; level <= kTileLevelMax; ++level) {
    const std::uint64_t before = hashes_at(level, old_size);
    const std::uint64_t after = hashes_at(level, size);
    if (after <= before) break;
    for (std::uint64_t index = before / kTileWidth; index * kTileWidth < after; ++index) {
      tiles.push_back({Tile::Kind::kHashes, level, index, tile_width(level, index, size)});
    }
  }
  for (std::uint64_t index = old_size / kTileWidth; size > old_size && index * kTileWidth < size;
       ++index) {
    tiles.push_back({Tile::Kind::kEntries, 0, index, tile_width(0, index, size)});
  }
  return tiles;
}

MerklePosition tile_hash_position(const Tile& tile, unsigned i) {
  return {kTileHeight * tile.level, tile.index * kTileWidth + i};
}

Result<std::vector<MerkleHash>> parse_hash_tile(std::string_view bytes, unsigned width) {
  if (bytes.size() != width * MerkleHash::kBytes) {
    return invalid_argument("reading a tile: its length is not that of " + std::to_string(width) +
                            " hashes");
  }
  std::vector<MerkleHash> hashes;
  hashes.reserve(width);
  for (; !bytes.empty(); bytes.remove_prefix(MerkleHash::kBytes)) {
    const MerkleHash hash = TRY(MerkleHash::from_bytes(bytes.substr(0, MerkleHash::kBytes)));
    hashes.push_back(hash);
  }
  return hashes;
}

void append_to_entry_bundle(std::string& bundle, std::string_view entry) {
  STATEHOUSE_ASSERT(entry.size() <= limits::kEntryBytesMax);
  bundle.push_back(static_cast<char>(entry.size() >> 8));
  bundle.push_back(static_cast<char>(entry.size()));
  bundle.append(entry);
}

Result<std::vector<std::string_view>> parse_entry_bundle(std::string_view bytes, unsigned width) {
  const auto bad = [] {
    return invalid_argument("reading an entry bundle: it does not hold that many entries");
  };
  std::vector<std::string_view> entries;
  for (; entries.size() < width; bytes.remove_prefix(entries.back().size())) {
    if (bytes.size() < 2) return bad();
    const std::size_t length = static_cast<std::size_t>(static_cast<unsigned char>(bytes[0])) << 8 |
                               static_cast<unsigned char>(bytes[1]);
    bytes.remove_prefix(2);
    if (bytes.size() < length) return bad();
    entries.push_back(bytes.substr(0, length));
  }
  if (!bytes.empty()) return bad();
  return entries;
}

Result<const std::vector<MerkleHash>*> TileHashReader::load(unsigned level, std::uint64_t index) {
  const auto key = std::pair(level, index);
  const auto found = loaded_.find(key);
  if (found != loaded_.end()) return &found->second;
  const Tile tile{Tile::Kind::kHashes, level, index, tile_width(level, index, size_)};
  const std::string bytes = TRY(tiles_.read_tile(tile));
  Result<std::vector<MerkleHash>> hashes = parse_hash_tile(bytes, tile.width);
  if (!hashes) return corrupt(tile_path(tile) + ": " + hashes.error().message);
  return &loaded_.emplace(key, *std::move(hashes)).first->second;
}

Result<MerkleHash> TileHashReader::read_hash(MerklePosition position) {
  const unsigned level = position.level / kTileHeight;
  const unsigned height = position.level % kTileHeight;
  const bool complete = position.level < 64 && position.index < size_ >> position.level;
  if (!complete) {
    return invalid_argument("reading a Merkle hash: the tree has no such complete subtree");
  }
  // The subtree covers 2^height neighbouring hashes of one tile.
  const std::uint64_t first = position.index << height;
  const std::vector<MerkleHash>* tile = TRY(load(level, first / kTileWidth));
  const std::size_t offset = first % kTileWidth;
  const std::size_t count = std::size_t{1} << height;
  if (tile->size() < offset + count) return corrupt("reading a Merkle hash: a tile is too short");
  std::array<MerkleHash, kTileWidth / 2> row;
  std::copy_n(tile->begin() + static_cast<std::ptrdiff_t>(offset), count, row.begin());
  for (std::size_t width = count; width > 1; width /= 2) {
    for (std::size_t i = 0; i < width / 2; ++i)
      row[i] = merkle_node_hash(row[2 * i], row[2 * i + 1]);
  }
  return row[0];
}

}  // namespace statehouse
