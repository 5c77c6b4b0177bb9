#include "store/git/archive.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "crypto/base/encoding.h"
#include "crypto/sha256.h"
#include "store/git/archive_entry.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

struct Archived {
  std::string bytes;
  ArchiveDigest digest;
};

Archived archive(const GitRepository& repository, const Oid& tree) {
  Archived result;
  result.digest = must(write_archive(repository, tree, [&](std::string_view piece) -> Result<> {
    result.bytes.append(piece);
    return {};
  }));
  return result;
}

const std::string kEnd(1024, '\0');

std::string entry(const std::string& path, std::string_view content,
                  FileMode mode = FileMode::kFile) {
  return archive_headers({path, mode, content.size(), {}}) + std::string(content) +
         std::string(archive_padding(content.size()));
}

std::string link_entry(const std::string& path, const std::string& target) {
  return archive_headers({path, FileMode::kSymlink, 0, target});
}

/// An entry's header with some bytes changed and the checksum made right again.
std::string patched(std::string header, std::size_t at, std::string_view bytes) {
  header.replace(at, bytes.size(), bytes);
  unsigned sum = 0;
  for (std::size_t i = 0; i < 512; ++i) {
    sum += i >= 148 && i < 156 ? ' ' : static_cast<unsigned char>(header[i]);
  }
  for (std::size_t i = 6; i > 0; --i, sum >>= 3) {
    header[147 + i] = static_cast<char>('0' + (sum & 7U));
  }
  return header;
}

Result<ArchiveDigest> check(std::string_view bytes) { return check_archive(as_file(bytes).get()); }

Result<> extract(std::string_view bytes, const Path& into) {
  const ArchiveDigest expected{sha256(bytes), bytes.size(), 0};
  return extract_archive(as_file(bytes).get(), expected, into, ArchiveSync::kEveryFile);
}

Oid everything(StoreFixture& fixture, Workspace& workspace) {
  workspace.write("a.b", "file before folder\n");
  workspace.write("a/x", "in a folder\n");
  workspace.write("a0", "after\n");
  workspace.write("empty", "");
  workspace.write("block", std::string(512, 'b'));
  workspace.write("ünïcödé", "name\n");
  workspace.write(std::string(90, 'p') + "/" + std::string(95, 'n'), "needs a prefix\n");
  workspace.write(std::string(200, 'l') + "/" + std::string(120, 'n'), "needs pax\n");
  workspace.write("run.sh", "#!/bin/sh\n");
  run(workspace.path(), {"chmod", "+x", "run.sh"});
  workspace.link("a/up", "../run.sh");
  workspace.link("far", std::string(150, 't'));
  const Oid tip = workspace.commit("everything");
  fixture.push(workspace, tip);
  return workspace.rev("HEAD^{tree}");
}

}  // namespace

