#include "store/git/object.h"

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

const std::string kId(Oid::kBytes, 'x');

std::string entry(std::string_view mode, std::string_view name) {
  return std::string(mode) + " " + std::string(name) + std::string(1, '\0') + kId;
}

}  // namespace

TEST_CASE("a tree that git would not write is refused") {
  const std::vector<std::string> bad = {
      "100644",
      "100644 a",
      entry("100644", "a").substr(0, 20),
      entry("0100644", "a"),
      entry("040000", "a"),
      entry("100664", "a"),
      entry("100600", "a"),
      entry("", "a"),
      entry("100644", ""),
      entry("100644", "a/b"),
      entry("100644", "b") + entry("100644", "a"),
      entry("100644", "a") + entry("100644", "a"),
      entry("40000", "a") + entry("100644", "a.b"),
      entry("100644", "a") + entry("100644", "a.b") + entry("40000", "a"),
      entry("100644", "a") + "x",
  };
  for (const std::string& bytes : bad) {
    CAPTURE(bytes);
    CHECK(code_of(parse_tree(bytes)) == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE("a tree reads as it was written, in Git's order") {
  const std::string bytes = entry("100755", "a.b") + entry("40000", "a") + entry("120000", "a0") +
                            entry("160000", "b") + entry("100644", "c");
  const std::vector<TreeEntry> entries = must(parse_tree(bytes));
  REQUIRE(entries.size() == 5);
  CHECK(entries[1].is_tree());
  CHECK(entries[3].mode == FileMode::kGitlink);
  CHECK(serialize_tree({entries.rbegin(), entries.rend()}) == bytes);
  CHECK(must(parse_tree("")).empty());
}

TEST_CASE("ids are those of git hash-object") {
  const GitLibrary library;
  const Workspace workspace;
  CHECK(must(object_id(ObjectType::kBlob, "hello\n")) == workspace.raw_object("blob", "hello\n"));
  CHECK(must(object_id(ObjectType::kTree, "")).hex() == "4b825dc642cb6eb9a060e54bf8d69288fbee4904");
}

}  // namespace statehouse::test
