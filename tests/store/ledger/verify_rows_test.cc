#include <algorithm>

#include "tests/store/ledger/honest_rows.h"

namespace statehouse {

namespace {

/// A ledger with a row of every kind: promotion 1 is merged, 2 is closed, 3 is open.
class RowsFixture : public LedgerFixture {
 public:
  RowsFixture() {
    create_repository();
    REQUIRE(move(version_draft(audit_ref(), 1, "one"),
                 {{"decision", "application/json", "{}"}, {"reason", "text/plain", "why"}}));
    REQUIRE(move(version_draft(deploy_ref(), 1, "one")));
    for (const auto& step : {issue, open, update, judge, comment, report, merge, open, close, open,
                             reject, mint, suspend}) {
      clock.advance(std::chrono::seconds(1));
      const Result<> done = ledger().commit(step);
      REQUIRE_MESSAGE(done, (done ? "" : done.error().message));
    }
    close_ledger();
  }

  [[nodiscard]] std::vector<VerifyFinding> findings_after(const std::string& sql) {
    const Path copy = directory() / "harmed.db";
    std::filesystem::remove(copy);
    std::filesystem::copy_file(path(), copy);
    harm(sql, copy);
    const auto report = verify_ledger_file(copy, verify_options());
    REQUIRE(report);
    return report->findings;
  }

  void close_ledger() { LedgerFixture::close(); }

