#include <algorithm>

#include "api/service/integrity.h"
#include "tests/api/service/service_fixture.h"

namespace statehouse::test {

namespace {

/// The organisation with carol no developer any more.
std::string without_carol() {
  std::string text = ServiceFixture::organisation();
  const std::string members = "[alice, bob, carol, erin, frank, ci]";
  return text.replace(text.find(members), members.size(), "[alice, bob, erin, frank, ci]");
}

bool has_alarm(ServiceFixture& fixture, std::string_view what) {
  for (const Alarm& alarm : fixture.core().alarms.list()) {
    if (alarm.what == what) return true;
  }
  return false;
}

}  // namespace

TEST_CASE_FIXTURE(ServiceFixture,
                  "an accepted push has a version, an entry, a ref file and evidence") {
  const Oid made = push_commit();
  const VersionRecord record = *must(ledger().version(key_of("platform:refs/heads/audit"), 1));
  CHECK(record.content->commit == made);
  CHECK(record.kind == VersionKind::kPush);
  CHECK(record.commits.verified == 1);
  CHECK(record.actor.identity == "alice");
  CHECK(ref_file("platform:refs/heads/audit") == made);
  const Json event = newest_event();
  CHECK(event["type"] == "statehouse.ref.updated");
  CHECK(event["data"]["commit"] == made.hex());
  CHECK(must(ledger().evidence_of(record.entry)).size() == 1);
}

TEST_CASE_FIXTURE(ServiceFixture, "two refs of one push share a push id and follow one another") {
  const Oid made = commit();
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", made}, {"refs/heads/topic/b", made}})
              .accepted());
  const auto a = *must(ledger().version(key_of("platform:refs/heads/topic/a"), 1));
  const auto b = *must(ledger().version(key_of("platform:refs/heads/topic/b"), 1));
  CHECK(a.push_id == b.push_id);
  CHECK(b.entry == a.entry + 1);
}

