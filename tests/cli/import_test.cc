#include <doctest/doctest.h>

#include "cli/baseline_edit.h"
#include "crypto/git_object.h"
#include "crypto/sshsig.h"
#include "tests/cli/cli_fixture.h"
#include "tests/cli/git_fixture.h"

namespace statehouse {

using test::TestCli;
using test::TestRepository;

namespace {

Baseline example_baseline(char digit) {
  return {RefName::parse("refs/heads/audit").value(), Oid::parse(std::string(40, digit)).value(),
          Oid::parse(std::string(40, '1')).value(), "sha256:" + std::string(64, '2'),
          "sha256:" + std::string(64, '3')};
}

const RepositoryName& platform() {
  static const RepositoryName kName = RepositoryName::parse("platform").value();
  return kName;
}

std::vector<Repository> repositories_in(const TreeFile& file) {
  std::vector<Repository> found;
  const auto resources = read_resources(file.path, file.bytes).value();
  for (const Resource& resource : resources) {
    if (const auto* repository = std::get_if<Repository>(&resource)) found.push_back(*repository);
  }
  return found;
}

/// A system repository, one to import, and a person with a key.
struct Import {
  Import()
      : governing(cli.path("git/system.git")),
        source(cli.path("source.git")),
        key(Ed25519SecretKey::generate(cli.entropy)) {
    tip = governing.commit("refs/heads/audit", {{"policies/all.yaml", configuration()}});
    commit = source.commit("refs/heads/main", {{"a.yaml", "1"}});
    cli.file("key", format_openssh_private_key(key, "alice", cli.entropy));
    cli.file(".gitconfig", "[user]\n\tname = Alice\n\temail = alice@example.org\n");
    cli.variables["HOME"] = cli.directory.path().string();
  }

  [[nodiscard]] std::string configuration() const {
    return "apiVersion: statehouse/v1\nkind: Identity\nmetadata: {name: alice}\n"
           "spec:\n  type: person\n  emails: [alice@example.org]\n"
           "---\n# a comment that stays\napiVersion: statehouse/v1\nkind: Group\n"
           "metadata: {name: administrators}\nspec: {members: [alice]}\n";
  }

  int run(const std::string& from, const std::string& ref = "main") {
    cli.variables["STATEHOUSE_SERVER"] = "file://" + cli.directory.path().string();
    return cli.run({"repository", "import", "platform", "--from", from, "--ref", ref, "--to",
                    "deploy", "--key", "key", "-o", "json"});
  }

