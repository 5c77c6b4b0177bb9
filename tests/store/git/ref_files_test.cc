#include "store/git/ref_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

const Oid kOne = Oid::from_bytes(std::string(20, '\1'));
const Oid kTwo = Oid::from_bytes(std::string(20, '\2'));

/// Steps of which the first rename fails.
class FirstRenameFails final : public DurableSteps {
 public:
  Result<> before(std::string_view step) override {
    if (step != "ref.rename" || std::exchange(failed_, true)) return {};
    return unavailable("the disk is full");
  }
  Result<> after(std::string_view /*step*/) override { return {}; }

 private:
  bool failed_ = false;
};

/// A repository whose ref files are looked at and broken.
struct Refs : StoreFixture {
  void set(std::string_view ref_name, const Oid& oid) {
    const std::vector<RefFileUpdate> update = {{ref(ref_name), oid}};
    must(write_ref_files(app(), update, steps));
  }
  Result<> try_set(std::string_view ref_name, const std::optional<Oid>& oid) {
    const std::vector<RefFileUpdate> update = {{ref(ref_name), oid}};
    return write_ref_files(app(), update, steps);
  }
  [[nodiscard]] std::optional<Oid> get(std::string_view ref_name) const {
    return must(read_ref_file(app(), ref(ref_name)));
  }
  void file(const std::string& file_name, std::string_view bytes) {
    must(make_directories((app() / file_name).parent_path()));
    ::unlink((app() / file_name).c_str());
    const FileDescriptor fd = must(open_file(app() / file_name, O_WRONLY | O_CREAT | O_TRUNC));
    must(write_all(fd.get(), bytes));
  }
  [[nodiscard]] bool exists(const std::string& file_name) const {
    return ::access((app() / file_name).c_str(), F_OK) == 0;
  }
};

}  // namespace

TEST_CASE_FIXTURE(Refs, "a ref file that is not exactly an id is tampering") {
  for (const std::string& content :
       {std::string(), kOne.hex(), kOne.hex() + "\n\n", kOne.hex() + " \n", " " + kOne.hex() + "\n",
        "ref: refs/heads/other\n" + std::string(), kOne.hex().substr(1) + "\n",
        std::string(40, 'A') + "\n", std::string(5000, 'a')}) {
    CAPTURE(content);
    file("refs/heads/main", content);
    CHECK(code_of(read_ref_file(app(), ref("refs/heads/main"))) == ErrorCode::kCorrupt);
    CHECK(code_of(list_ref_files(app())) == ErrorCode::kCorrupt);
  }
}

TEST_CASE_FIXTURE(Refs, "links, pipes and strange names among the refs are tampering") {
  file("elsewhere", kOne.hex() + "\n");
  REQUIRE(::symlink("../../elsewhere", (app() / "refs/heads/link").c_str()) == 0);
  CHECK(code_of(read_ref_file(app(), ref("refs/heads/link"))) == ErrorCode::kCorrupt);
  CHECK(code_of(list_ref_files(app())) == ErrorCode::kCorrupt);
  CHECK(code_of(try_set("refs/heads/link", kTwo)) == ErrorCode::kCorrupt);
  ::unlink((app() / "refs/heads/link").c_str());
  REQUIRE(::mkfifo((app() / "refs/heads/pipe").c_str(), 0600) == 0);
  CHECK(code_of(read_ref_file(app(), ref("refs/heads/pipe"))) == ErrorCode::kCorrupt);
  ::unlink((app() / "refs/heads/pipe").c_str());
  file("refs/heads/a b", kOne.hex() + "\n");
  CHECK(code_of(list_ref_files(app())) == ErrorCode::kCorrupt);
}

TEST_CASE_FIXTURE(Refs, "a lock held by another git is a conflict, and is left alone") {
  set("refs/heads/main", kOne);
  file("refs/heads/main.lock", "");
  CHECK(code_of(try_set("refs/heads/main", kTwo)) == ErrorCode::kConflict);
  CHECK(exists("refs/heads/main.lock"));
  CHECK(get("refs/heads/main") == kOne);
}

