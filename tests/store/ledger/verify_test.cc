#include "store/ledger/verify.h"

#include "tests/store/ledger/honest_rows.h"

namespace statehouse {

namespace {

/// A ledger with more than one tile, refs, a statement and evidence.
class FullFixture : public LedgerFixture {
 public:
  FullFixture() {
    create_repository();
    REQUIRE(move(version_draft(audit_ref(), 1, "one"), {{"decision", "application/json", "{}"}}));
    REQUIRE(move(version_draft(audit_ref(), 2, "two")));
    REQUIRE(ledger().commit([&](Transaction& t) -> Result<RecordedVersion> {
      TRY(t.record_verdict({oid_of("two"), sha256_digest_text("two"), "{}", "alice", t.time()}));
      return t.record_version(version_draft(deploy_ref(), 1, "two"));
    }));
    append_many(300);
    const std::string payload = "{}";
    const StatementRecord statement{
        .key = audit_ref(),
        .version = 2,
        .payload_digest = sha256_digest_text(payload),
        .envelope = R"({"payload":"e30=","payloadType":"t","signatures":[{"sig":"AAAA"}]})",
        .archive_digest = sha256_digest_text("tar"),
        .archive_bytes = 3};
    const auto issued = ledger().commit(
        [&](Transaction& transaction) { return transaction.record_statement(statement, {}); });
    REQUIRE_MESSAGE(issued, (issued ? "" : issued.error().message));
    REQUIRE(ledger().commit([&](Transaction& t) { return approve_and_mint(t); }));
  }

  /// Five entries: a promotion, its approval, a token, another token, which is revoked.
  static Result<> approve_and_mint(Transaction& t) {
    TRY(open_honestly(t, "source"));
    TRY(judge_honestly(
        t, {.promotion = 1, .revision = 1, .identity = "bob", .fingerprint = "SHA256:abc"}));
    for (const char* id : {"tok_a", "tok_b"}) TRY(mint_honestly(t, id));
    return revoke_honestly(t, "tok_b");
  }

