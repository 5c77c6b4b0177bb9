#include "crypto/tile.h"

#include <doctest/doctest.h>

#include <map>

#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

MerkleHash leaf(std::uint64_t index) { return merkle_leaf_hash("entry " + std::to_string(index)); }

/// A log that keeps its tiles as a server would: by path, as they were published.
class PublishedTiles final : public TileReader {
 public:
  void grow_to(std::uint64_t size) {
    const std::uint64_t old_size = frontier_.size();
    while (frontier_.size() < size) {
      frontier_.append(
          leaf(frontier_.size()),
          [&](MerklePosition position, const MerkleHash& hash) { hashes_[position] = hash; });
    }
    for (const Tile& tile : new_tiles(old_size, size)) {
      if (tile.kind == Tile::Kind::kHashes) publish(tile);
    }
  }

  Result<std::string> read_tile(const Tile& tile) override {
    const auto found = files_.find(tile_path(tile));
    if (found == files_.end()) return not_found(tile_path(tile));
    return found->second;
  }

  [[nodiscard]] MerkleHash root() const { return frontier_.root(); }
  std::map<std::string, std::string>& files() { return files_; }

 private:
  void publish(const Tile& tile) {
    std::string bytes;
    for (unsigned i = 0; i < tile.width; ++i)
      bytes += hashes_.at(tile_hash_position(tile, i)).bytes();
    files_[tile_path(tile)] = bytes;
  }

  MerkleFrontier frontier_;
  std::map<MerklePosition, MerkleHash> hashes_;
  std::map<std::string, std::string> files_;
};

}  // namespace

TEST_CASE("paths that are not the one path of a tile are refused") {
  for (const char* bad : {"",
                          "tile",
                          "tile/0",
                          "tile/0/",
                          "/tile/0/000",
                          "tile/0/000/",
                          "tile/8/000",
                          "tile/00/000",
                          "tile/-1/000",
                          "tile/0/0",
                          "tile/0/0000",
                          "tile/0/1000",
                          "tile/0/x000/001",
                          "tile/0/x001",
                          "tile/0/x01/000",
                          "tile/0/x001/x000",
                          "tile/0/001/000",
                          "tile/0/000.p",
                          "tile/0/000.p/",
                          "tile/0/000.p/0",
                          "tile/0/000.p/256",
                          "tile/0/000.p/01",
                          "tile/0/000.p/1/2",
                          "tile/entries/000.p/+1",
                          "tile/data/000",
                          "tile/0/x001.p/000",
                          "tile/0/../000",
                          "tile/0/ 00",
                          "tile/0/x999/x999/x999/x999/x999/x999/x999/999"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_tile_path(bad));
  }
}

TEST_CASE("tiles have the paths of the specification") {
  const std::pair<Tile, const char*> paths[] = {
      {{Tile::Kind::kHashes, 0, 5, 256}, "tile/0/005"},
      {{Tile::Kind::kHashes, 3, 1234067, 256}, "tile/3/x001/x234/067"},
      {{Tile::Kind::kHashes, 0, 1000, 17}, "tile/0/x001/000.p/17"},
      {{Tile::Kind::kEntries, 0, 0, 255}, "tile/entries/000.p/255"},
      {{Tile::Kind::kHashes, 7, 0, 1}, "tile/7/000.p/1"}};
  for (const auto& [tile, path] : paths) {
    CHECK(tile_path(tile) == path);
    CHECK(parse_tile_path(path).value() == tile);
  }
}