  GitLibrary library;
  TestCli cli;
  TestRepository governing;
  TestRepository source;
  Ed25519SecretKey key;
  std::string tip;
  std::string commit;
};

}  // namespace

TEST_CASE("a new repository gets a file of its own that reads back") {
  std::vector<TreeFile> files{{"README.md", FileMode::kFile, "not: [yaml"}};
  CHECK(add_baseline(files, platform(), example_baseline('a')) == BaselineEdit::kAdded);
  REQUIRE(files.size() == 2);
  CHECK(files[1].path == "repositories/platform.yaml");
  const auto found = repositories_in(files[1]);
  REQUIRE(found.size() == 1);
  CHECK(found[0].default_branch == RefName::parse("refs/heads/audit").value());
  CHECK(found[0].baselines.size() == 1);
}

TEST_CASE("an existing document gets the baseline and its neighbours stay as they are") {
  const std::string before =
      "# head\napiVersion: statehouse/v1\nkind: Group\n"
      "metadata: {name: g}\nspec: {members: []}\n---\n";
  const std::string after =
      "---\n# tail\napiVersion: statehouse/v1\nkind: Repository\n"
      "metadata: {name: other}\nspec: {}\n";
  std::vector<TreeFile> files{
      {"all.yaml", FileMode::kFile,
       before +
           "apiVersion: statehouse/v1\nkind: Repository\nmetadata: {name: platform}\n"
           "spec: {description: \"A \\\"b\\\": c\"}\n" +
           after}};
  CHECK(add_baseline(files, platform(), example_baseline('a')) == BaselineEdit::kAdded);
  CHECK(add_baseline(files, platform(), example_baseline('b')) == BaselineEdit::kAdded);
  CHECK(add_baseline(files, platform(), example_baseline('b')) == BaselineEdit::kWasThere);
  CHECK(files.size() == 1);
  CHECK(files[0].bytes.starts_with(before));
  CHECK(files[0].bytes.ends_with(after));
  const auto found = repositories_in(files[0]);
  REQUIRE(found.size() == 2);
  CHECK(found[0].description == "A \"b\": c");
  CHECK(found[0].baselines.size() == 2);
  CHECK_FALSE(found[0].default_branch);
}

TEST_CASE("a configuration that does not read is not edited") {
  std::vector<TreeFile> files{{"bad.yaml", FileMode::kFile, "kind: [\n"}};
  CHECK(add_baseline(files, platform(), example_baseline('a')).error().code ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE("a source or ref that is not there fails and pushes nothing") {
  Import import;
  CHECK(import.run((import.cli.directory.path() / "nowhere").string()) != 0);
  CHECK(import.run("source.git", "no-such-branch") == 3);
  CHECK(import.run("--upload-pack=touch x") == 2);
  CHECK(import.run("ext::sh -c true") == 2);
  CHECK(import.governing.git({"rev-parse", "refs/heads/audit"}) == import.tip);
}

TEST_CASE("a source that is no repository is not found, whatever language git speaks") {
  Import import;
  for (const char* language : {"", "de_DE.UTF-8"}) {
    import.cli.variables["LANG"] = language;
    import.cli.variables["LANGUAGE"] = "de";
    for (const char* from : {"NOTHERE", "/nowhere/at/all", "file:///nowhere.git"}) {
      CHECK(import.run(from) == 3);
    }
    CHECK(import.run("http://127.0.0.1:1/x.git") == 7);
  }
}

TEST_CASE("the password in a source's URL is printed neither on success nor on failure") {
  Import import;
  import.cli.terminal = StreamKind::kTerminal;
  const auto printed = [&] { return import.cli.out + import.cli.err; };
  CHECK(import.run("http://alice:PASS@127.0.0.1:1/x.git") == 7);
  CHECK(printed().find("http://127.0.0.1:1/x.git") != std::string::npos);
  CHECK(printed().find("PASS") == std::string::npos);
  CHECK(import.run("ext::http://alice:PASS@a") == 2);
  CHECK(printed().find("PASS") == std::string::npos);

  const std::string source = "file://alice:PASS@" + import.cli.path("source.git").string();
  import.cli.file(".gitconfig", "[user]\n\tname = Alice\n\temail = alice@example.org\n[url \"" +
                                    import.cli.path("source.git").string() +
                                    "\"]\n\tinsteadOf = " + source + "\n");
  REQUIRE(import.run(source) == 0);
  CHECK(printed().find("in a clone of file:///") != std::string::npos);
  CHECK(printed().find("PASS") == std::string::npos);
}

TEST_CASE("an import that would make the configuration invalid pushes nothing") {
  Import import;
  const std::string bad =
      import.governing.commit("refs/heads/audit", {{"a.yaml", "kind: Nothing\n"}});
  CHECK(import.run("source.git") == 2);
  CHECK(import.governing.git({"rev-parse", "refs/heads/audit"}) == bad);
}

TEST_CASE("import declares the digests in a signed commit on the audit branch") {
  Import import;
  const int code = import.run("source.git");
  CAPTURE(import.cli.err);
  REQUIRE(code == 0);
  const Json document = import.cli.json();
  CHECK(document["baseline"]["commit"] == import.commit);
  CHECK(document["next"].size() == 4);
  CHECK(import.cli.err.find("no policy governs platform:refs/heads/deploy") != std::string::npos);
  const std::string head = import.governing.git({"rev-parse", "refs/heads/audit"});
  CHECK(document["systemCommit"] == head);
  CHECK(import.governing.git({"rev-parse", head + "^"}) == import.tip);
  const std::string raw = import.governing.git({"cat-file", "commit", head}) + "\n";
  const GitSignatureSplit split = split_commit(raw);
  REQUIRE(split.state == GitSignatureState::kSigned);
  CHECK(verify_ssh_signature(split.signed_payload.payload, split.signed_payload.signature, "git"));
  CHECK(import.governing.git({"show", head + ":policies/all.yaml"}) + "\n" ==
        import.configuration());
  CHECK(import.governing.git({"show", head + ":repositories/platform.yaml"}).find(import.commit) !=
        std::string::npos);
}

TEST_CASE("importing the same again changes nothing") {
  Import import;
  REQUIRE(import.run("source.git") == 0);
  const std::string head = import.governing.git({"rev-parse", "refs/heads/audit"});
  CHECK(import.run("source.git") == 0);
  CHECK(import.cli.json()["systemCommit"].is_null());
  CHECK(import.governing.git({"rev-parse", "refs/heads/audit"}) == head);
}

TEST_CASE("a bundle is a source like any other") {
  Import import;
  import.source.git({"bundle", "create", import.cli.path("all.bundle").string(), "--all"});
  CHECK(import.run("all.bundle") == 0);
  CHECK(import.cli.json()["baseline"]["commit"] == import.commit);
}

}  // namespace statehouse