TEST_CASE_FIXTURE(Refs, "a ref and a folder of one name cannot both be") {
  set("refs/heads/a", kOne);
  CHECK(code_of(try_set("refs/heads/a/b", kTwo)) == ErrorCode::kConflict);
  set("refs/heads/x/y", kOne);
  CHECK(code_of(try_set("refs/heads/x", kTwo)) == ErrorCode::kConflict);
  CHECK(get("refs/heads/x/y") == kOne);
  CHECK_FALSE(exists("refs/heads/x.lock"));
}

TEST_CASE_FIXTURE(Refs, "one push may not name a ref twice, and locks all or nothing") {
  const std::vector<RefFileUpdate> twice = {{ref("refs/heads/a"), kOne},
                                            {ref("refs/heads/a"), kTwo}};
  CHECK(code_of(RefLocks::acquire(app(), twice, steps)) == ErrorCode::kInvalidArgument);
  CHECK_FALSE(exists("refs/heads/a.lock"));
  file("refs/heads/b.lock", "");
  const std::vector<RefFileUpdate> both = {{ref("refs/heads/a"), kOne},
                                           {ref("refs/heads/b"), kTwo}};
  CHECK(code_of(RefLocks::acquire(app(), both, steps)) == ErrorCode::kConflict);
  CHECK_FALSE(exists("refs/heads/a.lock"));
}

TEST_CASE_FIXTURE(Refs, "locks that are dropped change nothing") {
  set("refs/heads/main", kOne);
  {
    const std::vector<RefFileUpdate> update = {{ref("refs/heads/main"), kTwo}};
    const RefLocks locks = must(RefLocks::acquire(app(), update, steps));
    CHECK(must(read_file(app() / "refs/heads/main.lock", 99)) == kTwo.hex() + "\n");
    CHECK(get("refs/heads/main") == kOne);
  }
  CHECK(get("refs/heads/main") == kOne);
  CHECK_FALSE(exists("refs/heads/main.lock"));
}

TEST_CASE_FIXTURE(Refs, "published refs are those that git shows") {
  const Oid blob = plant_blob("x");
  const std::vector<RefFileUpdate> updates = {{ref("refs/heads/team/one"), blob},
                                              {ref("refs/tags/v1"), blob}};
  BreakingSteps seen;
  must(write_ref_files(app(), updates, seen));
  CHECK(run(app(), {"git", "-c", "safe.directory=*", "show-ref"}) ==
        blob.hex() + " refs/heads/team/one\n" + blob.hex() + " refs/tags/v1\n");
  CHECK(must(list_ref_files(app())).size() == 2);
  CHECK(seen.seen() == std::vector<std::string>{"ref.lock", "ref.lock-sync", "ref.lock",
                                                "ref.lock-sync", "ref.rename", "ref.sync-directory",
                                                "ref.rename", "ref.sync-directory"});
}

TEST_CASE_FIXTURE(Refs, "a publish that fails leaves no lock, and does not stop the other refs") {
  set("refs/heads/a", kOne);
  const std::vector<RefFileUpdate> updates = {{ref("refs/heads/a"), kTwo},
                                              {ref("refs/heads/b"), kTwo}};
  FirstRenameFails broken;
  CHECK(code_of(write_ref_files(app(), updates, broken)) == ErrorCode::kUnavailable);
  CHECK(get("refs/heads/a") == kOne);
  CHECK(get("refs/heads/b") == kTwo);
  CHECK_FALSE(exists("refs/heads/a.lock"));
  set("refs/heads/a", kTwo);
}

TEST_CASE_FIXTURE(Refs, "a deleted ref is gone, packed or not, and its folder can become a ref") {
  const Oid blob = plant_blob("x");
  set("refs/heads/a/b", blob);
  set("refs/heads/keep", blob);
  run(app(), {"git", "-c", "safe.directory=*", "pack-refs", "--all"});
  CHECK(get("refs/heads/a/b") == blob);
  CHECK_FALSE(exists("refs/heads/a/b"));
  must(try_set("refs/heads/a/b", std::nullopt));
  CHECK_FALSE(get("refs/heads/a/b").has_value());
  CHECK(get("refs/heads/keep") == blob);
  CHECK_FALSE(exists("packed-refs.lock"));
  set("refs/heads/a", kOne);
  CHECK(get("refs/heads/a") == kOne);
}