  /// What verification of a copy of the ledger finds first after `sql`. REQUIRES: closed.
  std::string first_finding_after(const std::string& sql) {
    const Path copy = directory() / "harmed.db";
    std::filesystem::remove(copy);
    std::filesystem::copy_file(path(), copy);
    harm(sql, copy);
    const auto report = verify_ledger_file(copy, verify_options());
    REQUIRE(report);
    return report->findings.empty() ? "" : report->findings[0].what;
  }
};

/// Flips the lowest bit of byte `at` (from 1) of a blob column.
std::string flip(const std::string& table, const std::string& column, int at,
                 const std::string& where) {
  const std::string position = std::to_string(at);
  const std::string blob = "CAST(" + column + " AS BLOB)";
  return "UPDATE " + table + " SET " + column + " = CAST(substr(" + blob + ", 1, " + position +
         " - 1) || CASE hex(substr(" + blob + ", " + position +
         ", 1)) WHEN '61' THEN x'62' ELSE x'61' END || substr(" + blob + ", " + position +
         " + 1) AS BLOB) WHERE " + where;
}

}  // namespace

TEST_CASE("each kind of change behind the ledger's back is found by verification") {
  const struct {
    const char* what;
    std::string sql;
  } harms[] = {
      {"entry", flip("entries", "bytes", 100, "idx = 7")},  // no longer JSON
      {"tile",
       "UPDATE entries SET bytes = CAST(replace(CAST(bytes AS TEXT), 'number-4', 'number-5') "
       "AS BLOB) WHERE idx = 7"},
      {"checkpoint", flip("entries", "bytes", 100, "idx = 303")},
      {"tile", flip("tiles", "hashes", 1, "level = 0 AND n = 0")},
      {"tile", flip("tiles", "hashes", 8000, "level = 0 AND n = 0")},
      {"tile", flip("tiles", "hashes", 33, "level = 0 AND n = 1")},
      {"tile", flip("tiles", "hashes", 5, "level = 1 AND n = 0")},
      {"tile", "DELETE FROM tiles WHERE level = 1"},
      {"tile", "INSERT INTO tiles VALUES (2, 0, x'00')"},
      {"entry", "DELETE FROM entries WHERE idx = 9"},
      {"checkpoint", "UPDATE checkpoints SET note = replace(note, '303', '302') WHERE size = 303"},
      {"checkpoint", "UPDATE checkpoints SET note = note || 'x' WHERE size = 1"},
      {"checkpoint", "UPDATE checkpoints SET size = 5 WHERE size = 3"},
      {"checkpoint", "DELETE FROM checkpoints WHERE size = (SELECT max(size) FROM checkpoints)"},
      {"ref", "UPDATE refs SET version = 1 WHERE ref = 'refs/heads/audit'"},
      {"ref", "UPDATE refs SET commit_oid = zeroblob(20) WHERE ref = 'refs/heads/audit'"},
      {"ref", "UPDATE refs SET tree_digest = 'sha256:00' WHERE ref = 'refs/heads/audit'"},
      {"ref", "DELETE FROM refs WHERE ref = 'refs/heads/deploy'"},
      {"ref",
       "INSERT INTO refs SELECT repository, 'refs/heads/own', version, entry, commit_oid, "
       "commit_digest, tree_oid, tree_digest FROM refs WHERE ref = 'refs/heads/audit'"},
      {"version", "UPDATE versions SET commit_oid = zeroblob(20) WHERE entry = 0"},
      {"version", "UPDATE versions SET approved_by = '[\"bob\"]' WHERE entry = 1"},
      {"version", "UPDATE versions SET kind = 'promotion' WHERE entry = 1"},
      {"version", "DELETE FROM versions WHERE entry = 0"},
      {"version",
       "INSERT INTO versions SELECT 9999, repository, 'refs/heads/own', version, kind, commit_oid, "
       "commit_digest, tree_oid, tree_digest, push_id, forced, commits_new, commits_verified, "
       "commits_unverified, commits_baseline, configuration, policy_digest, promotion, "
       "approved_by, actor_identity, actor_via, actor_token, previous_version, previous_commit, "
       "time FROM versions WHERE entry = 0"},
      {"verdict", "UPDATE verdicts SET verdict = '{\"signature\":{}}'"},
      {"verdict", "UPDATE verdicts SET pusher = 'bob'"},
      {"verdict", "UPDATE verdicts SET received = received + 1"},
      {"verdict", "DELETE FROM verdicts"},
      {"verdict",
       "INSERT INTO verdicts SELECT zeroblob(20), commit_digest, verdict, pusher, received, entry "
       "FROM verdicts"},
      {"verdict",
       "INSERT INTO verdicts SELECT zeroblob(20), commit_digest, verdict, pusher, received, 9999 "
       "FROM verdicts"},
      {"statement", "UPDATE statements SET envelope = CAST('{}' AS BLOB)"},
      {"statement", "UPDATE statements SET payload_digest = 'sha256:00'"},
      {"statement", "DELETE FROM statements"},
      {"approval", "UPDATE approvals SET identity = 'carol'"},
      {"approval", "UPDATE approvals SET revision = 2"},
      {"approval", "UPDATE approvals SET verdict = 'reject'"},
      {"approval", "UPDATE approvals SET fingerprint = 'SHA256:abd'"},
      {"approval", "UPDATE approvals SET envelope_digest = 'sha256:00'"},
      {"approval", "DELETE FROM approvals"},
      {"approval",
       "INSERT INTO approvals SELECT 9, promotion, revision, 'carol', fingerprint, verdict, "
       "envelope_digest, received, expires, drops, entry + 1 FROM approvals"},
      {"token", "UPDATE tokens SET identity = 'mallory' WHERE id = 'tok_a'"},
      {"token", "UPDATE tokens SET scope = 'admin' WHERE id = 'tok_a'"},
      {"token", "UPDATE tokens SET expires = expires + 1 WHERE id = 'tok_a'"},
      {"token", "UPDATE tokens SET revoked = NULL WHERE id = 'tok_b'"},
      {"token", "DELETE FROM tokens WHERE id = 'tok_a'"},
      {"token",
       "INSERT INTO tokens SELECT 'tok_c', zeroblob(32), identity, 'admin', repositories, created, "
       "expires, revoked, entry FROM tokens WHERE id = 'tok_a'"},
      {"promotion",
       "INSERT INTO promotions SELECT 2, kind, source_repository, source_ref, target_repository, "
       "target_ref, flow, source_commit, source_commit_digest, tree_oid, tree_digest, base_commit, "
       "base_version, state, revision, title, message, opener, opened, updated, rollback_to, "
       "merged_version, ended_by, ended FROM promotions"},
      {"comment", "INSERT INTO comments VALUES (1, 1, 'bob', 'x', NULL, NULL, 0, 0)"},
      {"check", "INSERT INTO checks VALUES (1, 1, 1, 'a', 'success', '', 'b', 'c', 'd', 0, 0)"},
      {"evidence", "UPDATE evidence SET bytes = CAST('[]' AS BLOB)"},
      {"evidence", "UPDATE evidence SET salt = zeroblob(16)"},
      {"evidence", "UPDATE evidence SET bytes = NULL, salt = NULL"},
      {"evidence", "DELETE FROM evidence"},
      {"meta", "UPDATE meta SET value = 'example.com/other' WHERE name = 'origin'"},
  };
  FullFixture f;
  f.close();
  CHECK(f.first_finding_after("SELECT 1").empty());
  for (const auto& harm : harms) {
    CAPTURE(harm.sql);
    CHECK(f.first_finding_after(harm.sql) == harm.what);
  }
}

TEST_CASE("what start promises to see stops the ledger at start") {
  for (const std::string& sql :
       {flip("entries", "bytes", 100, "idx = 308"), flip("entries", "bytes", 100, "idx = 0"),
        flip("tiles", "hashes", 33, "level = 0 AND n = 1"),
        flip("tiles", "hashes", 5, "level = 1 AND n = 0"),
        std::string("DELETE FROM tiles WHERE level = 0 AND n = 1"),
        std::string("DELETE FROM entries WHERE idx = 308"),
        std::string("DELETE FROM entries WHERE idx = 300"),
        std::string("UPDATE checkpoints SET note = note || 'x' WHERE size = 309"),
        std::string("DELETE FROM checkpoints WHERE size = 309"),
        std::string("UPDATE refs SET commit_oid = zeroblob(20) WHERE ref = 'refs/heads/audit'"),
        std::string("UPDATE refs SET version = 1, entry = 0 WHERE ref = 'refs/heads/audit'"),
        std::string("UPDATE versions SET tree_oid = zeroblob(20) WHERE entry = 1"),
        std::string("UPDATE versions SET configuration = 7 WHERE entry = 2"),
        std::string("UPDATE versions SET entry = 3 WHERE entry = 2"),
        // A ref moved back with the version that it had: the two rows agree, the log does not.
        std::string(
            "DELETE FROM versions WHERE entry = 1; UPDATE refs SET (version, entry, "
            "commit_oid, commit_digest, tree_oid, tree_digest) = (SELECT version, entry, "
            "commit_oid, commit_digest, tree_oid, tree_digest FROM versions WHERE entry = 0) "
            "WHERE ref = 'refs/heads/audit'"),
        std::string("DELETE FROM versions WHERE ref = 'refs/heads/deploy'; "
                    "DELETE FROM refs WHERE ref = 'refs/heads/deploy'")}) {
    CAPTURE(sql);
    FullFixture f;
    f.harm_at_rest(sql);
    CHECK(f.stopped_code() == ErrorCode::kCorrupt);
    CHECK(f.append().error().code == ErrorCode::kCorrupt);
  }
}

TEST_CASE_FIXTURE(FullFixture, "a changed entry or tile is not served while the ledger runs") {
  harm(flip("entries", "bytes", 100, "idx = 7"));
  harm(flip("tiles", "hashes", 33, "level = 0 AND n = 1"));
  CHECK(read().entry(7).error().code == ErrorCode::kCorrupt);
  CHECK(read().entries(0, 10).error().code == ErrorCode::kCorrupt);
  CHECK(read().entry_bundle(0, 256).error().code == ErrorCode::kCorrupt);
  CHECK(read().inclusion_proof(7, read().tree_size()).error().code == ErrorCode::kCorrupt);
  CHECK(read().entry(6));
}

TEST_CASE_FIXTURE(FullFixture, "changed evidence is not served") {
  const std::string digest = read().evidence_of(0)->at(0).digest;
  harm("UPDATE evidence SET bytes = CAST('[]' AS BLOB)");
  CHECK(read().evidence(digest).error().code == ErrorCode::kCorrupt);
}

TEST_CASE_FIXTURE(FullFixture, "an untouched ledger has no finding, open or closed") {
  const VerifyReport open = *ledger().verify(verify_options());
  CHECK(open.findings.empty());
  CHECK(open.complete);
  CHECK(open.entries == 309);
  CHECK(open.versions == 3);
  CHECK(open.evidence == 3);
  CHECK(open.root == read().checkpoint().root);
  CHECK(open.checkpoint_note == read().checkpoint().note);
  close();
  CHECK(findings().empty());
}

TEST_CASE_FIXTURE(FullFixture, "a ledger signed by another key is found out") {
  const auto other = *Ed25519SecretKey::from_seed(std::string(32, 'x'));
  VerifyOptions options = verify_options();
  options.log_keys = {other.public_key()};
  CHECK_FALSE(ledger().verify(options)->findings.empty());
  options.log_keys = {};
  CHECK_FALSE(ledger().verify(options)->findings.empty());
}

TEST_CASE_FIXTURE(FullFixture, "progress is told, and may end the work") {
  VerifyOptions options = verify_options();
  int calls = 0;
  options.progress = [&](std::uint64_t, std::uint64_t all) {
    CHECK(all == 309);
    return ++calls < 2;
  };
  CHECK_FALSE(ledger().verify(options)->complete);
  CHECK(calls == 2);
}

TEST_CASE_FIXTURE(FullFixture, "what is no ledger cannot be verified") {
  CHECK(verify_ledger_file(directory() / "none", verify_options()).error().code ==
        ErrorCode::kNotFound);
}

}  // namespace statehouse