 private:
  static Result<> issue(Transaction& t) {
    TRY(t.record_statement(
        {.key = audit_ref(),
         .version = 1,
         .payload_digest = sha256_digest_text("{}"),
         .envelope = R"({"payload":"e30=","payloadType":"t","signatures":[{"sig":"AAAA"}]})",
         .archive_digest = sha256_digest_text("tar"),
         .archive_bytes = 3},
        {}));
    return {};
  }
  static Result<> open(Transaction& t) {
    const PromotionNumber number = TRY(t.next_promotion());
    TRY(open_honestly(t, "source " + std::to_string(number)));
    return {};
  }
  static Result<> update(Transaction& t) {
    PromotionRecord record = TRY(t.promotion(1));
    record.revision = 2;
    record.source_commit = oid_of("newer");
    record.source_commit_digest = sha256_digest_text("newer");
    record.updated = t.time();
    TRY(t.append(pinned_entry(EventType::kPromotionUpdated, record)));
    return t.update_promotion(record);
  }
  static Result<> judge(Transaction& t) {
    return judge_honestly(t, {.promotion = 1,
                              .revision = 2,
                              .identity = "bob",
                              .fingerprint = "SHA256:abc",
                              .expires = t.time() + std::chrono::hours(1),
                              .drops = {1}});
  }
  static Result<> reject(Transaction& t) {
    return judge_honestly(t, {.promotion = 3,
                              .revision = 1,
                              .identity = "carol",
                              .fingerprint = "SHA256:def",
                              .verdict = ApprovalVerdict::kReject});
  }
  static Result<> comment(Transaction& t) {
    CommentRecord record{.promotion = 1, .identity = "bob", .text = "why?", .path = "a", .line = 7};
    record.time = t.time();
    const Json text = {{"message", "why?"}, {"path", "a"}, {"line", 7}};
    const AppendedEntry entry = TRY(t.append({EventType::kPromotionCommented,
                                              "promotion/1",
                                              person("bob"),
                                              {{"promotion", 1}},
                                              {{"comment", "application/json", dump_json(text)}}}));
    record.entry = entry.index;
    TRY(t.insert_comment(record));
    return {};
  }
  static Result<> report(Transaction& t) {
    CheckRecord record{.promotion = 1, .revision = 2, .name = "build", .identity = "robot"};
    record.fingerprint = "SHA256:ghi";
    record.received = t.time();
    const AppendedEntry entry = TRY(t.append({EventType::kCheckReported,
                                              "promotion/1",
                                              person("robot"),
                                              {{"promotion", 1},
                                               {"revision", 2},
                                               {"name", "build"},
                                               {"status", "pending"},
                                               {"identity", "robot"},
                                               {"fingerprint", "SHA256:ghi"}},
                                              {{"check", "application/json", "{}"}}}));
    record.envelope_digest = entry.evidence_digests[0];
    record.entry = entry.index;
    TRY(t.insert_check(record));
    return {};
  }
  static Result<> merge(Transaction& t) {
    PromotionRecord record = TRY(t.promotion(1));
    VersionDraft draft = version_draft(deploy_ref(), 2, "newer");
    draft.kind = VersionKind::kPromotion;
    draft.promotion = 1;
    draft.content->tree = record.tree;
    draft.content->tree_digest = record.tree_digest;
    TRY(t.record_version(draft, {}));
    record.state = PromotionState::kMerged;
    record.merged_version = 2;
    record.base_version = 1;
    record.base_commit = content_of("one").commit;
    record.updated = t.time();
    record.ended = t.time();
    record.ended_by = "alice";
    return t.update_promotion(record);
  }
  static Result<> close(Transaction& t) {
    PromotionRecord record = TRY(t.promotion(2));
    TRY(t.append(
        {EventType::kPromotionClosed, "promotion/2", person("bob"), {{"promotion", 2}}, {}}));
    record.state = PromotionState::kClosed;
    record.updated = t.time();
    record.ended = t.time();
    record.ended_by = "bob";
    return t.update_promotion(record);
  }
  static Result<> mint(Transaction& t) {
    TRY(mint_honestly(t, "tok_a"));
    TRY(mint_honestly(t, "tok_b"));
    return revoke_honestly(t, "tok_b");
  }
  static Result<> suspend(Transaction& t) {
    const Timestamp until = t.time() + std::chrono::hours(1);
    const AppendedEntry entry = TRY(t.append({EventType::kIdentitySuspended,
                                              "identity/carol",
                                              person("alice"),
                                              {{"identity", "carol"}, {"until", until.rfc3339()}},
                                              {}}));
    return t.put_suspension({"carol", t.time(), until, entry.index});
  }
};

struct Harm {
  const char* what;
  const char* why;  ///< what the finding's reason contains
  const char* sql;
};

void check_each_is_found(RowsFixture& fixture, const std::vector<Harm>& harms) {
  for (const Harm& harm : harms) {
    CAPTURE(harm.sql);
    const auto findings = fixture.findings_after(harm.sql);
    CHECK(std::ranges::any_of(findings, [&](const VerifyFinding& finding) {
      return finding.what == harm.what && finding.why.contains(harm.why);
    }));
  }
}

}  // namespace

TEST_CASE_FIXTURE(RowsFixture, "rows that are what the entries say have no finding") {
  for (const VerifyFinding& finding : findings_after("SELECT 1")) {
    FAIL_CHECK(finding.what << " " << finding.where << ": " << finding.why);
  }
}

TEST_CASE_FIXTURE(RowsFixture, "every column of an approval follows from its entry") {
  check_each_is_found(
      *this,
      {{"approval", "says: promotion", "UPDATE approvals SET promotion = 2 WHERE id = 1"},
       {"approval", "says: revision", "UPDATE approvals SET revision = 1 WHERE id = 1"},
       {"approval", "says: identity", "UPDATE approvals SET identity = 'carol' WHERE id = 1"},
       {"approval", "says: fingerprint", "UPDATE approvals SET fingerprint = 'SHA256:abd'"},
       {"approval", "says: verdict", "UPDATE approvals SET verdict = 'approve' WHERE id = 2"},
       {"approval", "says: drops", "UPDATE approvals SET drops = '[1,2]' WHERE id = 1"},
       {"approval", "says: drops", "UPDATE approvals SET drops = '[]' WHERE id = 1"},
       {"approval", "bad list", "UPDATE approvals SET drops = '[-1]' WHERE id = 1"},
       {"approval", "says: expires", "UPDATE approvals SET expires = NULL WHERE id = 1"},
       {"approval", "says: expires", "UPDATE approvals SET expires = expires + 1 WHERE id = 1"},
       {"approval", "says: expires", "UPDATE approvals SET expires = received WHERE id = 2"},
       {"approval", "says: received", "UPDATE approvals SET received = received + 1 WHERE id = 1"},
       {"approval", "says: envelope",
        "UPDATE approvals SET envelope_digest = (SELECT digest FROM evidence LIMIT 1)"},
       {"approval", "says: entry", "UPDATE approvals SET entry = 0 WHERE id = 1"},
       {"approval", "missing", "DELETE FROM approvals WHERE id = 2"},
       {"approval", "missing", "UPDATE approvals SET id = 9 WHERE id = 1"},
       {"approval", "there are 3 rows, and the entries account for 2",
        "INSERT INTO approvals SELECT 9, promotion, revision, 'dave', fingerprint, verdict, "
        "envelope_digest, received, expires, drops, entry FROM approvals WHERE id = 1"}});
}

TEST_CASE_FIXTURE(RowsFixture, "every column of a promotion follows from its entries") {
  check_each_is_found(
      *this,
      {{"promotion", "says: kind", "UPDATE promotions SET kind = 'rollback' WHERE number = 3"},
       {"promotion", "says: source", "UPDATE promotions SET source_ref = 'refs/heads/own'"},
       {"promotion", "says: source", "UPDATE promotions SET source_repository = 'other'"},
       {"promotion", "says: target", "UPDATE promotions SET target_ref = 'refs/heads/own'"},
       {"promotion", "says: flow", "UPDATE promotions SET flow = 'other' WHERE number = 3"},
       {"promotion", "says: source commit",
        "UPDATE promotions SET source_commit = zeroblob(20) WHERE number = 3"},
       {"promotion", "says: source commit digest",
        "UPDATE promotions SET source_commit_digest = 'sha256:00' WHERE number = 3"},
       {"promotion", "says: tree", "UPDATE promotions SET tree_oid = zeroblob(20)"},
       {"promotion", "says: tree digest", "UPDATE promotions SET tree_digest = 'sha256:00'"},
       {"promotion", "says: base commit",
        "UPDATE promotions SET base_commit = zeroblob(20) WHERE number = 3"},
       {"promotion", "says: base commit",
        "UPDATE promotions SET base_commit = NULL WHERE number = 1"},
       {"promotion", "says: base version",
        "UPDATE promotions SET base_version = 0 WHERE number = 1"},
       {"promotion", "says: state", "UPDATE promotions SET state = 'merged' WHERE number = 3"},
       {"promotion", "says: state", "UPDATE promotions SET state = 'open' WHERE number = 1"},
       {"promotion", "says: state",
        "UPDATE promotions SET state = 'open', ended = NULL, ended_by = NULL WHERE number = 2"},
       {"promotion", "says: revision", "UPDATE promotions SET revision = 1 WHERE number = 1"},
       {"promotion", "says: title", "UPDATE promotions SET title = 'other' WHERE number = 3"},
       {"promotion", "says: message", "UPDATE promotions SET message = 'other' WHERE number = 1"},
       {"promotion", "says: opener", "UPDATE promotions SET opener = 'bob' WHERE number = 3"},
       {"promotion", "says: opened", "UPDATE promotions SET opened = opened - 1 WHERE number = 1"},
       {"promotion", "says: updated", "UPDATE promotions SET updated = 0 WHERE number = 3"},
       {"promotion", "says: version to restore", "UPDATE promotions SET rollback_to = 1"},
       {"promotion", "says: merged version",
        "UPDATE promotions SET merged_version = 1 WHERE number = 1"},
       {"promotion", "says: merged version",
        "UPDATE promotions SET merged_version = 2 WHERE number = 3"},
       {"promotion", "says: ended by", "UPDATE promotions SET ended_by = 'eve' WHERE number = 1"},
       {"promotion", "says: ended by", "UPDATE promotions SET ended_by = 'eve' WHERE number = 2"},
       {"promotion", "says: ended", "UPDATE promotions SET ended = ended + 1 WHERE number = 1"},
       {"promotion", "says: ended", "UPDATE promotions SET ended = 0 WHERE number = 3"},
       {"promotion", "missing", "DELETE FROM promotions WHERE number = 3"},
       {"promotion", "missing", "UPDATE promotions SET number = 4 WHERE number = 3"},
       {"promotion", "there are 4 rows, and the entries account for 3",
        "INSERT INTO promotions SELECT 4, kind, source_repository, source_ref, target_repository, "
        "target_ref, flow, source_commit, source_commit_digest, tree_oid, tree_digest, "
        "base_commit, base_version, state, revision, title, message, opener, opened, updated, "
        "rollback_to, merged_version, ended_by, ended FROM promotions WHERE number = 3"}});
}

TEST_CASE_FIXTURE(RowsFixture, "every column of a comment follows from its entry") {
  check_each_is_found(
      *this, {{"comment", "says: promotion", "UPDATE comments SET promotion = 2"},
              {"comment", "says: identity", "UPDATE comments SET identity = 'carol'"},
              {"comment", "says: text", "UPDATE comments SET text = 'fine!'"},
              {"comment", "says: path", "UPDATE comments SET path = 'b'"},
              {"comment", "says: path", "UPDATE comments SET path = NULL"},
              {"comment", "says: line", "UPDATE comments SET line = 8"},
              {"comment", "says: time", "UPDATE comments SET time = time + 1"},
              {"comment", "says: entry", "UPDATE comments SET entry = 0"},
              {"comment", "missing", "DELETE FROM comments"},
              {"comment", "there are 2 rows, and the entries account for 1",
               "INSERT INTO comments SELECT 2, promotion, identity, text, path, line, time, entry "
               "FROM comments"}});
}

TEST_CASE_FIXTURE(RowsFixture, "every column of a check that its entry tells follows from it") {
  check_each_is_found(
      *this, {{"check", "says: promotion", "UPDATE checks SET promotion = 2"},
              {"check", "says: revision", "UPDATE checks SET revision = 1"},
              {"check", "says: name", "UPDATE checks SET name = 'lint'"},
              {"check", "says: status", "UPDATE checks SET status = 'success'"},
              {"check", "says: identity", "UPDATE checks SET identity = 'alice'"},
              {"check", "says: fingerprint", "UPDATE checks SET fingerprint = 'SHA256:x'"},
              {"check", "says: envelope", "UPDATE checks SET envelope_digest = 'sha256:00'"},
              {"check", "says: received", "UPDATE checks SET received = 0"},
              {"check", "says: entry", "UPDATE checks SET entry = 0"},
              {"check", "missing", "DELETE FROM checks"}});
}

TEST_CASE_FIXTURE(RowsFixture, "every column of a token but its hash follows from its entries") {
  check_each_is_found(
      *this,
      {{"token", "says: identity", "UPDATE tokens SET identity = 'eve' WHERE id = 'tok_a'"},
       {"token", "says: scope", "UPDATE tokens SET scope = 'admin' WHERE id = 'tok_a'"},
       {"token", "says: repositories", "UPDATE tokens SET repositories = '' WHERE id = 'tok_a'"},
       {"token", "says: repositories", "UPDATE tokens SET repositories = 'a' WHERE id = 'tok_b'"},
       {"token", "says: created", "UPDATE tokens SET created = 0 WHERE id = 'tok_a'"},
       {"token", "says: expires", "UPDATE tokens SET expires = expires + 1 WHERE id = 'tok_a'"},
       {"token", "says: entry", "UPDATE tokens SET entry = 0 WHERE id = 'tok_a'"},
       {"token", "says: revoked", "UPDATE tokens SET revoked = NULL WHERE id = 'tok_b'"},
       {"token", "says: revoked", "UPDATE tokens SET revoked = revoked + 1 WHERE id = 'tok_b'"},
       {"token", "no entry says so", "UPDATE tokens SET revoked = created WHERE id = 'tok_a'"},
       {"token", "missing", "DELETE FROM tokens WHERE id = 'tok_a'"},
       {"token", "missing", "UPDATE tokens SET id = 'tok_c' WHERE id = 'tok_a'"},
       {"token", "there are 3 rows, and the entries account for 2",
        "INSERT INTO tokens SELECT 'tok_c', zeroblob(32), identity, scope, repositories, created, "
        "expires, revoked, entry FROM tokens WHERE id = 'tok_a'"}});
}

TEST_CASE_FIXTURE(RowsFixture, "statements, suspensions and repositories follow from entries") {
  check_each_is_found(
      *this,
      {{"statement", "says: payload digest", "UPDATE statements SET payload_digest = 'sha256:00'"},
       {"statement", "says: envelope", "UPDATE statements SET envelope = CAST('{}' AS BLOB)"},
       {"statement", "says: archive digest", "UPDATE statements SET archive_digest = 'sha256:00'"},
       {"statement", "says: archive size", "UPDATE statements SET archive_bytes = 4"},
       {"statement", "says: entry", "UPDATE statements SET entry = 0"},
       {"statement", "missing", "DELETE FROM statements"},
       {"statement", "there are 2 rows, and the entries account for 1",
        "INSERT INTO statements SELECT repository, ref, 2, payload_digest, envelope, "
        "archive_digest, archive_bytes, entry FROM statements"},
       {"suspension", "says: since", "UPDATE suspensions SET since = since + 1"},
       {"suspension", "says: until", "UPDATE suspensions SET until = 0"},
       {"suspension", "says: entry", "UPDATE suspensions SET entry = 0"},
       {"suspension", "missing", "DELETE FROM suspensions"},
       {"suspension", "no entry says so", "UPDATE suspensions SET identity = 'bob'"},
       {"suspension", "no entry says so", "INSERT INTO suspensions VALUES ('eve', 0, -1, 0)"},
       {"repository", "no entry says so", "UPDATE repositories SET deleted = 1"},
       {"repository", "its row is missing", "DELETE FROM repositories"}});
}

TEST_CASE_FIXTURE(RowsFixture, "a promoted version is what its promotion pinned last") {
  for (const char* change : {"tree", "tree digest", "target"}) {
    CAPTURE(change);
    RowsFixture f;
    f.reopen();
    VersionDraft draft = version_draft(deploy_ref(), 3, "third");
    draft.kind = VersionKind::kPromotion;
    draft.promotion = 3;
    draft.content->tree = oid_of("tree");
    draft.content->tree_digest = sha256_digest_text("tree");
    const bool is_other_target = change == std::string_view("target");
    if (is_other_target) draft.key = audit_ref();
    if (is_other_target) draft.version = 2;
    if (change == std::string_view("tree")) draft.content->tree = oid_of("evil");
    if (change == std::string_view("tree digest"))
      draft.content->tree_digest = sha256_digest_text("evil");
    REQUIRE(f.move(draft));
    f.close_ledger();
    const auto findings = f.findings_after("SELECT 1");
    CHECK(std::ranges::any_of(findings, [&](const VerifyFinding& finding) {
      return finding.what == "version" && finding.why.contains("promotion 3 pinned last");
    }));
  }
}

TEST_CASE("a statement's entry says of its version what the version's entry says") {
  for (const char* change : {"commit_oid = zeroblob(20)", "tree_oid = zeroblob(20)",
                             "tree_digest = 'sha256:00'", "entry = 99"}) {
    CAPTURE(change);
    LedgerFixture f;
    f.create_repository();
    REQUIRE(f.move(version_draft(audit_ref(), 1, "one")));
    // The row was another one while the statement was issued.
    f.harm(
        "PRAGMA foreign_keys = OFF; CREATE TABLE kept AS SELECT * FROM versions; "
        "UPDATE versions SET " +
        std::string(change));
    REQUIRE(f.ledger().commit([](Transaction& t) {
      return t.record_statement(
          {.key = audit_ref(),
           .version = 1,
           .payload_digest = sha256_digest_text("{}"),
           .envelope = R"({"payload":"e30=","payloadType":"t","signatures":[{"sig":"AAAA"}]})",
           .archive_digest = sha256_digest_text("tar"),
           .archive_bytes = 3},
          {});
    }));
    f.harm("DELETE FROM versions; INSERT INTO versions SELECT * FROM kept; DROP TABLE kept");
    const auto findings = f.findings();
    REQUIRE(findings.size() == 1);
    CHECK(findings[0].what == "statement");
    CHECK(findings[0].why.contains("not what entry 0 says"));
  }
}

TEST_CASE_FIXTURE(RowsFixture, "evidence has the name, media type and order of its entry") {
  check_each_is_found(
      *this, {{"evidence", "name or media type", "UPDATE evidence SET name = 'x' WHERE entry = 0"},
              {"evidence", "name or media type", "UPDATE evidence SET media_type = 'text/html'"},
              {"evidence", "order", "UPDATE evidence SET position = -position WHERE entry = 0"},
              {"evidence", "account for",
               "INSERT INTO evidence VALUES ('sha256:00', 0, 9, 'x', 'y', NULL, NULL)"}});
}

TEST_CASE_FIXTURE(RowsFixture, "the text of a row is not held against evidence that was erased") {
  reopen();
  for (const char* name : {"text", "comment"}) {
    for (EntryIndex index = 0; index < read().tree_size(); ++index) {
      const auto evidence = *read().evidence_of(index);
      if (evidence.empty() || evidence[0].name != name) continue;
      REQUIRE(ledger().commit(
          [&](Transaction& t) { return t.erase_evidence(evidence[0].digest, "law", {}); }));
    }
  }
  LedgerFixture::close();
  CHECK(findings_after("UPDATE promotions SET title = ''; UPDATE comments SET text = ''").empty());
  CHECK_FALSE(findings_after("UPDATE comments SET identity = 'eve'").empty());
}

}  // namespace statehouse