TEST_CASE_FIXTURE(Refs, "packed-refs is read strictly") {
  for (const std::string& content :
       {std::string("junk\n"), kOne.hex() + "\n", kOne.hex() + " refs/heads/a",
        kOne.hex() + " refs/heads/../a\n", "^" + kOne.hex().substr(1) + "\n",
        kOne.hex() + " refs/heads/a\n" + kTwo.hex() + " refs/heads/a\n", std::string("\n")}) {
    CAPTURE(content);
    file("packed-refs", content);
    CHECK(code_of(list_ref_files(app())) == ErrorCode::kCorrupt);
    CHECK(code_of(read_ref_file(app(), ref("refs/heads/a"))) == ErrorCode::kCorrupt);
  }
  file("packed-refs", "# pack-refs with: peeled fully-peeled sorted \n" + kOne.hex() +
                          " refs/heads/a\n" + kTwo.hex() + " refs/tags/t\n^" + kOne.hex() + "\n");
  file("refs/heads/a", kTwo.hex() + "\n");
  const std::map<RefName, Oid> refs = must(list_ref_files(app()));
  CHECK(refs.at(ref("refs/heads/a")) == kTwo);
  CHECK(refs.at(ref("refs/tags/t")) == kTwo);
  must(try_set("refs/tags/t", std::nullopt));
  CHECK(must(read_file(app() / "packed-refs", 999)) ==
        "# pack-refs with: peeled fully-peeled sorted \n" + kOne.hex() + " refs/heads/a\n");
}

TEST_CASE_FIXTURE(Refs, "a step that fails leaves the old ref or the new one and no lock") {
  for (const char* step : {"ref.lock", "ref.lock-sync", "ref.rename", "ref.sync-directory"}) {
    for (const bool is_before : {true, false}) {
      CAPTURE(step);
      CAPTURE(is_before);
      set("refs/heads/main", kOne);
      BreakingSteps breaking;
      is_before ? breaking.break_before(step) : breaking.break_after(step);
      const std::vector<RefFileUpdate> update = {{ref("refs/heads/main"), kTwo}};
      CHECK(code_of(write_ref_files(app(), update, breaking)) == ErrorCode::kUnavailable);
      const auto now = get("refs/heads/main");
      CHECK((now == kOne || now == kTwo));
      CHECK_FALSE(exists("refs/heads/main.lock"));
      must(write_ref_files(app(), update, steps));
      CHECK(get("refs/heads/main") == kTwo);
    }
  }
}

TEST_CASE_FIXTURE(Refs, "locks that a killed server left are removed, and nothing else") {
  set("refs/heads/main", kOne);
  file("refs/heads/main.lock", kTwo.hex() + "\n");
  file("refs/heads/team/app.lock", "");
  CHECK(must(remove_stale_ref_locks(app())) == 2);
  CHECK_FALSE(exists("refs/heads/main.lock"));
  CHECK(get("refs/heads/main") == kOne);
  CHECK(must(remove_stale_ref_locks(app())) == 0);
}

TEST_CASE_FIXTURE(Refs, "HEAD names a branch and nothing else") {
  CHECK(must(read_head(app())) == ref("refs/heads/main"));
  must(write_head(app(), ref("refs/heads/deploy"), steps));
  CHECK(must(read_head(app())) == ref("refs/heads/deploy"));
  for (const std::string& content : {kOne.hex() + "\n", std::string("ref: main\n"),
                                     std::string("ref: refs/heads/x"), std::string()}) {
    file("HEAD", content);
    CHECK(code_of(read_head(app())) == ErrorCode::kCorrupt);
  }
}

}  // namespace statehouse::test
