#include "crypto/checkpoint.h"

#include <doctest/doctest.h>

#include "crypto/tile.h"
#include "tests/crypto/fixture.h"
#include "tests/crypto/vectors.h"

namespace statehouse {

namespace {

constexpr std::string_view kOrigin = "example.com/log";

NoteSigner signer(std::string_view name = kOrigin, char number = 1) {
  return NoteSigner::create(name, test_key(number)).value();
}

Checkpoint checkpoint() { return {std::string(kOrigin), 7, merkle_leaf_hash("x")}; }

}  // namespace

TEST_CASE("checkpoint texts that are not three good lines are refused") {
  const std::string good = format_checkpoint_text(checkpoint());
  REQUIRE(parse_checkpoint_text(good).value() == checkpoint());
  for (const std::string& bad :
       {std::string(), std::string("\n"), std::string("o\n7\n"), std::string("o\n"), "\n" + good,
        good + "\n", good.substr(0, good.size() - 1), replaced(good, "\n7\n", "\n07\n"),
        replaced(good, "\n7\n", "\n-7\n"), replaced(good, "\n7\n", "\n+7\n"),
        replaced(good, "\n7\n", "\n7 \n"), replaced(good, "\n7\n", "\n\n"),
        replaced(good, "\n7\n", "\n18446744073709551616\n"), replaced(good, "\n7\n", "\n0\n"),
        replaced(good, "=\n", "\n"), good + "extension\n\nmore\n"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_checkpoint_text(bad));
  }
  CHECK(parse_checkpoint_text(good + "extension\n"));
}

TEST_CASE("a checkpoint of another log, or not signed by the log itself, is refused") {
  const std::string note = sign_checkpoint(checkpoint(), signer()).value();
  CHECK(open_checkpoint(note, kOrigin, {signer().key()}).value().checkpoint() == checkpoint());
  CHECK_FALSE(open_checkpoint(note, "example.com/other", {signer().key()}));
  CHECK_FALSE(open_checkpoint(note, kOrigin, {signer(kOrigin, 2).key()}));
  CHECK_FALSE(open_checkpoint(note, kOrigin, {}));
  CHECK_FALSE(open_checkpoint(note, kOrigin, {}, {signer().key()}));
}

TEST_CASE("a log key signs only its own origin") {
  CHECK_FALSE(sign_checkpoint(checkpoint(), signer("example.com/other")));
}

TEST_CASE("every checkpoint of Tessera's log opens and has the root of its tiles") {
  const auto folder = vectors_folder("tlog-log");
  if (!folder) return;
  const std::string origin = "example.com/log/testdata";
  const NoteKey key =
      NoteKey::parse_vkey(origin + "+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx")
          .value();
  class Folder final : public TileReader {
   public:
    explicit Folder(Path path) : path_(std::move(path)) {}
    Result<std::string> read_tile(const Tile& tile) override {
      return read_file(path_ / tile_path(tile), 8192);
    }

   private:
    Path path_;
  } tiles(*folder);
  for (std::uint64_t size = 0; size <= 15; ++size) {
    CAPTURE(size);
    const std::string note = read_vector(*folder / ("checkpoint." + std::to_string(size)));
    const auto opened = open_checkpoint(note, origin, {key});
    REQUIRE(opened);
    TileHashReader hashes(size, tiles);
    CHECK(opened->size() == size);
    CHECK(merkle_root(size, hashes).value() == opened->root());
  }
}

}  // namespace statehouse
