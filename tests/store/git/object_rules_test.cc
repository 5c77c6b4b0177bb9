#include "store/git/object_rules.h"

#include "store/git/name_folding.h"
#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

std::string rule_of(const std::optional<ObjectRuleViolation>& finding) {
  return finding ? finding->rule : "none";
}

/// `levels` folders called "d", each holding the one below; the innermost holds a file.
Oid deep_tree(StoreFixture& fixture, std::size_t levels) {
  std::vector<GitObject> objects = {{ObjectType::kBlob, "deep"}};
  Oid below = must(object_id(ObjectType::kBlob, "deep"));
  FileMode mode = FileMode::kFile;
  for (std::size_t i = 0; i <= levels; ++i) {
    objects.push_back({ObjectType::kTree, serialize_tree({{mode, "d", below}})});
    below = must(object_id(ObjectType::kTree, objects.back().bytes));
    mode = FileMode::kTree;
  }
  return fixture.plant(objects);
}

/// Ten trees, each holding the next ten times: 10^10 paths.
Oid bomb(StoreFixture& fixture) {
  Oid below = fixture.plant_blob("boom");
  FileMode mode = FileMode::kFile;
  for (int level = 0; level < 10; ++level) {
    std::vector<TreeEntry> entries;
    for (char name = 'a'; name < 'k'; ++name)
      entries.push_back({mode, std::string(1, name), below});
    below = fixture.plant({{ObjectType::kTree, serialize_tree(entries)}});
    mode = FileMode::kTree;
  }
  return below;
}

}  // namespace

TEST_CASE("names that some file system reads as something else are refused") {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"a\nb", "name-control"},      {"a\x7f", "name-control"},
      {"\x1b[2J", "name-control"},   {"a\rb", "name-control"},
      {"a\u0085", "name-control"},   {"a\u202egnp.exe", "name-control"},
      {"a\u2066", "name-control"},   {"\xff", "name-encoding"},
      {"\xc0\xaf", "name-encoding"}, {"\xed\xa0\x80", "name-encoding"},
      {"a\\b", "name-backslash"},    {"..\\x", "name-backslash"},
      {"a.", "name-trailing"},       {"a ", "name-trailing"},
      {"...", "name-trailing"},      {".", "name-dotgit"},
      {"..", "name-dotgit"},         {".git", "name-dotgit"},
      {".GIT", "name-dotgit"},       {".git ", "name-dotgit"},
      {".git. .", "name-dotgit"},    {"git~1", "name-dotgit"},
      {"GIT~1", "name-dotgit"},      {"git~2", "name-dotgit"},
      {".git:x", "name-dotgit"},     {".git::$INDEX_ALLOCATION", "name-dotgit"},
      {".g\u200cit", "name-dotgit"}, {".gi\ufefft", "name-dotgit"},
      {".\u206agit", "name-dotgit"}, {"con", "name-device"},
      {"CON", "name-device"},        {"nul.txt", "name-device"},
      {"Aux.tar.gz", "name-device"}, {"com1", "name-device"},
      {"LPT9.x", "name-device"},     {"com\u00b9", "name-device"},
      {"prn .x", "name-device"},     {"conin$", "name-device"},
  };
  for (const auto& [name, rule] : bad) {
    CAPTURE(name);
    CHECK(rule_of(check_entry_name(name)) == rule);
  }
}

TEST_CASE("ordinary names pass") {
  for (const char* name :
       {"a", "app.yaml", ".gitignore", ".github", ".gitmodules", "git~x", "console", "com10", "com",
        "nullable.txt", "a b", "café", "日本語", "-x", "a:b", "..a", "lpt", "😀", "....x"}) {
    CAPTURE(name);
    CHECK(rule_of(check_entry_name(name)) == "none");
  }
}

TEST_CASE("names collide by case, accents and invisible characters") {
  const std::vector<std::pair<std::string, std::string>> same = {
      {"README", "readme"}, {"é", "e\u0301"}, {"É", "e\u0301"},   {"Ω", "\u2126"},
      {"K", "\u212a"},      {"a\u200d", "A"}, {"ÄPFEL", "äpfel"}, {"Ж", "ж"},
      {"й", "И\u0306"},     {"ǅ", "ǆ"},       {"Ἄ", "ἄ"},         {"ſ", "S"},
  };
  for (const auto& [one, other] : same) {
    CAPTURE(one);
    CHECK(collision_key(one) == collision_key(other));
  }
  for (const auto& [one, other] : std::vector<std::pair<std::string, std::string>>{
           {"a", "b"}, {"e", "é"}, {"ß", "ss"}, {"日", "本"}, {"Ω", "O"}, {"и", "й"}}) {
    CAPTURE(one);
    CHECK(collision_key(one) != collision_key(other));
  }
}

TEST_CASE("targets of links that can leave the root are refused") {
  const std::vector<std::pair<std::string, std::string>> bad = {
      {"", "symlink-target"},
      {"a\nb", "symlink-target"},
      {"a\\b", "symlink-target"},
      {std::string("a\0b", 3), "symlink-target"},
      {std::string(5000, 'a'), "symlink-target"},
      {"/etc/passwd", "symlink-absolute"},
      {"//x", "symlink-absolute"},
      {"a/..", "symlink-escape"},
      {"a/../../b", "symlink-escape"},
      {"../a/../b", "symlink-escape"},
      {"./../a", "symlink-escape"},
      {".git/config", "symlink-git"},
      {"../.git", "symlink-git"},
      {"a/.GIT/hooks", "symlink-git"},
      {".g\u200cit/config", "symlink-git"},
      {"GIT~1/config", "symlink-git"},
      {".git. /config", "symlink-git"},
      {".git::$INDEX_ALLOCATION/config", "symlink-git"},
  };
  for (const auto& [target, rule] : bad) {
    CAPTURE(target);
    CHECK(rule_of(check_symlink_target(target)) == rule);
  }
  for (const auto& [target, climb] :
       std::vector<std::pair<std::string, std::size_t>>{{"a", 0},
                                                        {"a/b", 0},
                                                        {"..", 1},
                                                        {"../", 1},
                                                        {"../a", 1},
                                                        {"../../a", 2},
                                                        {"..a", 0},
                                                        {"./a", 0},
                                                        {"../..", 2},
                                                        {"a/..b", 0}}) {
    CAPTURE(target);
    CHECK(rule_of(check_symlink_target(target)) == "none");
    CHECK(symlink_climb(target) == climb);
  }
}