TEST_CASE("widths are those of the specification's example of 70,000 entries") {
  CHECK(tile_width(0, 272, 70'000) == 256);
  CHECK(tile_width(0, 273, 70'000) == 112);
  CHECK(tile_width(0, 274, 70'000) == 0);
  CHECK(tile_width(1, 0, 70'000) == 256);
  CHECK(tile_width(1, 1, 70'000) == 17);
  CHECK(tile_width(2, 0, 70'000) == 1);
  CHECK(tile_width(3, 0, 70'000) == 0);
  CHECK(tile_width(0, 0, 256) == 256);
  CHECK(tile_width(0, 1, 256) == 0);
  CHECK(tile_width(1, 0, 256) == 1);
  CHECK(tile_width(8, 0, UINT64_MAX) == 0);
}

TEST_CASE("proofs made from tiles alone hold, across several levels") {
  PublishedTiles tiles;
  std::uint64_t old_size = 0;
  MerkleHash old_root;
  for (const std::uint64_t size : {1U, 2U, 100U, 255U, 256U, 257U, 511U, 512U, 70'000U}) {
    CAPTURE(size);
    tiles.grow_to(size);
    TileHashReader reader(size, tiles);
    CHECK(merkle_root(size, reader).value() == tiles.root());
    for (const std::uint64_t index : {std::uint64_t{0}, size / 2, size - 1}) {
      const MerkleProof proof = merkle_inclusion_proof(index, size, reader).value();
      CHECK(verify_merkle_inclusion(index, size, leaf(index), proof, tiles.root()));
    }
    if (old_size > 0) {
      const MerkleProof proof = merkle_consistency_proof(old_size, size, reader).value();
      CHECK(verify_merkle_consistency(old_size, size, old_root, tiles.root(), proof));
    }
    CHECK(MerkleFrontier::load(size, reader).value().root() == tiles.root());
    old_size = size;
    old_root = tiles.root();
  }
}

TEST_CASE("growing by one publishes just the tiles that changed") {
  const auto paths = [](std::uint64_t old_size, std::uint64_t size) {
    std::string text;
    for (const Tile& tile : new_tiles(old_size, size)) text += tile_path(tile) + " ";
    return text;
  };
  CHECK(paths(0, 0).empty());
  CHECK(paths(5, 5).empty());
  CHECK(paths(0, 1) == "tile/0/000.p/1 tile/entries/000.p/1 ");
  CHECK(paths(255, 256) == "tile/0/000 tile/1/000.p/1 tile/entries/000 ");
  CHECK(paths(256, 257) == "tile/0/001.p/1 tile/entries/001.p/1 ");
  CHECK(paths(255, 258) ==
        "tile/0/000 tile/0/001.p/2 tile/1/000.p/1 tile/entries/000 tile/entries/001.p/2 ");
}

TEST_CASE("a tile that is missing or has another length is an error, never a guess") {
  PublishedTiles tiles;
  tiles.grow_to(300);
  TileHashReader reader(300, tiles);
  CHECK(reader.read_hash({0, 300}).error().code == ErrorCode::kInvalidArgument);
  CHECK(reader.read_hash({9, 0}).error().code == ErrorCode::kInvalidArgument);
  CHECK(reader.read_hash({64, 0}).error().code == ErrorCode::kInvalidArgument);
  tiles.files()["tile/0/000"].pop_back();
  CHECK(reader.read_hash({0, 0}).error().code == ErrorCode::kCorrupt);
  tiles.files().erase("tile/0/000");
  CHECK(reader.read_hash({0, 0}).error().code == ErrorCode::kNotFound);
}

TEST_CASE("bundles that do not hold exactly the entries asked for are refused") {
  std::string bundle;
  append_to_entry_bundle(bundle, "one");
  append_to_entry_bundle(bundle, "");
  append_to_entry_bundle(bundle, std::string(65'535, 'x'));
  const auto entries = parse_entry_bundle(bundle, 3).value();
  CHECK(entries[0] == "one");
  CHECK(entries[1].empty());
  CHECK(entries[2].size() == 65'535);
  CHECK_FALSE(parse_entry_bundle(bundle, 2));
  CHECK_FALSE(parse_entry_bundle(bundle, 4));
  CHECK_FALSE(parse_entry_bundle(bundle + "x", 3));
  CHECK_FALSE(parse_entry_bundle(bundle.substr(0, bundle.size() - 1), 3));
  CHECK(parse_entry_bundle("", 0).value().empty());
}

TEST_CASE("tiles and bundles of Tessera's log belong together") {
  const auto folder = vectors_folder("tlog-log");
  if (!folder) return;
  for (unsigned width = 1; width <= 15; ++width) {
    const Tile hashes{Tile::Kind::kHashes, 0, 0, width};
    const Tile entries{Tile::Kind::kEntries, 0, 0, width};
    const auto tile = parse_hash_tile(read_vector(*folder / tile_path(hashes)), width).value();
    const std::string bundle = read_vector(*folder / tile_path(entries));
    const auto leaves = parse_entry_bundle(bundle, width).value();
    for (unsigned i = 0; i < width; ++i) CHECK(merkle_leaf_hash(leaves[i]) == tile[i]);
  }
}

}  // namespace statehouse