TEST_CASE_FIXTURE(ServiceFixture, "a configuration that changes before the commit decides again") {
  REQUIRE(push_configuration({{"organisation.yaml", without_carol()}}).accepted());
  const PromotionNumber number = open("alice", "system");
  accepted(approve("bob", number));
  const Oid made = commit({.author = "carol"});
  const auto before = object_files("platform");
  steps.meanwhile("ref.lock", [&] { accepted(merge("bob", number)); });
  const PushResult result = push("carol", made);
  CHECK_MESSAGE(result.denied_by("audit/update"), result.text());
  CHECK_FALSE(state("platform:refs/heads/audit"));
  CHECK(object_files("platform") == before);
  CHECK_FALSE(ref_file("platform:refs/heads/audit"));
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "what is decided again under a new configuration is judged by it") {
  REQUIRE(push_configuration({{"organisation.yaml", without_carol()}}).accepted());
  const PromotionNumber number = open("alice", "system");
  accepted(approve("bob", number));
  const Oid made = commit();
  steps.meanwhile("ref.lock", [&] { accepted(merge("bob", number)); });
  CHECK(push("alice", made).accepted());
  CHECK(must(ledger().version(key_of("platform:refs/heads/audit"), 1))->configuration ==
        version("system:refs/heads/deploy"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a verdict stands although its key was revoked since") {
  const Oid made = push_commit({.author = "carol"});
  std::string text = organisation();
  const std::string key = "    - ssh: \"" + public_key_line("carol") + "\"\n";
  text.insert(text.find(key) + key.size(),
              "      revoked: {at: 2026-03-01T12:00:00Z, reason: retired}\n");
  declare({{"organisation.yaml", text}});
  const Oid next = commit({.author = "alice", .parents = {made}});
  CHECK(push("alice", next).accepted());
  CHECK(push("carol", commit({.author = "carol"})).denied_by("audit/signatures"));
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a full disk before the commit leaves nothing and can be tried again") {
  const Oid made = commit();
  const auto before = object_files("platform");
  const std::uint64_t size = log_size();
  for (const char* step :
       {"objects.pack-sync", "objects.move", "ref.lock", "ref.lock-sync", "ledger.commit"}) {
    CAPTURE(step);
    steps.break_before(step);
    const auto report =
        push_moves("alice", "platform", {{key_of("platform:refs/heads/audit"), std::nullopt, made}},
                   workshop.pack({made}));
    steps.heal();
    CHECK(code_of(report) == ErrorCode::kUnavailable);
    CHECK(object_files("platform") == before);
    CHECK_FALSE(ref_file("platform:refs/heads/audit"));
  }
  CHECK(log_size() == size);
  CHECK(push("alice", made).accepted());
}

TEST_CASE_FIXTURE(ServiceFixture, "an unknown outcome stops writing until a restart finds out") {
  const Oid made = commit();
  steps.break_after("ledger.commit");
  const auto report =
      push_moves("alice", "platform", {{key_of("platform:refs/heads/audit"), std::nullopt, made}},
                 workshop.pack({made}));
  steps.heal();
  CHECK(code_of(report) == ErrorCode::kInternal);
  const Oid other = commit();
  CHECK(code_of(push_moves("alice", "platform",
                           {{key_of("platform:refs/heads/topic/a"), std::nullopt, other}},
                           workshop.pack({other}))) == ErrorCode::kUnavailable);
  reopen();
  CHECK(tip("platform:refs/heads/audit") == made);
  CHECK(ref_file("platform:refs/heads/audit") == made);
  CHECK(must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).ok());
  push_commit({.files = {{"a.yaml", "a: 1\n"}}});
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a ref file that cannot be written is an alarm, and mended by a restart") {
  const Oid made = commit();
  steps.break_before("ref.rename");
  CHECK(push("alice", made).accepted());
  steps.heal();
  CHECK(has_alarm(*this, "ref-file"));
  CHECK(tip("platform:refs/heads/audit") == made);
  CHECK(store->fetches()
            .view(as("alice"), must(RepositoryName::parse("platform")))
            ->find(key_of("platform:refs/heads/audit").ref) != nullptr);
  reopen();
  CHECK_FALSE(has_alarm(*this, "ref-file"));
  CHECK(ref_file("platform:refs/heads/audit") == made);
}

TEST_CASE_FIXTURE(ServiceFixture,
                  "a move that could not be published does not hinder the next one") {
  steps.break_before("ref.rename");
  CHECK(push("alice", commit()).accepted());
  steps.heal();
  const Oid next = push_commit({.files = {{"a.yaml", "a: 1\n"}}});
  CHECK(ref_file("platform:refs/heads/audit") == next);
  check_ref_files(core());
  CHECK_FALSE(has_alarm(*this, "ref-file"));
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref file changed by hand is an alarm and is not served") {
  const Oid first = push_commit();
  const Oid second = push_commit({.files = {{"a.yaml", "a: 1\n"}}});
  UnwatchedSteps plain;
  must(write_file_durably(
      core().repositories.path(must(RepositoryName::parse("platform"))) / "refs/heads/audit",
      first.hex() + "\n", 0600, plain, "test"));
  check_ref_files(core());
  CHECK(has_alarm(*this, "ref-file"));
  reopen();
  CHECK(has_alarm(*this, "ref-file"));
  CHECK(tip("platform:refs/heads/audit") == second);
  CHECK(ref_file("platform:refs/heads/audit") == first);
  CHECK_FALSE(must(check_integrity(*store, RefRepair::kReportOnly, nullptr)).ok());
  CHECK(must(check_integrity(*store, RefRepair::kRepair, nullptr)).ok());
  CHECK(ref_file("platform:refs/heads/audit") == second);
}

TEST_CASE_FIXTURE(ServiceFixture, "a ref whose objects are damaged is not served, the others are") {
  push_commit();
  const Oid other = workshop.commit({.files = {{"b.yaml", "b: 1\n"}}});
  REQUIRE(push("alice", "platform", {{"refs/heads/topic/a", other}}).accepted());
  settle();
  const RepositoryName platform = must(RepositoryName::parse("platform"));
  const Path folder = core().repositories.path(platform) / "objects";
  const auto files = object_files("platform");
  const auto pack = std::ranges::find_if(files, [](const auto& f) { return f.ends_with(".pack"); });
  REQUIRE(pack != files.end());
  store.reset();
  must(remove_tree(folder / *pack));
  reopen();
  const RepositoryView view = must(store->fetches().view(as("alice"), platform));
  CHECK(view.refs.size() == 1);
  CHECK(has_alarm(*this, "object"));
}

}  // namespace statehouse::test