TEST_CASE("a tree is refused for what it holds, with the path") {
  StoreFixture fixture;
  ObjectRules rules;
  const Oid blob = fixture.plant_blob("x");
  const auto check = [&](FileMode mode, const std::string& name, const Oid& entry) {
    const Oid inner = fixture.plant_tree(mode, name, entry);
    const Oid outer = fixture.plant_tree(FileMode::kTree, "dir", inner);
    return must(rules.check_tree(*fixture.open(), outer));
  };
  auto finding = check(FileMode::kGitlink, "sub", blob);
  CHECK(rule_of(finding) == "gitlink");
  CHECK(finding->path == "dir/sub");
  finding = check(FileMode::kSymlink, "up", fixture.plant_blob("../../x"));
  CHECK(rule_of(finding) == "symlink-escape");
  CHECK(finding->path == "dir/up");
  CHECK(rule_of(check(FileMode::kSymlink, "abs", fixture.plant_blob("/x"))) == "symlink-absolute");
  CHECK(rule_of(check(FileMode::kSymlink, "big", fixture.plant_blob(std::string(9999, 'x')))) ==
        "symlink-target");
  for (const char* name : {".gitattributes", ".GITIGNORE", ".mailmap", "gi7d29~1", "gitatt~1"}) {
    CAPTURE(name);
    CHECK(rule_of(check(FileMode::kSymlink, name, blob)) == "special-symlink");
    CHECK(rule_of(check(FileMode::kFile, name, blob)) == "none");
  }
  CHECK(rule_of(check(FileMode::kFile, "nul", blob)) == "name-device");
  CHECK(rule_of(check(FileMode::kSymlink, "up", fixture.plant_blob("../x"))) == "none");
}

TEST_CASE("one tree may be good in one place and bad in another") {
  StoreFixture fixture;
  ObjectRules rules;
  const Oid with_link = fixture.plant_tree(FileMode::kSymlink, "l", fixture.plant_blob("../x"));
  const Oid below = fixture.plant_tree(FileMode::kTree, "d", with_link);
  CHECK(rule_of(must(rules.check_tree(*fixture.open(), below))) == "none");
  CHECK(rule_of(must(rules.check_tree(*fixture.open(), with_link))) == "symlink-escape");
}

TEST_CASE("neighbours that collide are refused") {
  StoreFixture fixture;
  ObjectRules rules;
  const Oid blob = fixture.plant_blob("x");
  const Oid tree = fixture.plant(
      {{ObjectType::kTree, serialize_tree({{FileMode::kFile, "Apps", blob},
                                           {FileMode::kTree, "apps",
                                            fixture.plant_tree(FileMode::kFile, "a", blob)}})}});
  const auto finding = must(rules.check_tree(*fixture.open(), tree));
  CHECK(rule_of(finding) == "name-collision");
  CHECK((finding->path == "apps" || finding->path == "Apps"));
}

TEST_CASE("a git bomb costs ten reads and is refused") {
  StoreFixture fixture;
  ObjectRules rules;
  CHECK(rule_of(must(rules.check_tree(*fixture.open(), bomb(fixture)))) == "tree-entries");
}

TEST_CASE("folders nest to the limit and no deeper") {
  StoreFixture fixture;
  ObjectRules rules;
  CHECK(rule_of(must(rules.check_tree(*fixture.open(),
                                      deep_tree(fixture, limits::kTreeDepthMax)))) == "none");
  const Oid deep = deep_tree(fixture, limits::kTreeDepthMax + 1);
  CHECK(rule_of(must(rules.check_tree(*fixture.open(), deep))) == "tree-depth");
  ObjectRules fresh;
  CHECK(rule_of(must(fresh.check_tree(*fixture.open(), deep))) == "tree-depth");
}

TEST_CASE("paths are as long as allowed and no longer") {
  StoreFixture fixture;
  ObjectRules rules;
  Oid below = fixture.plant_blob("x");
  FileMode mode = FileMode::kFile;
  for (int i = 0; i < 20; ++i) {
    below = fixture.plant_tree(mode, std::string(250, 'n'), below);
    mode = FileMode::kTree;
  }
  CHECK(rule_of(must(rules.check_tree(*fixture.open(), below))) == "path-length");
}

TEST_CASE("every commit of a push is looked at, not only the tip") {
  StoreFixture fixture;
  Workspace workspace;
  workspace.link("out", "/etc/passwd");
  const Oid bad = workspace.commit("bad");
  run(workspace.path(), {"rm", "out"});
  workspace.write("fine", "x");
  const Oid tip = workspace.commit("as if nothing had been");
  const Quarantine quarantine = must(fixture.ingest(workspace.pack(tip)));
  ObjectRules rules;
  CHECK(rule_of(must(rules.check_commits(quarantine.view(), std::vector{tip}))) == "none");
  CHECK(rule_of(must(rules.check_commits(quarantine.view(), std::vector{bad, tip}))) ==
        "symlink-absolute");
}

}  // namespace statehouse::test