TEST_CASE("an archive that is not exactly the format is refused") {
  const std::string good = entry("a", "hello") + entry("b", "");
  const std::string header = archive_headers({"a", FileMode::kFile, 0, {}});
  const std::vector<std::string> bad = {
      "",
      good,
      good + std::string(512, '\0'),
      good + kEnd + "x",
      good + kEnd + kEnd,
      good.substr(0, 700) + kEnd,
      entry("b", "") + entry("a", "") + kEnd,
      entry("a", "") + entry("a", "") + kEnd,
      entry("a", "") + entry("a.b", "") + entry("a/c", "") + kEnd,
      entry("/etc/passwd", "") + kEnd,
      entry("../x", "") + kEnd,
      entry("a/../../x", "") + kEnd,
      entry("a//b", "") + kEnd,
      entry("./a", "") + kEnd,
      entry("a/", "") + kEnd,
      link_entry("l", "/etc/passwd") + kEnd,
      link_entry("l", "../x") + kEnd,
      link_entry("d/l", "../../x") + kEnd,
      link_entry("l", "") + kEnd,
      link_entry("l", "a/../../x") + kEnd,
      patched(header, 156, "1") + kEnd,            // a hard link
      patched(header, 156, "3") + kEnd,            // a device
      patched(header, 156, "5") + kEnd,            // a folder
      patched(header, 156, "g") + kEnd,            // a global pax header
      patched(header, 156, "L") + kEnd,            // a GNU long name
      patched(header, 100, "0000777") + kEnd,      // mode
      patched(header, 100, "0004755") + kEnd,      // set-user-id
      patched(header, 108, "0001000") + kEnd,      // uid
      patched(header, 136, "00000000001") + kEnd,  // mtime
      patched(header, 265, "root") + kEnd,         // uname
      patched(header, 257, "ustar  ") + kEnd,      // GNU magic
      patched(header, 329, "0000000") + kEnd,      // device numbers
      patched(header, 500, "x") + kEnd,            // unused bytes
      patched(header, 50, "hidden") + kEnd,        // bytes after the name's NUL
      patched(header, 157, "target") + kEnd,       // a file with a target
      patched(header, 124, "77777777777") + kEnd,  // 8 GiB
      patched(link_entry("l", "x"), 124, "00000000001") + kEnd,
      header.substr(0, 148) + "000000" + header.substr(154) + kEnd,
      good.substr(0, 520) + "x" + good.substr(521) + kEnd,  // padding
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    CHECK(code_of(check(bad[i])) == ErrorCode::kUnverified);
  }
  CHECK(must(check(good + kEnd)).entries == 2);
  CHECK(must(check(kEnd)).entries == 0);
}

TEST_CASE("pax headers are taken only where they are needed, and only in our form") {
  const std::string path(300, 'p');
  const std::string good = entry(path, "x");
  CHECK(must(check(good + kEnd)).entries == 1);
  const auto pax = [](const std::string& records) {
    std::string block = archive_headers({"pax", FileMode::kFile, records.size(), {}});
    return patched(block, 156, "x") + records + std::string(archive_padding(records.size()));
  };
  const std::string plain = archive_headers({"a", FileMode::kFile, 0, {}});
  for (const std::string& records :
       {std::string("9 path=a\n"), std::string("9 path=b\n"), std::string("12 comment=x\n"),
        std::string("9 path=../\n"), std::string("99 path=a\n"), std::string("x path=a\n"),
        std::string("3 =\n"), std::string(), std::string("20 size=00000000001\n")}) {
    CAPTURE(records);
    CHECK(code_of(check(pax(records) + plain + kEnd)) == ErrorCode::kUnverified);
  }
  CHECK(code_of(check(good.substr(0, 1024) + plain + kEnd)) == ErrorCode::kUnverified);
  CHECK(code_of(check(good.substr(0, 1024) + good + kEnd)) == ErrorCode::kUnverified);
}

TEST_CASE("a tree that the format has no words for gives no archive") {
  StoreFixture fixture;
  const Oid blob = fixture.plant_blob("x");
  const auto sink = [](std::string_view) -> Result<> { return {}; };
  const auto code = [&](const Oid& tree, const ArchiveLimits& archive_limits = {}) {
    return code_of(write_archive(*fixture.open(), tree, sink, archive_limits));
  };
  CHECK(code(fixture.plant_tree(FileMode::kGitlink, "sub", blob)) == ErrorCode::kInvalidArgument);
  CHECK(code(fixture.plant_tree(FileMode::kSymlink, "l", fixture.plant_blob("/x"))) ==
        ErrorCode::kInvalidArgument);
  CHECK(code(fixture.plant_tree(FileMode::kSymlink, "l", fixture.plant_blob("../x"))) ==
        ErrorCode::kInvalidArgument);
  const Oid plain = fixture.plant_tree(FileMode::kFile, "a", blob);
  CHECK(code(plain, {1024, 10}) == ErrorCode::kInvalidArgument);
  CHECK(code(plain, {1 << 20, 0}) == ErrorCode::kInvalidArgument);
  const auto full = [](std::string_view) -> Result<> { return unavailable("disk full"); };
  CHECK(code_of(write_archive(*fixture.open(), plain, full)) == ErrorCode::kUnavailable);
}

