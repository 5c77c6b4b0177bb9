#include "tests/store/ledger/fixture.h"

namespace statehouse {

namespace {

class RefsFixture : public LedgerFixture {
 public:
  RefsFixture() { create_repository(); }

  ErrorCode refused(const VersionDraft& draft) {
    const auto moved = move(draft);
    REQUIRE_FALSE(moved);
    return moved.error().code;
  }
  Result<> expect_at(const RefKey& key, VersionNumber version) {
    return ledger().commit(
        [&](Transaction& transaction) { return transaction.require_ref_at(key, version); });
  }
  VersionDraft deletion(VersionNumber version) {
    VersionDraft draft = version_draft(audit_ref(), version);
    draft.kind = VersionKind::kDelete;
    draft.content = std::nullopt;
    return draft;
  }
};

}  // namespace

TEST_CASE_FIXTURE(RefsFixture, "versions that do not follow are conflicts") {
  REQUIRE(move(version_draft(audit_ref(), 1)));
  for (const VersionNumber version : {0, 1, 3, 100}) {
    CHECK(refused(version_draft(audit_ref(), version)) == ErrorCode::kConflict);
  }
  CHECK(expect_at(audit_ref(), 0).error().code == ErrorCode::kConflict);
  CHECK(expect_at(audit_ref(), 2).error().code == ErrorCode::kConflict);
  CHECK(expect_at(deploy_ref(), 1).error().code == ErrorCode::kConflict);
  CHECK(expect_at(audit_ref(), 1));
  CHECK(expect_at(deploy_ref(), 0));
  CHECK(read().tree_size() == 1);
}

TEST_CASE_FIXTURE(RefsFixture, "malformed versions are refused") {
  VersionDraft no_content = version_draft(audit_ref(), 1);
  no_content.content = std::nullopt;
  VersionDraft full_delete = version_draft(audit_ref(), 1);
  full_delete.kind = VersionKind::kDelete;
  VersionDraft zero = version_draft(audit_ref(), 1);
  zero.content->commit = Oid();
  VersionDraft bare_digest = version_draft(audit_ref(), 1);
  bare_digest.content->commit_digest = std::string(64, 'a');
  VersionDraft no_tree_digest = version_draft(audit_ref(), 1);
  no_tree_digest.content->tree_digest = "";
  VersionDraft no_policy = version_draft(audit_ref(), 1);
  no_policy.policy_digest = "";
  for (const VersionDraft& bad :
       {no_content, full_delete, zero, bare_digest, no_tree_digest, no_policy, deletion(1)}) {
    CHECK(refused(bad) == ErrorCode::kInvalidArgument);
  }
}

TEST_CASE_FIXTURE(RefsFixture, "a ref beside one that is its folder is refused") {
  REQUIRE(move(version_draft(ref_key("platform", "refs/heads/a"), 1)));
  REQUIRE(move(version_draft(ref_key("platform", "refs/heads/b/c"), 1)));
  CHECK(refused(version_draft(ref_key("platform", "refs/heads/a/b"), 1)) == ErrorCode::kConflict);
  CHECK(refused(version_draft(ref_key("platform", "refs/heads/a/b/c"), 1)) == ErrorCode::kConflict);
  CHECK(refused(version_draft(ref_key("platform", "refs/heads/b"), 1)) == ErrorCode::kConflict);
  CHECK(move(version_draft(ref_key("platform", "refs/heads/ab"), 1)));
  CHECK(move(version_draft(ref_key("platform", "refs/heads/b-c"), 1)));
  create_repository("team/app");
  CHECK(move(version_draft(ref_key("team/app", "refs/heads/a/b"), 1)));
}

TEST_CASE_FIXTURE(RefsFixture, "a deleted ref frees its name and keeps its numbers") {
  REQUIRE(move(version_draft(audit_ref(), 1)));
  REQUIRE(move(deletion(2)));
  CHECK(refused(deletion(3)) == ErrorCode::kInvalidArgument);
  CHECK_FALSE((*read().ref(audit_ref()))->content);
  CHECK(move(version_draft(ref_key("platform", "refs/heads/audit/x"), 1)));
  CHECK(refused(version_draft(audit_ref(), 3)) == ErrorCode::kConflict);
  CHECK((*read().version(audit_ref(), 2))->previous->commit == content_of("content").commit);
}

TEST_CASE_FIXTURE(RefsFixture, "refs need a repository, and its name is never reused") {
  CHECK(refused(version_draft(ref_key("other", "refs/heads/a"), 1)) == ErrorCode::kNotFound);
  const RepositoryName name = *RepositoryName::parse("platform");
  const auto create = [&](Transaction& t) { return t.create_repository(name); };
  const auto remove = [&](Transaction& t) { return t.delete_repository(name); };
  CHECK(ledger().commit(create).error().code == ErrorCode::kConflict);
  REQUIRE(move(version_draft(audit_ref(), 1)));
  CHECK(ledger().commit(remove).error().code == ErrorCode::kConflict);
  REQUIRE(move(deletion(2)));
  CHECK(ledger().commit(remove));
  CHECK(ledger().commit(remove).error().code == ErrorCode::kNotFound);
  CHECK(ledger().commit(create).error().code == ErrorCode::kConflict);
  CHECK(refused(version_draft(audit_ref(), 3)) == ErrorCode::kNotFound);
  CHECK((*read().repository(name))->deleted);
}

TEST_CASE_FIXTURE(RefsFixture, "several refs move in one job or not at all") {
  const auto both = [&](VersionNumber second) {
    return ledger().commit([&](Transaction& transaction) -> Result<> {
      TRY(transaction.record_version(version_draft(audit_ref(), 1)));
      TRY(transaction.record_version(version_draft(deploy_ref(), second)));
      return {};
    });
  };
  CHECK(both(2).error().code == ErrorCode::kConflict);
  CHECK(read().refs()->empty());
  CHECK(both(1));
  CHECK(read().refs()->size() == 2);
}

TEST_CASE_FIXTURE(RefsFixture, "a version reads back as its entry states it") {
  VersionDraft draft = version_draft(audit_ref(), 1);
  draft.kind = VersionKind::kRollback;
  draft.forced = true;
  draft.promotion = 12;
  draft.approved_by = {"bob", "carol"};
  draft.configuration = 3;
  draft.commits = {4, 3, 2, 1};
  const RecordedVersion recorded = *move(draft);
  const VersionRecord stored = **read().version(audit_ref(), 1);
  const VersionRecord stated = *parse_ref_updated(*parse_entry(recorded.entry.bytes), 0);
  for (const VersionRecord& record : {stored, stated}) {
    CHECK(record.kind == VersionKind::kRollback);
    CHECK(record.forced);
    CHECK(record.promotion == 12);
    CHECK(record.approved_by == draft.approved_by);
    CHECK(record.commits == draft.commits);
    CHECK(record.content == draft.content);
    CHECK(record.actor == draft.actor);
    CHECK_FALSE(record.previous);
    CHECK(record.time == clock.now());
  }
}

TEST_CASE_FIXTURE(RefsFixture, "versions page newest first, and past tips stay reachable") {
  for (VersionNumber n = 1; n <= 5; ++n) {
    REQUIRE(move(version_draft(audit_ref(), n, n == 4 ? "1" : std::to_string(n))));
  }
  const auto first = *read().versions(audit_ref(), std::nullopt, 2);
  CHECK(first.records[0].version == 5);
  CHECK(first.next == 4);
  const auto rest = *read().versions(audit_ref(), first.next, 10);
  CHECK(rest.records.size() == 3);
  CHECK_FALSE(rest.next);
  CHECK(read().latest_versions(std::nullopt, 3)->records[0].entry == 4);
  CHECK(read().tips(*RepositoryName::parse("platform"))->size() == 4);
  CHECK(read().tips(*RepositoryName::parse("other"))->empty());
  CHECK(read()
            .versions_of_commit(*RepositoryName::parse("platform"), content_of("1").commit)
            ->size() == 2);
}

TEST_CASE_FIXTURE(RefsFixture, "only a recorded version licences publishing, until it is cleared") {
  const auto forge = ledger().commit(
      [](Transaction& transaction) { return transaction.put_outbox("publish_refs", "{}"); });
  CHECK(forge.error().code == ErrorCode::kInvalidArgument);
  REQUIRE(move(version_draft(audit_ref(), 1, "one")));
  const RecordedVersion second = *move(version_draft(audit_ref(), 2, "two"));
  const auto pending = read().outbox()->records;
  CHECK(pending.size() == 2);
  CHECK(pending[0].old_commit == std::nullopt);
  CHECK(pending[1].id == second.outbox_id);
  CHECK(pending[1].key == audit_ref());
  CHECK(pending[1].old_commit == content_of("one").commit);
  CHECK(pending[1].new_commit == content_of("two").commit);
  const auto clear = [&](Transaction& t) { return t.clear_outbox(second.outbox_id); };
  CHECK(ledger().commit(clear));
  CHECK(ledger().commit(clear));
  CHECK(read().outbox()->records.size() == 1);
}

TEST_CASE_FIXTURE(RefsFixture, "a version has one statement, ever, and a deletion none") {
  REQUIRE(move(version_draft(audit_ref(), 1)));
  REQUIRE(move(deletion(2)));
  StatementRecord statement{.key = audit_ref(),
                            .version = 1,
                            .payload_digest = sha256_digest_text("{}"),
                            .envelope = "{}",
                            .archive_digest = sha256_digest_text("tar"),
                            .archive_bytes = 3};
  const auto issue = [&](Transaction& t) { return t.record_statement(statement, {}); };
  CHECK_FALSE(*read().statement(audit_ref(), 1));
  CHECK(ledger().commit(issue)->index == 2);
  CHECK(ledger().commit(issue).error().code == ErrorCode::kConflict);
  CHECK((*read().statement(audit_ref(), 1))->envelope == "{}");
  statement.version = 2;
  CHECK(ledger().commit(issue).error().code == ErrorCode::kInvalidArgument);
  statement.version = 3;
  CHECK(ledger().commit(issue).error().code == ErrorCode::kNotFound);
}

TEST_CASE_FIXTURE(RefsFixture, "the first verdict on a commit stays, and a collision is refused") {
  const auto record = [&](const std::string& digest_of, const std::string& verdict) {
    return ledger().commit([&](Transaction& transaction) {
      return transaction.record_verdict(
          {oid_of("commit"), sha256_digest_text(digest_of), verdict, "alice", clock.now()});
    });
  };
  CHECK(record("bytes", "good")->verdict == "good");
  CHECK(record("bytes", "bad")->verdict == "good");
  CHECK(record("other bytes", "good").error().code == ErrorCode::kUnverified);
  CHECK((*read().verdict(oid_of("commit")))->verdict == "good");
  CHECK_FALSE(*read().verdict(oid_of("another")));
}

}  // namespace statehouse
