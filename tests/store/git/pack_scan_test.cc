#include "store/git/pack_scan.h"

#include <sys/resource.h>
#include <unistd.h>

#include <ctime>

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

constexpr unsigned kCommit = 1;
constexpr unsigned kBlob = 3;

Result<PackScan> scan(std::string_view pack, const PackLimits& pack_limits = {}) {
  const FileDescriptor fd = as_file(pack);
  return scan_pack(fd.get(), 0, pack_limits);
}

/// Two deltas that between them say "make 1.5 GB" in a few hundred bytes: 1,500 copies of a base of
/// 1 MB.
std::string delta_bomb() {
  const std::string base(1 << 20, 'x');
  std::string copies;
  for (int i = 0; i < 1500; ++i) copies += copy_from_start(1 << 20);
  return PackBuilder()
      .object(kBlob, base)
      .offset_delta(1, delta(1 << 20, 1500ULL << 20, copies))
      .build();
}

long resident_kib() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

}  // namespace

TEST_CASE("a delta bomb is refused at once and in little memory") {
  const std::string bomb = delta_bomb();
  const FileDescriptor fd = as_file(bomb);
  const long before = resident_kib();
  const std::clock_t start = std::clock();
  const Result<PackScan> result = scan_pack(fd.get());
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(code_of(result) == ErrorCode::kInvalidArgument);
  CHECK(result.error().message.find("made by a delta") != std::string::npos);
  CHECK(seconds < 0.05);  // of processor time
  CHECK(resident_kib() - before < 16 * 1024);
}

TEST_CASE("a blob bomb is refused by the size it declares, before it is inflated") {
  const std::string zeros(8 << 20, '\0');
  const std::string pack = PackBuilder().object(kBlob, zeros, 800ULL << 20).build();
  const std::clock_t start = std::clock();
  CHECK(code_of(scan(pack)) == ErrorCode::kInvalidArgument);
  CHECK(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC < 0.05);
}

TEST_CASE("a stream that inflates to more than it declares is cut off there") {
  const std::string zeros(8 << 20, '\0');
  CHECK(code_of(scan(PackBuilder().object(kBlob, zeros, 10).build())) ==
        ErrorCode::kInvalidArgument);
  CHECK(code_of(scan(PackBuilder().object(kBlob, "abc", 4).build())) ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE("many modest deltas that add up to a bomb are refused") {
  const std::string base(1000, 'x');
  PackBuilder builder;
  builder.object(kBlob, base);
  for (std::size_t i = 1; i <= 20; ++i) {
    builder.offset_delta(i, delta(1000, 1000, copy_from_start(1000)));
  }
  PackLimits tight;
  tight.inflated_bytes_max = 10'000;
  CHECK(code_of(scan(builder.build(), tight)) == ErrorCode::kInvalidArgument);
  tight.inflated_bytes_max = 100'000;
  CHECK(scan(builder.build(), tight).has_value());
}

TEST_CASE("a pack that is not well formed is refused") {
  const std::string good = PackBuilder().object(kBlob, "hello").build();
  std::string flipped = good;
  flipped[15] = static_cast<char>(flipped[15] ^ 0x55);
  const std::vector<std::string> bad = {
      "",
      "PACK",
      "KCAP" + good.substr(4),
      std::string("PACK\0\0\0\3", 8) + good.substr(8),
      good.substr(0, good.size() - 1),
      good.substr(0, good.size() - 21),
      good + "x",
      flipped,
      PackBuilder().object(0, "hello").build(),
      PackBuilder().object(5, "hello").build(),
      PackBuilder().object(kBlob, "hello").build(2),
      PackBuilder().object(kBlob, "hello").object(kBlob, "again").build(1),
      PackBuilder().object(kBlob, "hello").offset_delta(1, "").build(),
      PackBuilder().object(kBlob, "hello").offset_delta(1, "\x85").build(),
      PackBuilder().object(kBlob, "x").offset_delta(1, std::string(12, '\xff')).build(),
      std::string("PACK\0\0\0\2\0\0\0\1\x65\1", 14) + std::string(30, 'x'),
      PackBuilder().object(kBlob, "hello", 1ULL << 62).build(),
      PackBuilder().object(kBlob, "x").offset_delta(1, delta(1ULL << 40, 1, "x")).build(),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    CHECK(code_of(scan(bad[i])) == ErrorCode::kInvalidArgument);
  }
  CHECK(must(scan(good)).objects == 1);
}

TEST_CASE("each limit refuses by itself") {
  PackBuilder builder;
  builder.object(kCommit, "0123456789").object(kBlob, "0123456789");
  builder.offset_delta(1, delta(10, 10, copy_from_start(10)));
  builder.offset_delta(1, delta(10, 10, copy_from_start(10)));
  const std::string pack = builder.build();
  const auto refused = [&](const PackLimits& tight) {
    return code_of(scan(pack, tight)) == ErrorCode::kInvalidArgument;
  };
  PackLimits tight;
  tight.pack_bytes_max = pack.size() - 1;
  CHECK(refused(tight));
  tight = {};
  tight.objects_max = 3;
  CHECK(refused(tight));
  tight = {};
  tight.object_bytes_max = 9;
  CHECK(refused(tight));
  tight = {};
  tight.inflated_bytes_max = 40;
  CHECK(refused(tight));
  tight = {};
  tight.delta_depth_max = 1;
  CHECK(refused(tight));
  tight.delta_depth_max = 2;
  CHECK(scan(pack, tight).has_value());
}

TEST_CASE("the packs of a real git pass, from any offset of a file") {
  Workspace workspace;
  for (int i = 0; i < 30; ++i) {
    workspace.write("file", std::string(5000, 'a') + std::to_string(i));
    workspace.commit("change");
  }
  const std::string pack = workspace.pack(workspace.rev("HEAD"));
  const FileDescriptor fd = as_file("0000" + pack);
  const PackScan result = must(scan_pack(fd.get(), 4));
  CHECK(result.objects == 90);
  CHECK_FALSE(result.offset_deltas.empty());
}

TEST_CASE("a chain of deltas by name is bounded once its index is known") {
  const GitLibrary library;
  const TemporaryDirectory folder = scratch();
  UnwatchedSteps unwatched;
  std::string content = "base";
  PackBuilder builder;
  builder.object(kBlob, content);
  for (int i = 0; i < 10; ++i) {
    const Oid base = must(object_id(ObjectType::kBlob, content));
    const std::string next = content + "x";
    const auto size = static_cast<std::uint32_t>(content.size());
    builder.ref_delta(base, delta(size, next.size(), copy_from_start(size) + "\x01x"));
    content = next;
  }
  const std::string pack = builder.build();
  const PackScan result = must(scan(pack));
  CHECK(result.ref_deltas.size() == 10);
  must(write_file_durably(folder.path() / "p.pack", pack, 0600, unwatched, "pack"));
  run(folder.path(), {"git", "index-pack", "-o", "p.idx", "p.pack"});
  const std::string index = must(read_file(folder.path() / "p.idx", 1 << 20));
  CHECK(code_of(require_bounded_delta_chains(result, index, 9)) == ErrorCode::kInvalidArgument);
  CHECK(require_bounded_delta_chains(result, index, 10).has_value());
  CHECK(code_of(require_bounded_delta_chains(result, "junk", 10)) == ErrorCode::kCorrupt);
}

}  // namespace statehouse::test