TEST_CASE("an archive has the same bytes each time, and says so itself") {
  StoreFixture fixture;
  Workspace workspace;
  const Oid tree = everything(fixture, workspace);
  const Archived one = archive(*fixture.open(), tree);
  CHECK(archive(*fixture.open(), tree).bytes == one.bytes);
  CHECK(one.digest.sha256 == sha256(one.bytes));
  CHECK(one.digest.size == one.bytes.size());
  CHECK(must(check(one.bytes)) == one.digest);
}

TEST_CASE("what GNU tar unpacks is the tree") {
  StoreFixture fixture;
  Workspace workspace;
  const Oid tree = everything(fixture, workspace);
  const Workspace unpacked;
  run(unpacked.path(), {"tar", "-x"}, archive(*fixture.open(), tree).bytes);
  unpacked.git({"add", "-A", "-f", "."});
  CHECK(unpacked.git({"write-tree"}) == tree.hex() + "\n");
}

TEST_CASE("what we unpack is the tree") {
  StoreFixture fixture;
  Workspace workspace;
  const Oid tree = everything(fixture, workspace);
  const Workspace unpacked;
  REQUIRE(::mkdir((unpacked.path() / "out").c_str(), 0700) == 0);
  must(extract(archive(*fixture.open(), tree).bytes, unpacked.path() / "out"));
  unpacked.git({"add", "-A", "-f", "."});
  CHECK(unpacked.git({"rev-parse", unpacked.git({"write-tree"}).substr(0, 40) + ":out"}) ==
        tree.hex() + "\n");
}

TEST_CASE("nothing is unpacked of an archive that is not the one promised") {
  const TemporaryDirectory into = scratch();
  const std::string bytes = entry("a", "hello") + kEnd;
  ArchiveDigest expected{sha256(bytes), bytes.size(), 0};
  const std::string other = entry("a", "hullo") + kEnd;
  CHECK(code_of(extract_archive(as_file(other).get(), expected, into.path(), ArchiveSync::kNone)) ==
        ErrorCode::kUnverified);
  expected.size += 1;
  CHECK(code_of(extract_archive(as_file(bytes).get(), expected, into.path(), ArchiveSync::kNone)) ==
        ErrorCode::kUnverified);
  CHECK(must(list_directory(into.path())).empty());
}

TEST_CASE("an archive is unpacked into an empty folder, and through no link") {
  const TemporaryDirectory into = scratch();
  const TemporaryDirectory outside = scratch();
  const std::string through = link_entry("d", "e") + entry("d/file", "x") + kEnd;
  CHECK(code_of(extract(through, into.path())) == ErrorCode::kUnverified);
  CHECK(must(list_directory(into.path())).empty());
  REQUIRE(::symlink(outside.path().c_str(), (into.path() / "link").c_str()) == 0);
  CHECK(code_of(extract(entry("a", "x") + kEnd, into.path())) == ErrorCode::kConflict);
  CHECK_FALSE(extract(entry("a", "x") + kEnd, into.path() / "link").has_value());
  CHECK(must(list_directory(outside.path())).empty());
}

TEST_CASE("modes are exact whatever the umask is") {
  const TemporaryDirectory into = scratch();
  const mode_t before = ::umask(0077);
  must(extract(entry("d/f", "x") + entry("x", "y", FileMode::kExecutable) + kEnd, into.path()));
  ::umask(before);
  const auto mode_of = [&](const char* name) {
    struct stat status{};
    REQUIRE(::stat((into.path() / name).c_str(), &status) == 0);
    return status.st_mode & 07777U;
  };
  CHECK(mode_of("d") == 0755);
  CHECK(mode_of("d/f") == 0644);
  CHECK(mode_of("x") == 0755);
}

}  // namespace statehouse::test
