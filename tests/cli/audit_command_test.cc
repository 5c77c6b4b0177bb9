#include <doctest/doctest.h>

#include <algorithm>

#include "cli/entry_text.h"
#include "cli/output.h"
#include "crypto/base/encoding.h"
#include "crypto/tlog_proof.h"
#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;
using test::TestStore;

namespace {

/// The document of GET /v1/entries/N, with one piece of evidence.
Json entry_document(const TestStore& store, std::uint64_t index) {
  const std::string& raw = store.entries.at(index);
  const std::string salt(16, 's');
  const std::string digest =
      sha256_digest_text(std::string("statehouse/evidence/v1\0", 23) + salt + "words");
  return {{"index", index},
          {"event", parse_json(raw).value()},
          {"raw", base64_encode(raw)},
          {"leafHash", merkle_leaf_hash(raw).base64()},
          {"evidence",
           {{{"name", "decision"},
             {"mediaType", "text/plain"},
             {"digest", digest},
             {"salt", base64_encode(salt)},
             {"bytes", base64_encode("words")},
             {"erased", false}}}}};
}

}  // namespace

TEST_CASE("an entry whose parts contradict each other is refused") {
  TestStore store;
  store.append_noise(2);
  const Json honest = entry_document(store, 1);
  CHECK(verify_entry_document(honest));
  Json changed = honest;
  changed["event"]["type"] = "statehouse.ref.updated";
  CHECK_FALSE(verify_entry_document(changed));
  changed = honest;
  changed["leafHash"] = merkle_leaf_hash("other").base64();
  CHECK_FALSE(verify_entry_document(changed));
  changed = honest;
  changed["evidence"][0]["bytes"] = base64_encode("other words");
  CHECK_FALSE(verify_entry_document(changed));
  changed["evidence"][0]["bytes"] = nullptr;
  changed["evidence"][0]["erased"] = true;
  CHECK(verify_entry_document(changed));
}

TEST_CASE("search filters become the query, times in full") {
  TestCli cli;
  cli.answer(
      "GET /v1/entries?repository=platform&path=clusters%2Fa.yaml&actor=alice"
      "&ref=refs%2Fheads%2Fdeploy&promotion=12&type=statehouse.ref.updated&outcome=denied"
      "&since=2026-02-28T12%3A00%3A00.000Z&limit=5",
      {{"entries", Json::array()}, {"next", nullptr}});
  CHECK(cli.run({"audit",   "search",      "-R",          "platform",
                 "--ref",   "deploy",      "--path",      "clusters/a.yaml",
                 "--actor", "alice",       "--promotion", "12",
                 "--type",  "ref.updated", "--outcome",   "denied",
                 "--since", "24h",         "--limit",     "5",
                 "-o",      "json"}) == 0);
}

TEST_CASE("a CSV export quotes, and disarms what a spreadsheet would run") {
  TestStore store;
  store.append("statehouse.ref.refused", {{"repository", "a,\"b\""},
                                          {"ref", "=cmd()"},
                                          {"reason", "two\nlines"},
                                          {"actor", {{"identity", "@alice"}, {"via", "token"}}}});
  const std::string line = csv_line(entry_document(store, 0));
  CHECK(line ==
        "0,2026-03-01T12:00:00.000Z,statehouse.ref.refused,system,'@alice,token,"
        "\"a,\"\"b\"\"\",'=cmd(),,,,,,\"two\nlines\"\n");
}

TEST_CASE("an export goes through all pages") {
  TestCli cli;
  TestStore store;
  store.append_noise(3);
  cli.answer("GET /v1/entries?limit=100", {{"entries", {entry_document(store, 2)}}, {"next", "c"}});
  // A short page is filled up from the next one.
  cli.answer(
      "GET /v1/entries?limit=99&cursor=c",
      {{"entries", {entry_document(store, 1), entry_document(store, 0)}}, {"next", nullptr}});
  CHECK(cli.run({"audit", "export", "--format", "csv"}) == 0);
  CHECK(std::count(cli.out.begin(), cli.out.end(), '\n') == 4);
  CHECK(cli.run({"audit", "export"}) == 0);
  CHECK(std::count(cli.out.begin(), cli.out.end(), '\n') == 3);
}

