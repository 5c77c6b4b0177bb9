#include "store/ledger/search_index.h"

#include "store/ledger/search_fields.h"
#include "store/ledger/sqlite.h"
#include "tests/store/ledger/fixture.h"

namespace statehouse {

namespace {

/// A ledger with five events of different kinds, and an index that follows it.
class SearchFixture : public LedgerFixture {
 public:
  SearchFixture() {
    create_repository("platform");
    create_repository("team/app");
    REQUIRE(move(version_draft(audit_ref(), 1)));  // 0
    VersionDraft promoted = version_draft(deploy_ref(), 1, "promoted");
    promoted.kind = VersionKind::kPromotion;
    promoted.promotion = 12;
    promoted.approved_by = {"bob"};
    clock.advance(std::chrono::hours(1));
    REQUIRE(move(promoted));  // 1
    REQUIRE(
        append({.type = EventType::kRefRefused,
                .subject = "team/app:refs/heads/audit",
                .actor = {"mallory", ActorVia::kToken, std::nullopt},
                .data = {{"updates", {{{"repository", "team/app"}, {"ref", "refs/heads/audit"}}}},
                         {"reason", "unsigned"}}}));  // 2
    REQUIRE(append({.type = EventType::kPromotionApproved,
                    .subject = "promotion/12",
                    .actor = {"bob", ActorVia::kToken, std::nullopt},
                    .data = {{"promotion", 12}, {"fingerprint", "SHA256:abc"}}}));  // 3
    REQUIRE(append(alarm("ref-file-differs")));                                     // 4
    index = *SearchIndex::open(index_path());
    REQUIRE(index->follow(read()));
  }

  [[nodiscard]] Path index_path() const { return directory() / "index.db"; }
  [[nodiscard]] std::vector<EntryIndex> find(const SearchQuery& query) {
    const auto page = index->search(query);
    REQUIRE_MESSAGE(page, (page ? "" : page.error().message));
    return page->records;
  }

