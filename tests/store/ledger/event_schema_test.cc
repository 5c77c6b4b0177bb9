// The events that the ledger itself builds, and the published examples, against schemas/events/.
// These are tests of agreement: code, schema and examples cannot drift apart unseen.

#include <set>

#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validator.hpp>

#include "crypto/base/json.h"
#include "tests/store/ledger/fixture.h"

namespace statehouse {

namespace {

const Path kSchemas = Path(STATEHOUSE_SOURCE_DIR) / "schemas/events";

Json read_json(const Path& path) { return *parse_json(*read_file(path, 1 << 20)); }

/// "ref.updated" for "statehouse.ref.updated".
std::string short_name(std::string_view type) { return std::string(type.substr(11)); }

bool satisfies(const Json& value, const std::string& schema_name) {
  const Json text = read_json(kSchemas / (schema_name + ".schema.json"));
  valijson::Schema schema;
  valijson::SchemaParser(valijson::SchemaParser::kDraft7)
      .populateSchema(valijson::adapters::NlohmannJsonAdapter(text), schema);
  return valijson::Validator().validate(schema, valijson::adapters::NlohmannJsonAdapter(value),
                                        nullptr);
}

/// Envelope first, then `data` by the schema of the type.
bool is_published_event(const Json& event) {
  if (!satisfies(event, "envelope")) return false;
  return satisfies(event["data"], short_name(event["type"].get<std::string>()));
}

}  // namespace

TEST_CASE("every invalid example is refused") {
  const auto names = *list_directory(kSchemas / "examples/invalid");
  CHECK(names.size() >= 40);
  for (const std::string& name : names) {
    CAPTURE(name);
    CHECK_FALSE(is_published_event(read_json(kSchemas / "examples/invalid" / name)));
  }
}

TEST_CASE("every valid example is accepted, and every type of event has one") {
  std::set<std::string> types;
  const auto names = *list_directory(kSchemas / "examples/valid");
  for (const std::string& name : names) {
    CAPTURE(name);
    const Json event = read_json(kSchemas / "examples/valid" / name);
    CHECK(is_published_event(event));
    CHECK(parse_entry(dump_json(event)));
    types.insert(event["type"].get<std::string>());
  }
  CHECK(types.size() == kEventTypes);
}

TEST_CASE("types and schemas are the same closed list") {
  CHECK_FALSE(parse_event_type(""));
  CHECK_FALSE(parse_event_type("ref.updated"));
  CHECK_FALSE(parse_event_type("statehouse.ref.updated "));
  CHECK_FALSE(parse_event_type("statehouse.ref.moved"));
  std::set<std::string> schemas;
  const auto names = *list_directory(kSchemas);
  schemas.insert(names.begin(), names.end());
  for (std::size_t i = 0; i < kEventTypes; ++i) {
    const auto type = static_cast<EventType>(i);
    CHECK(parse_event_type(name_of(type)) == type);
    CHECK(schemas.contains(short_name(name_of(type)) + ".schema.json"));
  }
  CHECK(schemas.size() == kEventTypes + 2);  // envelope, examples
}

TEST_CASE_FIXTURE(LedgerFixture, "what the ledger writes by itself satisfies the schemas") {
  create_repository();
  REQUIRE(move(version_draft(audit_ref(), 1, "one"), {{"decision", "application/json", "{}"}}));
  VersionDraft promoted = version_draft(audit_ref(), 2, "two");
  promoted.kind = VersionKind::kPromotion;
  promoted.promotion = 1;
  promoted.approved_by = {"bob"};
  REQUIRE(move(promoted));
  VersionDraft deletion = version_draft(audit_ref(), 3);
  deletion.kind = VersionKind::kDelete;
  deletion.content = std::nullopt;
  REQUIRE(move(deletion));
  const std::string digest = read().evidence_of(0)->at(0).digest;
  REQUIRE(ledger().commit([&](Transaction& t) { return t.erase_evidence(digest, "law", {}); }));
  const StatementRecord statement{.key = audit_ref(),
                                  .version = 2,
                                  .payload_digest = sha256_digest_text("{}"),
                                  .envelope = "{}",
                                  .archive_digest = sha256_digest_text("tar"),
                                  .archive_bytes = 3};
  REQUIRE(ledger().commit([&](Transaction& t) { return t.record_statement(statement, {}); }));
  const auto entries = *read().entries(0, 100);
  for (const EntryRecord& entry : entries) {
    CAPTURE(entry.bytes);
    CHECK(is_published_event(*parse_json(entry.bytes)));
  }
  CHECK(read().tree_size() == 5);
}

TEST_CASE("entries that are not exactly ours are not parsed") {
  const Json good = read_json(kSchemas / "examples/valid/ref.updated.json");
  REQUIRE(parse_entry(dump_json(good)));
  for (const char* member : {"data", "datacontenttype", "epoch", "id", "nonce", "source",
                             "specversion", "subject", "time", "type"}) {
    CAPTURE(member);
    Json without = good;
    without.erase(member);
    CHECK_FALSE(parse_entry(dump_json(without)));
    Json null = good;
    null[member] = nullptr;
    CHECK_FALSE(parse_entry(dump_json(null)));
  }
  Json extra = good;
  extra["comment"] = "x";
  CHECK_FALSE(parse_entry(dump_json(extra)));
  Json no_actor = good;
  no_actor["data"].erase("actor");
  CHECK_FALSE(parse_entry(dump_json(no_actor)));
  Json no_evidence = good;
  no_evidence["data"].erase("evidence");
  CHECK_FALSE(parse_entry(dump_json(no_evidence)));
  Json bad_evidence = good;
  bad_evidence["data"]["evidence"] = {{{"digest", "md5:00"}}};
  CHECK_FALSE(parse_entry(dump_json(bad_evidence)));
}

TEST_CASE("a ref.updated entry that leaves something out states no version") {
  const Json good = read_json(kSchemas / "examples/valid/ref.updated.json");
  REQUIRE(parse_ref_updated(*parse_entry(dump_json(good)), 1));
  for (const auto& item : good["data"].items()) {
    if (item.key() == "actor" || item.key() == "evidence") continue;
    CAPTURE(item.key());
    Json without = good;
    without["data"].erase(item.key());
    CHECK_FALSE(parse_ref_updated(*parse_entry(dump_json(without)), 1));
  }
  Json half_deleted = good;
  half_deleted["data"]["commit"] = nullptr;
  CHECK_FALSE(parse_ref_updated(*parse_entry(dump_json(half_deleted)), 1));
}

}  // namespace statehouse