TEST_CASE("an export follows -o, and is one document where a program reads one") {
  TestCli cli;
  TestStore store;
  store.append_noise(2);
  const Json entries{entry_document(store, 1), entry_document(store, 0)};
  cli.answer("GET /v1/entries?limit=100", {{"entries", entries}, {"next", nullptr}});
  CHECK(cli.run({"audit", "export", "-o", "json"}) == 0);
  CHECK(cli.json() == Json{{"entries", entries}, {"next", nullptr}});
  CHECK(cli.run({"audit", "export", "-o", "name"}) == 0);
  CHECK(cli.out == "1\n0\n");
  CHECK(cli.run({"audit", "export", "-o", "yaml"}) == 0);
  CHECK(cli.out.starts_with("entries:\n- "));
  CHECK(cli.out.ends_with("\nnext: null\n"));
  CHECK(cli.run({"audit", "export", "-o", "jsonl"}) == 0);
  CHECK(cli.out == json_line(entries[0]) + "\n" + json_line(entries[1]) + "\n");
  CHECK(cli.run({"audit", "export", "-o", "jsonl", "--format", "jsonl"}) == 0);
  CHECK(cli.run({"audit", "export", "-o", "json", "--format", "csv"}) == 2);

  cli.answer("GET /v1/entries?limit=100", {{"entries", Json::array()}, {"next", nullptr}});
  CHECK(cli.run({"audit", "export", "-o", "json"}) == 0);
  CHECK(cli.json()["entries"] == Json::array());
  CHECK(cli.run({"audit", "export", "-o", "yaml"}) == 0);
  CHECK(cli.out == "entries: []\nnext: null\n");
  cli.answer("GET /v1/entries?limit=100", {{"code", "denied"}, {"detail", "no"}}, 403);
  CHECK(cli.run({"audit", "export", "-o", "json"}) == 5);
  CHECK(cli.json()["code"] == "denied");
}

TEST_CASE("a proof is verified with --trust, and refused when it proves something else") {
  TestCli cli;
  TestStore store;
  store.issue_version();
  cli.answer_bytes("GET /v1/entries/1/proof", store.snapshot()["proof"].get<std::string>());
  cli.answer("GET /v1/entries/1", entry_document(store, 1));
  cli.file("trust.json", store.trust_bytes());
  cli.file("entry.json", "{}");
  cli.file("other.json", TestStore("example.com/store", 2).trust_bytes());
  CHECK(cli.run({"audit", "prove", "1", "--trust", "trust.json"}) == 0);
  CHECK(parse_tlog_proof(cli.out).value().index == 1);
  CHECK(cli.run({"audit", "prove", "1", "--trust", "trust.json", "-o", "json"}) == 0);
  CHECK(parse_tlog_proof(cli.json()["proof"].get<std::string>()).value().index == 1);
  CHECK(cli.json()["index"] == 1);
  CHECK(cli.json()["verified"] == true);
  CHECK(cli.run({"audit", "prove", "1", "-o", "json"}) == 0);
  CHECK(cli.json()["verified"] == false);
  CHECK(cli.run({"audit", "prove", "1", "--trust", "entry.json"}) == 2);
  CHECK(cli.err.find("this is no trust document") != std::string::npos);
  cli.file("stranger.json", TestStore("example.org/other", 3).trust_bytes());
  CHECK(cli.run({"audit", "prove", "1", "--trust", "stranger.json"}) == 4);
  CHECK(cli.err.find("it says that it is of `example.com/store`, the keys are of "
                     "`example.org/other`") != std::string::npos);
  CHECK(cli.run({"audit", "prove", "1", "--trust", "other.json"}) == 4);
  CHECK(cli.out.empty());
  cli.answer_bytes("GET /v1/entries/0/proof", store.snapshot()["proof"].get<std::string>());
  CHECK(cli.run({"audit", "prove", "0"}) == 4);
}

TEST_CASE("trust keys are exported in the form each program reads") {
  TestCli cli;
  const TestStore store;
  cli.file("trust.json", store.trust_bytes());
  for (const auto& [format, part] : std::vector<std::pair<std::string, std::string>>{
           {"flux", "kind: Secret"},
           {"argocd", "  AAAAAAAAAAAAAAAA: |\n    -----BEGIN PGP PUBLIC KEY BLOCK-----"},
           {"allowed-signers", "statehouse@example.com namespaces=\"git\" ssh-ed25519 "},
           {"vkey", "example.com/store+"},
           {"pem", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA"}}) {
    CAPTURE(format);
    CHECK(cli.run_alone({"trust", "export", "--trust", "trust.json", "--format", format}) == 0);
    CHECK(cli.out.find(part) != std::string::npos);
    const std::string content = cli.out;
    CHECK(cli.run_alone(
              {"trust", "export", "--trust", "trust.json", "--format", format, "-o", "json"}) == 0);
    CHECK(cli.json() == Json{{"format", format}, {"content", content}});
  }
  CHECK(cli.run_alone({"trust", "show", "--trust", "trust.json", "-o", "json"}) == 0);
  CHECK(cli.json()["origin"] == "example.com/store");
}

}  // namespace statehouse