  std::unique_ptr<SearchIndex> index;
};

using Indexes = std::vector<EntryIndex>;

}  // namespace

TEST_CASE_FIXTURE(SearchFixture, "operators and quotes in a text query have no meaning") {
  for (const char* text :
       {"\"", "\"\"", "unsigned OR alarmed", "NOT unsigned", "NEAR(a b)", "unsig*", "^unsigned",
        "text:unsigned", "{text}:unsigned", "(", ")", "unsigned)", "'; DROP TABLE words; --",
        "unsigned AND", "-", "*", "+", "\xff\xfe", "\"unsigned\" OR \"alarmed\""}) {
    CAPTURE(text);
    const auto page = index->search({.text = text});
    REQUIRE(page);
    CHECK(page->records.size() <= 1);
  }
  CHECK(find({.text = std::string("unsigned\0 alarmed", 17)}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "values that nothing has find nothing") {
  CHECK(find({.repository = "plat"}).empty());
  CHECK(find({.repository = "platform'"}).empty());
  CHECK(find({.ref = "audit"}).empty());
  CHECK(find({.actor = "carol"}).empty());
  CHECK(find({.approver = "mallory"}).empty());
  CHECK(find({.promotion = 13}).empty());
  CHECK(find({.key_fingerprint = "SHA256:abcd"}).empty());
  CHECK(find({.repository = "platform", .actor = "mallory"}).empty());
  CHECK(find({.text = "absent"}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "each filter finds its entries, newest first") {
  CHECK(find({}) == Indexes{4, 3, 2, 1, 0});
  CHECK(find({.repository = "platform"}) == Indexes{1, 0});
  CHECK(find({.repository = "team/app"}) == Indexes{2});
  CHECK(find({.ref = "refs/heads/audit"}) == Indexes{2, 0});
  CHECK(find({.actor = "alice"}) == Indexes{1, 0});
  CHECK(find({.approver = "bob"}) == Indexes{3, 1});
  CHECK(find({.promotion = 12}) == Indexes{3, 1});
  CHECK(find({.key_fingerprint = "SHA256:abc"}) == Indexes{3});
  CHECK(find({.type = EventType::kRefUpdated}) == Indexes{1, 0});
  CHECK(find({.outcome = EntryOutcome::kDenied}) == Indexes{2});
  CHECK(find({.text = "unsigned"}) == Indexes{2});
  CHECK(find({.text = "UNSIGNED mallory"}) == Indexes{2});
  CHECK(find({.repository = "platform", .ref = "refs/heads/deploy", .text = "bob"}) == Indexes{1});
}

TEST_CASE_FIXTURE(SearchFixture,
                  "a key finds what it signed: commits that came, and refused ones") {
  const std::string openpgp(40, 'A');
  const auto move_signed_by = [&](const std::string& fingerprint, VersionNumber version,
                                  const std::string& seed) {
    return ledger().commit([&](Transaction& transaction) -> Result<> {
      const VersionDraft draft = version_draft(audit_ref(), version, seed);
      TRY(transaction.record_verdict({draft.content->commit, draft.content->commit_digest,
                                      R"({"signature":{"fingerprint":")" + fingerprint + R"("}})",
                                      "alice", transaction.time()}));
      TRY(transaction.record_version(draft));
      return {};
    });
  };
  REQUIRE(move_signed_by("SHA256:abc", 2, "two"));  // 5
  REQUIRE(move_signed_by(openpgp, 3, "three"));     // 6
  // The same commit reaches another ref: its verdict came with the first one.
  REQUIRE(move(version_draft(ref_key("platform", "refs/heads/topic"), 1, "two")));  // 7
  const std::string unknown = "SHA256:" + std::string(42, 'u') + "+";
  REQUIRE(append(
      {.type = EventType::kRefRefused,
       .subject = "platform:refs/heads/audit",
       .actor = {"alice", ActorVia::kToken, std::nullopt},
       .data = {{"reason", "denied"}},
       .evidence = {{"decision", "application/json",
                     R"({"reason":"signed by a key that no identity has: )" + unknown + "\"}"}}}));
  REQUIRE(append({.type = EventType::kRefRefused,
                  .subject = "platform:refs/heads/audit",
                  .actor = {"alice", ActorVia::kToken, std::nullopt},
                  .data = {{"updates", {{{"keys", {"SHA256:abc", "SHA256:def"}}}}}}}));  // 9
  REQUIRE(index->follow(read()));
  CHECK(find({.key_fingerprint = "SHA256:abc"}) == Indexes{9, 7, 5, 3});
  CHECK(find({.key_fingerprint = "SHA256:def"}) == Indexes{9});
  CHECK(find({.key_fingerprint = openpgp}) == Indexes{6});
  CHECK(find({.key_fingerprint = "aaaa aaaa aaaa aaaa aaaa  aaaa aaaa aaaa aaaa aaaa"}) ==
        Indexes{6});
  CHECK(find({.key_fingerprint = unknown}) == Indexes{8});
  CHECK(*index->rebuild(read()) == 10);
  CHECK(find({.key_fingerprint = "SHA256:abc"}) == Indexes{9, 7, 5, 3});
}

TEST_CASE_FIXTURE(SearchFixture, "what people wrote is found, until it is erased") {
  const AppendedEntry comment = *append(
      {.type = EventType::kPromotionCommented,
       .subject = "promotion/12",
       .actor = {"bob", ActorVia::kToken, std::nullopt},
       .data = {{"promotion", 12}},
       .evidence = {{"comment", "application/json", R"({"message":"the replicas look wrong"})"}}});
  REQUIRE(append({.type = EventType::kPromotionRefused,
                  .subject = "promotion/12",
                  .actor = {"bob", ActorVia::kToken, std::nullopt},
                  .data = {{"promotion", 12}},
                  .evidence = {{"decision", "application/json", R"({"reason":"frozen"})"}}}));
  REQUIRE(index->follow(read()));
  CHECK(find({.text = "replicas wrong"}) == Indexes{5});
  CHECK(find({.text = "frozen"}) == Indexes{6});
  REQUIRE(ledger().commit([&](Transaction& transaction) {
    return transaction.erase_evidence(comment.evidence_digests[0], "law", {});
  }));
  REQUIRE(index->follow(read()));
  CHECK(find({.text = "replicas"}).empty());
  CHECK(find({.text = "frozen"}) == Indexes{6});
  CHECK(*index->indexed_size() == 8);
}

TEST_CASE_FIXTURE(SearchFixture, "a promotion's entries are found by its source and its target") {
  const PromotionNumber number = *open_promotion();
  const auto about = [&](EventType type) {
    return append({.type = type,
                   .subject = "promotion/" + std::to_string(number),
                   .actor = {"bob", ActorVia::kToken, std::nullopt},
                   .data = {{"promotion", number}}});
  };
  REQUIRE(about(EventType::kPromotionApproved));  // 5
  REQUIRE(about(EventType::kPromotionRefused));   // 6
  VersionDraft merged = version_draft(deploy_ref(), 2, "merged");
  merged.kind = VersionKind::kPromotion;
  merged.promotion = number;
  REQUIRE(move(merged));  // 7
  REQUIRE(index->follow(read()));
  CHECK(find({.repository = "platform", .promotion = number}) == Indexes{7, 6, 5});
  CHECK(find({.ref = "refs/heads/deploy", .promotion = number}) == Indexes{7, 6, 5});
  CHECK(find({.ref = "refs/heads/audit", .promotion = number}) == Indexes{6, 5});
  CHECK(find({.repository = "team/app", .promotion = number}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "since is inclusive and until is not") {
  const Timestamp later = clock.now();
  CHECK(find({.since = later}) == Indexes{4, 3, 2, 1});
  CHECK(find({.until = later}) == Indexes{0});
  CHECK(find({.since = later + Milliseconds(1)}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "pages follow each other without gap or overlap") {
  SearchQuery query{.count_max = 2};
  Indexes seen;
  do {
    const auto page = *index->search(query);
    seen.insert(seen.end(), page.records.begin(), page.records.end());
    query.before = page.next;
  } while (query.before);
  CHECK(seen == Indexes{4, 3, 2, 1, 0});
}

TEST_CASE_FIXTURE(SearchFixture, "a path finds moves that changed it, or anything below it") {
  CHECK(*index->entries_without_paths(10) == Indexes{0, 1});
  REQUIRE(index->add_paths(0, {"clusters/production/apps.yaml", "README.md"}));
  REQUIRE(index->add_paths(1, {"clusters/staging/apps.yaml"}));
  REQUIRE(index->add_paths(1, {"clusters/staging/apps.yaml"}));
  CHECK(index->add_paths(99, {"x"}).error().code == ErrorCode::kNotFound);
  CHECK(index->entries_without_paths(10)->empty());
  CHECK(find({.path = "clusters/production/apps.yaml"}) == Indexes{0});
  CHECK(find({.path = "clusters"}) == Indexes{1, 0});
  CHECK(find({.path = "clusters/staging/"}) == Indexes{1});
  CHECK(find({.path = "cluster"}).empty());
  CHECK(find({.path = "apps.yaml"}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "following again indexes only what is new") {
  CHECK(*index->follow(read()) == 0);
  append_many(3);
  CHECK(*index->follow(read()) == 3);
  CHECK(*index->indexed_size() == 8);
}

TEST_CASE_FIXTURE(SearchFixture, "a rebuilt index finds the same") {
  CHECK(*index->rebuild(read()) == 5);
  CHECK(find({.promotion = 12}) == Indexes{3, 1});
}

TEST_CASE_FIXTURE(SearchFixture, "an index of another ledger starts anew") {
  LedgerFixture other;
  other.append_many(7);
  CHECK(*index->follow(other.read()) == 7);
  CHECK(find({.actor = "alice"}).empty());
}

TEST_CASE_FIXTURE(SearchFixture, "a damaged index file is replaced") {
  index.reset();
  REQUIRE(write_file_durably(index_path(), std::string(8192, 'x'), 0600, steps, "x"));
  index = *SearchIndex::open(index_path());
  CHECK(*index->follow(read()) == 5);
}

TEST_CASE_FIXTURE(SearchFixture, "an index survives closing") {
  index.reset();
  index = *SearchIndex::open(index_path());
  CHECK(*index->follow(read()) == 0);
  CHECK(find({.promotion = 12}) == Indexes{3, 1});
}

TEST_CASE("every word of a text query becomes one quoted string") {
  CHECK_FALSE(full_text_query(""));
  CHECK_FALSE(full_text_query(" \t\n"));
  CHECK(*full_text_query("a") == "\"a\"");
  CHECK(*full_text_query(" a  b* ") == "\"a\" \"b*\"");
  CHECK(*full_text_query("a\"b") == "\"a\"\"b\"");
}

}  // namespace statehouse
