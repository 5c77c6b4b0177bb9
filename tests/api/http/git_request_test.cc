#include <doctest/doctest.h>

#include "api/http/git_fetch_request.h"
#include "api/http/git_push_request.h"
#include "api/http/pkt_line.h"

namespace statehouse {

namespace {

const std::string kA(40, 'a');
const std::string kB(40, 'b');
const std::string kZero(40, '0');

std::string packets(const std::vector<std::string>& lines) {
  std::string bytes;
  for (const std::string& line : lines) append_pkt_line(bytes, line);
  append_flush(bytes);
  return bytes;
}

std::string push_of(const std::string& command, const std::string& capabilities) {
  return packets({command + std::string(1, '\0') + capabilities});
}

std::string create_main() { return kZero + " " + kA + " refs/heads/main"; }

std::string command_v2(const std::string& command, const std::vector<std::string>& arguments) {
  std::string bytes;
  append_pkt_line(bytes, "command=" + command + "\n");
  append_pkt_line(bytes, "agent=git/2.39.5\n");
  append_delimiter(bytes);
  for (const std::string& argument : arguments) append_pkt_line(bytes, argument + "\n");
  append_flush(bytes);
  return bytes;
}

Result<FetchRequest> fetch_v2(const std::vector<std::string>& arguments) {
  return parse_fetch_arguments_v2(parse_command_v2(command_v2("fetch", arguments)).value());
}

}  // namespace

TEST_CASE("a packet whose length lies is refused without reading past the end") {
  for (const char* bad :
       {"0", "000", "0003", "00g0", "+005a", "0009abcd", "ffff", "-001", " 005a"}) {
    CAPTURE(bad);
    CHECK_FALSE(PktLineReader(bad).next());
  }
}

TEST_CASE("packets of every kind are read back") {
  std::string bytes;
  append_pkt_line(bytes, "hello\n");
  append_delimiter(bytes);
  append_flush(bytes);
  bytes += "0002PACK";
  PktLineReader reader(bytes);
  CHECK(reader.next()->text() == "hello");
  CHECK(reader.next()->kind == PktLine::Kind::kDelimiter);
  CHECK(reader.next()->kind == PktLine::Kind::kFlush);
  CHECK(reader.next()->kind == PktLine::Kind::kResponseEnd);
  CHECK(reader.rest() == "PACK");
}

TEST_CASE("side-band data longer than a packet is split") {
  std::string bytes;
  append_side_band(bytes, 1, std::string(kPktDataBytesMax, 'x'));
  PktLineReader reader(bytes);
  CHECK(reader.next()->data.size() == kPktDataBytesMax);
  CHECK(reader.next()->data == "\1x");
  CHECK(reader.at_end());
}

TEST_CASE("a push that is malformed, ambiguous or asks for what was not offered is refused") {
  const std::string nul(1, '\0');
  const std::vector<std::string> bad = {
      "",
      packets({"nonsense"}),
      push_of(kZero + " " + kZero + " refs/heads/main", ""),
      push_of(kA + " " + kB + " main", ""),
      push_of(kA + " " + kB + " refs/heads/../x", ""),
      push_of(kA + "  " + kB + " refs/heads/x", ""),
      push_of(std::string(39, 'a') + " " + kB + " refs/heads/x", ""),
      push_of(create_main(), "push-cert=1"),
      push_of(create_main(), "object-format=sha256"),
      packets({"push-cert" + nul + "report-status"}),
      packets({"shallow " + kA + "a", create_main() + nul}),
      packets({"shallow HEAD", create_main() + nul}),
      packets({create_main() + nul, "shallow " + kA}),
      packets({create_main() + nul, create_main()}),
      packets({create_main() + nul, kZero + " " + kA + " refs/heads/b" + nul + "atomic"}),
      packets({create_main() + nul + "push-options"}),
      packets({create_main() + nul + "push-options"}) + packets({"a\nb"}),
      packets({create_main() + nul + "push-options"}) + packets({std::string(2000, 'x')}),
  };
  for (std::size_t i = 0; i < bad.size(); ++i) {
    CAPTURE(i);
    CHECK_FALSE(parse_push_request(bad[i]));
  }
}

TEST_CASE("a push tells its commands, options, capabilities and where its pack starts") {
  const std::string head =
      push_of(create_main(), " report-status side-band-64k push-options agent=git/2") +
      packets({"dry-run", "ticket=7;x"});
  const PushRequest push = parse_push_request(head + "PACK").value();
  REQUIRE(push.commands.size() == 1);
  CHECK_FALSE(push.commands[0].old_oid);
  CHECK(push.commands[0].new_oid->hex() == kA);
  CHECK(push.options == std::vector<std::string>{"dry-run", "ticket=7;x"});
  CHECK(push.report_status);
  CHECK(push.side_band);
  CHECK_FALSE(push.atomic);
  CHECK(push.pack_offset == head.size());
}

TEST_CASE("a push from a shallow clone is read like any other") {
  const std::string nul(1, '\0');
  const PushRequest push =
      parse_push_request(packets({"shallow " + kB + "\n", create_main() + nul})).value();
  REQUIRE(push.commands.size() == 1);
  CHECK(push.commands[0].new_oid->hex() == kA);
}

TEST_CASE("a deletion names the old commit and no new one") {
  const PushRequest push =
      parse_push_request(push_of(kA + " " + kZero + " refs/heads/x", "")).value();
  CHECK(push.commands[0].old_oid);
  CHECK_FALSE(push.commands[0].new_oid);
}

TEST_CASE("include-tag is taken out of a v2 fetch and nothing else is") {
  CHECK(without_include_tag_v2(command_v2("fetch", {"want " + kA, "include-tag", "done"})) ==
        command_v2("fetch", {"want " + kA, "done"}));
  CHECK_FALSE(without_include_tag_v2("0009abcd"));
}

TEST_CASE("a fetch in protocol v0 with anything unknown in it is refused") {
  for (const std::string& bad :
       {std::string(), packets({}), packets({"want " + kA + "x"}),
        packets({"want-ref refs/heads/x"}), packets({"want " + kA + " object-format=sha256"}),
        packets({"want " + kA, "gimme"}), packets({"want " + kA, "have xyz"})}) {
    CHECK_FALSE(parse_fetch_request_v0(bad));
  }
}

TEST_CASE("the same v0 fetch by another agent is the same request") {
  const auto with = [](const std::string& agent) {
    return packets({"want " + kA + " ofs-delta agent=" + agent, "want " + kB, "deepen 1"}) +
           packets({"done"});
  };
  const FetchRequest one = parse_fetch_request_v0(with("git/1")).value();
  CHECK(one.normalized == parse_fetch_request_v0(with("go-git/5"))->normalized);
  CHECK(one.wants.size() == 2);
  CHECK(one.done);
  CHECK(one.haves.empty());
}

TEST_CASE("a v2 fetch with a feature that is not advertised is refused") {
  CHECK_FALSE(fetch_v2({"want-ref refs/heads/main"}));
  CHECK_FALSE(fetch_v2({"packfile-uris https"}));
  CHECK_FALSE(fetch_v2({"sideband-all"}));
  CHECK_FALSE(fetch_v2({"want xyz"}));
}

TEST_CASE("what needs a view of the whole repository is noticed in a v2 fetch") {
  CHECK(fetch_v2({"want " + kA, "include-tag"})->uses_include_tag);
  CHECK(fetch_v2({"want " + kA, "deepen-not refs/heads/x"})->uses_deepen_not);
  CHECK(fetch_v2({"want " + kA, "filter blob:none"})->uses_filter);
  CHECK(fetch_v2({"want " + kA, "have " + kB})->haves.size() == 1);
}

TEST_CASE("a want that is repeated is one want") {
  CHECK(fetch_v2({"want " + kA, "want " + kB, "want " + kA})->wants.size() == 2);
  CHECK(parse_fetch_request_v0(packets({"want " + kA, "want " + kA}))->wants.size() == 1);
  std::vector<std::string> many(65'537, "want " + kA);
  CHECK_FALSE(fetch_v2(many));
}

TEST_CASE("of haves and shallow lines the ids that are not known are blanked, and nothing else") {
  const auto body = [](const std::string& have, const std::string& shallow) {
    return command_v2("fetch", {"want " + kA, "have " + kB, "have " + have, "shallow " + shallow,
                                "deepen 1", "done"});
  };
  CHECK(with_known_haves(body(kA, kA), {Oid::parse(kB).value()}).value() == body(kZero, kZero));
  const std::string v0 = packets({"want " + kA + " ofs-delta"}) + packets({"have " + kA, "done"});
  CHECK(with_known_haves(v0, {}).value() ==
        packets({"want " + kA + " ofs-delta"}) + packets({"have " + kZero, "done"}));
  CHECK_FALSE(with_known_haves("00zz", {}));
}

TEST_CASE("a v2 request without a command, for another hash or with bytes after it is refused") {
  CHECK_FALSE(parse_command_v2("0000"));
  CHECK_FALSE(parse_command_v2(command_v2("fetch", {}) + "0000"));
  std::string sha256;
  append_pkt_line(sha256, "command=fetch");
  append_pkt_line(sha256, "object-format=sha256");
  append_flush(sha256);
  CHECK_FALSE(parse_command_v2(sha256));
}

TEST_CASE("ls-refs matches by prefix and refuses unknown arguments") {
  const auto list = [](const std::vector<std::string>& arguments) {
    return parse_list_refs_arguments(parse_command_v2(command_v2("ls-refs", arguments)).value());
  };
  CHECK_FALSE(list({"everything"}));
  CHECK(list({"peel", "symrefs", "unborn"})->matches("refs/heads/x"));
  CHECK(list({"ref-prefix refs/heads/"})->matches("refs/heads/x"));
  CHECK_FALSE(list({"ref-prefix refs/heads/"})->matches("refs/tags/x"));
}

TEST_CASE("the protocol header takes the last version it knows") {
  CHECK(parse_git_protocol("") == GitProtocol::kV0);
  CHECK(parse_git_protocol("version=2") == GitProtocol::kV2);
  CHECK(parse_git_protocol("x=y:version=1") == GitProtocol::kV1);
  CHECK(parse_git_protocol("version=3") == GitProtocol::kV0);
}

}  // namespace statehouse
