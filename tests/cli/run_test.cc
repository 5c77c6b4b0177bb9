#include "cli/run.h"

#include <doctest/doctest.h>

#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;

TEST_CASE("bad arguments exit 2 with one line that says why and one that says what next") {
  TestCli cli;
  const std::vector<std::vector<std::string>> wrong{
      {},
      {"no-such-command"},
      {"history"},
      {"history", "show"},
      {"history", "show", "--version", "-1"},
      {"history", "show", "--version", "0x10"},
      {"history", "--ref", "deploy", "--version-from", "1"},
      {"history", "-R", "UPPER", "--ref", "deploy"},
      {"history", "-R", "platform", "--ref", "a..b"},
      {"-o", "xml", "version"},
      {"promotion"},
      {"promotion", "show"},
      {"promotion", "show", "twelve"},
      {"promotion", "show", "1", "2"},
      {"promotion", "list", "--state", "done"},
      {"promotion", "create"},
      {"promotion", "create", "--flow", "deploy", "--commit", "HEAD"},
      {"promotion", "wait", "1", "--for", "ever"},
      {"promotion", "wait", "1", "--timeout", "soon"},
      {"token", "create"},
      {"token", "create", "--identity", "a", "--expires", "never"},
      {"token", "create", "--identity", "a", "--scope", "all"},
      {"snapshot", "get", "-R", "platform", "--ref", "deploy"},
      {"sync", "-R", "platform"},
      {"audit", "search", "--outcome", "perhaps"},
      {"audit", "search", "--since", "yesterday"},
      {"audit", "export", "--format", "xml"},
      {"trust", "export", "--format", "jks"},
      {"completion", "powershell"},
      {"help", "no-such-command"}};
  for (const auto& arguments : wrong) {
    std::string shown;
    for (const auto& word : arguments) shown += word + " ";
    CAPTURE(shown);
    const int code = cli.run(arguments);
    CAPTURE(cli.err);
    CHECK(code == 2);
    CHECK(cli.err.starts_with("statehouse: "));
    CHECK(cli.out.empty());
  }
}

TEST_CASE("each error code of the server has its exit code") {
  const std::vector<std::tuple<std::string, int, int>> table{
      {"invalid-argument", 400, 2}, {"not-found", 404, 3},       {"unverified", 422, 4},
      {"denied", 403, 5},           {"unauthenticated", 401, 5}, {"conflict", 409, 6},
      {"unavailable", 503, 7},      {"corrupt", 500, 70},        {"internal", 500, 70}};
  for (const auto& [code, status, expected] : table) {
    TestCli cli;
    cli.answer("GET /v1/tokens?limit=100",
               {{"code", code}, {"detail", "doing: cause"}, {"fix", "what next"}}, status);
    CAPTURE(code);
    CHECK(cli.run({"token", "list"}) == expected);
    CHECK(cli.err == "statehouse: listing tokens: doing: cause\nwhat next\n");
  }
}

TEST_CASE("a failure is a problem document for programs, in place of the result") {
  TestCli cli;
  cli.answer("GET /v1/tokens?limit=100",
             {{"code", "denied"}, {"detail", "doing: cause"}, {"fix", "what next"}}, 403);
  CHECK(cli.run({"token", "list", "-o", "json"}) == 5);
  CHECK(cli.json() == Json{{"type", "about:blank"},
                           {"code", "denied"},
                           {"detail", "listing tokens: doing: cause"},
                           {"fix", "what next"},
                           {"exitCode", 5}});
  CHECK(cli.err == "statehouse: listing tokens: doing: cause\nwhat next\n");
  CHECK(cli.run({"token", "list", "-o", "jsonl"}) == 5);
  CHECK(cli.out.find('\n') == cli.out.size() - 1);
  CHECK(cli.json()["code"] == "denied");
  CHECK(cli.run({"token", "list", "-o", "yaml"}) == 5);
  CHECK(cli.out.starts_with("code: denied\n"));
  for (const char* people : {"text", "name"}) {
    CHECK(cli.run({"token", "list", "-o", people}) == 5);
    CHECK(cli.out.empty());
  }
}

TEST_CASE("arguments that cannot be read are a problem document too, wherever -o stands") {
  TestCli cli;
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"-o", "json", "promotion", "show", "twelve"},
                                             {"promotion", "show", "--output=json"},
                                             {"no-such-command", "-ojson"}}) {
    CHECK(cli.run_alone(arguments) == 2);
    CHECK(cli.json()["code"] == "invalid-argument");
    CHECK(cli.json()["exitCode"] == 2);
  }
}

TEST_CASE("a report with findings is the only document, and says how it ended") {
  TestCli cli;
  const Json finding{{"severity", "error"}, {"where", "a"}, {"what", "b"}, {"fix", "c"}};
  Json report{{"ok", false}, {"findings", {finding}}, {"checked", {{"entries", 3}}}};
  cli.answer("POST /v1/fsck", report);
  CHECK(cli.run({"fsck", "-o", "json"}) == 70);
  CHECK(cli.json()["ok"] == false);
  CHECK(cli.json()["findings"] == Json::array({finding}));
  CHECK(cli.json()["checked"]["entries"] == 3);
  CHECK(cli.json()["code"] == "corrupt");
  CHECK(cli.json()["exitCode"] == 70);
  CHECK(cli.json()["detail"].get<std::string>().starts_with("checking the store: "));
  CHECK(cli.run({"fsck"}) == 70);
  CHECK(cli.out == "error: a: b\n  fix: c\nchecked: 3 entries\nnot ok\n");
  CHECK(cli.run({"fsck", "-o", "name"}) == 70);
  CHECK(cli.out == "not ok\n");
  report["ok"] = true;
  cli.answer("POST /v1/fsck", report);
  CHECK(cli.run({"fsck", "-o", "json"}) == 0);
  CHECK(cli.json() == report);
}

TEST_CASE("a word that no command has brings the nearest one") {
  TestCli cli;
  for (const auto& [arguments, expected] :
       std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"promotoin", "list"},
            R"(there is no command "statehouse promotoin"; did you mean "promotion"?)"},
           {{"promotion", "aprove", "1"},
            R"(there is no command "statehouse promotion aprove"; did you mean "approve"?)"},
           {{"help", "audit", "serch"}, R"(there is no command "serch"; did you mean "search"?)"},
           {{"token", "list", "--limt", "3"},
            R"("statehouse token list" has no option "--limt"; did you mean "--limit"?)"},
           {{"help", "quite"}, "there is no command \"quite\"\n"},
           {{"gate"}, "there is no command \"statehouse gate\"\n"},
           {{"token", "--list"}, R"(has no option "--list")"},
           {{"token", "list", "--sever=x"}, R"(did you mean "--server"?)"},
           {{"promotion", "show", "1", "2"}, R"("statehouse promotion show" takes no "2")"}}) {
    CHECK(cli.run_alone(arguments) == 2);
    CAPTURE(cli.err);
    CHECK(cli.err.find(expected) != std::string::npos);
  }
  CHECK(cli.run_alone({"qqqqqqqqqqqq"}) == 2);
  CHECK(cli.err.find("did you mean") == std::string::npos);
}

TEST_CASE("a file given on the command line is named in full, and may be a link") {
  TestCli cli;
  cli.variables["STATEHOUSE_SERVER"] = "http://127.0.0.1:9";
  const std::string there = cli.file("mounted/..data/token", "sth_x");
  std::filesystem::create_symlink(there, cli.path("token"));
  CHECK(cli.run_alone({"token", "list", "--token-file", "token"}) == 7);  // nobody answers there
  CHECK(cli.run_alone({"token", "list", "--token-file", "deep/nothing"}) == 3);
  CHECK(cli.err.find(cli.path("deep/nothing").string() + ": ") != std::string::npos);
  CHECK(cli.run_alone(
            {"token", "list", "--server", "https://127.0.0.1:9", "--ca-file", "no.pem"}) == 3);
  CHECK(cli.run_alone({"init", "--data", "d", "--name", "n.example", "--admin", "a=deep/key"}) ==
        3);
  CHECK(cli.err.find(cli.path("deep/key").string() + ": ") != std::string::npos);
}

TEST_CASE("a token file without a token is bad input, not a call without a token") {
  TestCli cli;
  for (const char* bytes : {"", "\n", " \r\n\t"}) {
    cli.file("token", bytes);
    CHECK(cli.run_alone(
              {"token", "list", "--server", "http://127.0.0.1:9", "--token-file", "token"}) == 2);
    CHECK(cli.err.find(cli.path("token").string() + " is empty\n") != std::string::npos);
  }
  cli.variables["STATEHOUSE_TOKEN"] = "";
  CHECK(cli.run_alone({"token", "list", "--server", "http://127.0.0.1:9"}) == 7);  // nobody there
}

TEST_CASE("a path that leads through a file, or is too long, is bad input") {
  TestCli cli;
  cli.file("file", "x");
  for (const std::string& path : {std::string("file/x"), std::string(300, 'a')}) {
    CHECK(cli.run_alone({"audit", "verify", "--data", path}) == 2);
    CHECK(cli.run_alone({"policy", "check", path}) == 2);
    CHECK(cli.run_alone({"snapshot", "verify", path, "--trust", path}) == 2);
  }
  CHECK(cli.run_alone({"audit", "verify", "--data", "file"}) == 2);
  CHECK(cli.run_alone({"policy", "check", "/dev/null"}) == 2);
}

TEST_CASE("what was being done is said once") {
  TestCli cli;
  cli.answer("GET /v1/tokens?limit=100", {{"code", "denied"}, {"detail", "listing tokens: cause"}},
             403);
  CHECK(cli.run({"token", "list"}) == 5);
  CHECK(cli.err.starts_with("statehouse: listing tokens: cause\n"));
  CHECK(cli.run_alone({"promotion", "show", "twelve"}) == 2);
  CHECK(cli.err.find("not a whole number: NUMBER = twelve") != std::string::npos);
  CHECK(cli.run_alone({"audit", "reindex", "--server", "http://127.0.0.1:9"}) == 2);
  CHECK(cli.err.find("give --data DIR") != std::string::npos);
}

TEST_CASE("every error says what to do next, also where the server does not") {
  for (const auto& [code, status, fix] : std::vector<std::tuple<std::string, int, std::string>>{
           {"invalid-argument", 400, "see: statehouse promotion show --help"},
           {"not-found", 404,
            "see what there is: statehouse promotion list; what your token may not read is not "
            "found either"},
           {"unverified", 422, "do not use what was sent, and tell the store's operator"},
           {"denied", 403, "use the token of somebody who may, or ask the store's administrators"},
           {"conflict", 409, "look at it anew before you decide whether to repeat the command"},
           {"unavailable", 503, "try again later, with the same command"},
           {"corrupt", 500, "check the store on its host: statehouse fsck --data DIR"},
           {"internal", 500, "if it comes from the server, the server's log says more"}}) {
    TestCli cli;
    cli.answer("GET /v1/promotions/1", {{"code", code}, {"detail", "cause"}}, status);
    cli.run({"promotion", "show", "1", "-o", "json"});
    CHECK(cli.err == "statehouse: showing a promotion: cause\n" + fix + "\n");
    CHECK(cli.json()["fix"] == fix);
  }
  TestCli cli;
  CHECK(cli.run({"audit", "show", "1"}) == 3);
  CHECK(cli.err.find("\ncheck the name; what your token") != std::string::npos);
  cli.answer("GET /v1/promotions/1", {{"code", "denied"}, {"detail", "cause"}, {"entry", 5}}, 403);
  cli.run({"promotion", "show", "1"});
  CHECK(cli.err.starts_with("statehouse: showing a promotion: cause; entry: 5\nuse the token"));
}

TEST_CASE("errors that arise here say what mends them") {
  const std::string oid(40, 'a');
  for (const auto& [fix, arguments] : std::vector<std::pair<std::string, std::vector<std::string>>>{
           {"name the document that you pinned: --trust FILE",
            {"snapshot", "verify", "x", "--trust", "no"}},
           {"name the folder DIR.statehouse", {"snapshot", "verify", "no", "--trust", "trust"}},
           {"name the file that holds the token",
            {"token", "list", "--server", "http://127.0.0.1:9", "--token-file", "no"}},
           {"name the file of the public key: --admin a=FILE",
            {"init", "--data", "d", "--name", "n.example", "--admin", "a=no"}},
           {"name a YAML file that this user may read: --config FILE",
            {"serve", "--data", "d", "--config", "no"}},
           {"is the path right? To make a store there: statehouse init --data ",
            {"serve", "--data", "no"}},
           {"give the tree's 40 digits: statehouse promotion diff 7 ends with them",
            {"promotion", "approve", "7", "--expect-tree", "1234", "--data", "d"}},
           {"give --waiting-for me", {"promotion", "list", "--waiting-for", "alice"}},
           {"give --cursor what the list before ended with",
            {"history", "-R", "a", "--ref", "b", "--cursor", "zzz", "--data", "d"}},
           {"ask as the identity that would push: --server URL and its token",
            {"policy", "explain", "-R", "a", "--ref", "b", "--commit", oid, "--data", "d"}}}) {
    TestCli cli;
    cli.file("trust", test::TestStore().trust_bytes());
    cli.answer("GET /v1/versions*",
               {{"code", "invalid-argument"}, {"detail", "reading `cursor`: unknown"}}, 400);
    cli.answer("POST /v1/policy/explain",
               {{"code", "denied"}, {"detail", "explaining: only an identity can push"}}, 403);
    CAPTURE(fix);
    CHECK(cli.run_alone(arguments) != 0);
    CAPTURE(cli.err);
    CHECK(cli.err.find("\n" + fix) != std::string::npos);
  }
}

TEST_CASE("a token's secret given as its id is neither printed nor sent") {
  TestCli cli;
  const std::string secret = "sth_c2VjcmV0c2VjcmV0c2VjcmV0";
  for (const std::string& given : {secret, secret.substr(4), " " + secret}) {
    CHECK(cli.run({"token", "revoke", given, "-o", "json"}) == 2);
    CHECK((cli.out + cli.err).find("c2VjcmV0") == std::string::npos);
    CHECK(cli.err.find("statehouse token list") != std::string::npos);
  }
  CHECK(cli.requests.empty());
  CHECK(cli.run({"token", "revoke", secret}) == 2);
  CHECK(cli.err.find("that is a token's secret, not its id") != std::string::npos);
}

TEST_CASE("a call without a token is told how to give one here, not how HTTP carries it") {
  TestCli cli;
  cli.answer("GET /v1/tokens*",
             {{"code", "unauthenticated"},
              {"detail", "authenticating: no access token was sent"},
              {"fix", "send it as Bearer, or as Basic password"}},
             401);
  CHECK(cli.run({"token", "list"}) == 5);
  CHECK(cli.err ==
        "statehouse: listing tokens: authenticating: no access token was sent\n"
        "give a token: --token-file FILE or STATEHOUSE_TOKEN\n");
  cli.answer("GET /v1/tokens*",
             {{"code", "unauthenticated"}, {"detail", "not valid"}, {"fix", "it may have expired"}},
             401);
  CHECK(cli.run({"token", "list"}) == 5);
  CHECK(cli.err.find("\nit may have expired\n") != std::string::npos);
}

TEST_CASE("an answer that is no problem document still has an exit code") {
  for (const auto& [status, expected] : std::vector<std::pair<int, int>>{
           {400, 2}, {401, 5}, {404, 3}, {409, 6}, {429, 7}, {502, 7}, {500, 70}, {302, 70}}) {
    TestCli cli;
    cli.answers["GET /v1/tokens*"] = [code = status](const ApiRequest&) {
      return ApiResponse{code, "text/html", "<html>"};
    };
    CAPTURE(status);
    CHECK(cli.run({"token", "list"}) == expected);
  }
}

TEST_CASE("control characters from the server never reach the terminal") {
  TestCli cli;
  const std::string evil = "\x1b]0;owned\x07 \xe2\x80\xae";
  cli.answer("GET /v1/tokens*", {{"code", "denied"}, {"detail", evil}, {"fix", evil}}, 403);
  cli.run({"token", "list"});
  CHECK(cli.err.find('\x1b') == std::string::npos);
  cli.answer("GET /v1/tokens*",
             {{"tokens", {{{"id", evil}, {"identity", evil}}}}, {"next", nullptr}});
  CHECK(cli.run({"token", "list"}) == 0);
  CHECK(cli.out.find('\x1b') == std::string::npos);
  CHECK(cli.out.find("\xe2\x80\xae") == std::string::npos);
}

TEST_CASE("a success that is not JSON is unavailable, not believed") {
  TestCli cli;
  for (const char* body : {"<html>", "{", "{\"tokens\":1}", "[]"}) {
    cli.answer_bytes("GET /v1/tokens*", body);
    CAPTURE(body);
    const int code = cli.run({"token", "list"});
    CHECK((code == 7 || code == 2));
  }
}

TEST_CASE("an answer without a document is an error, not an empty screen") {
  for (const auto& [body, reason] : {std::pair{"", "the server's answer is empty"},
                                     {"null", "no object"},
                                     {"[]", "no object"}}) {
    for (const int status : {200, 204}) {
      TestCli cli;
      for (const char* method : {"GET *", "POST *", "DELETE *"}) {
        cli.answers[method] = [status, body](const ApiRequest&) {
          return ApiResponse{status, "application/json", body};
        };
      }
      for (const std::vector<std::string>& command :
           {std::vector<std::string>{"promotion", "show", "1"},
            {"promotion", "merge", "1"},
            {"token", "revoke", "tok_1"},
            {"repository", "show", "a"}}) {
        CAPTURE(command[1]);
        CHECK(cli.run(command) == 7);
        CHECK(cli.out.empty());
        CHECK(cli.err.find(reason) != std::string::npos);
      }
    }
  }
}

TEST_CASE("no answer, however wrong its shape, does more than fail") {
  const std::string oid(40, 'a');
  const std::vector<std::vector<std::string>> commands{
      {"token", "list"},
      {"token", "revoke", "tok_1"},
      {"token", "create", "--identity", "a"},
      {"repository", "list"},
      {"repository", "show", "a"},
      {"history", "-R", "a", "--ref", "b"},
      {"history", "show", "-R", "a", "--ref", "b", "--version", "1"},
      {"history", "diff", "-R", "a", "--ref", "b", "--from", "1", "--to", "2"},
      {"promotion", "list"},
      {"promotion", "show", "1"},
      {"promotion", "diff", "1", "--objects"},
      {"promotion", "create", "--flow", "a"},
      {"audit", "search"},
      {"audit", "show", "1"},
      {"audit", "prove", "1"},
      {"audit", "export", "--format", "csv"},
      {"audit", "reindex"},
      {"policy", "explain", "-R", "a", "--ref", "b", "--commit", oid},
      {"trust", "show"},
      {"version"}};
  for (const char* body :
       {"", "null", "1", "\"text\"", "[]", "[[]]", "{}", R"({"tokens":[1,null,[]],"versions":[1],
        "promotions":[[]],"entries":[1,{"event":1},{"event":{"data":[]}}],"repositories":[null],
        "changes":[1,{}],"decision":{"rules":[1,{}],"allow":3},"refs":{},"commits":[1],
        "approvals":[1],"required":[1],"source":[],"target":1,"comments":[null],"merged":[]})",
        R"({"changes":{},"decision":[],"tokens":{},"versions":1,"entries":null,"next":"x"})"}) {
    for (const auto& command : commands) {
      TestCli cli;
      for (const char* method : {"GET *", "POST *", "DELETE *"}) cli.answer_bytes(method, body);
      CAPTURE(body);
      CAPTURE(command[0] + " " + command[1 % command.size()]);
      for (const char* format : {"text", "json", "jsonl", "yaml", "name"}) {
        std::vector<std::string> arguments = command;
        arguments.insert(arguments.end(), {"-o", format});
        const int code = cli.run(arguments);
        CHECK((code == 0 || code == 2 || code == 4 || code == 7));
      }
    }
  }
}

TEST_CASE("without a server and outside of a clone the error says how to name one") {
  TestCli cli;
  CHECK(cli.run_alone({"promotion", "show", "1"}) == 2);
  CHECK(cli.err.find("--server URL") != std::string::npos);
}

TEST_CASE("--server and --data together are refused by every command, before it does anything") {
  TestCli cli;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"token", "list"},
                                             {"audit", "verify"},
                                             {"serve"},
                                             {"promotion", "show", "1"},
                                             {"version"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--server", "http://127.0.0.1:1"});
    CHECK(cli.run(arguments) == 2);
    CHECK(cli.err.find("--server and --data") != std::string::npos);
  }
  CHECK(cli.requests.empty());
  CHECK_FALSE(std::filesystem::exists(cli.path("keys")));
}

TEST_CASE("reindex and fsck without a data directory are bad usage") {
  TestCli cli;
  for (const std::vector<std::string>& command :
       std::vector<std::vector<std::string>>{{"audit", "reindex"}, {"fsck"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--server", "http://127.0.0.1:1"});
    CHECK(cli.run_alone(arguments) == 2);
    CHECK(cli.err.find("give --data DIR") != std::string::npos);
  }
}

TEST_CASE("a list is printed in every format, as the contract says") {
  TestCli cli;
  const Json list{{"tokens",
                   {{{"id", "tok_1"}, {"identity", "alice"}, {"scope", "read"}},
                    {{"id", "tok_2"}, {"identity", "yes"}, {"scope", "write"}}}},
                  {"next", nullptr}};
  cli.answer("GET /v1/tokens*", list);
  CHECK(cli.run({"token", "list", "-o", "json"}) == 0);
  CHECK(cli.json() == list);
  CHECK(cli.run({"-o", "jsonl", "token", "list"}) == 0);
  CHECK(cli.out ==
        "{\"id\":\"tok_1\",\"identity\":\"alice\",\"scope\":\"read\"}\n"
        "{\"id\":\"tok_2\",\"identity\":\"yes\",\"scope\":\"write\"}\n");
  CHECK(cli.run({"token", "list", "-o", "name"}) == 0);
  CHECK(cli.out == "tok_1\ntok_2\n");
  CHECK(cli.run({"token", "list", "-o", "yaml"}) == 0);
  CHECK(cli.out ==
        "next: null\ntokens:\n  - id: tok_1\n    identity: alice\n    scope: read\n"
        "  - id: tok_2\n    identity: \"yes\"\n    scope: write\n");
  CHECK(cli.run({"token", "list"}) == 0);
  CHECK(
      cli.out.starts_with("ID     IDENTITY  SCOPE  REPOSITORY  EXPIRES  REVOKED\n"
                          "tok_1  alice     read   -           -        -\n"));
}

TEST_CASE("lists follow the server's cursor up to the limit") {
  TestCli cli;
  cli.answer("GET /v1/versions?repository=team%2Fapp&ref=refs%2Fheads%2Fdeploy&limit=3",
             {{"versions", {{{"version", 9}}, {{"version", 8}}}}, {"next", "c 1"}});
  cli.answer(
      "GET /v1/versions?repository=team%2Fapp&ref=refs%2Fheads%2Fdeploy&limit=1&cursor=c%201",
      {{"versions", {{{"version", 7}}}}, {"next", "c2"}});
  CHECK(cli.run({"history", "-R", "team/app", "--ref", "deploy", "--limit", "3", "-o", "json"}) ==
        0);
  CHECK(cli.json()["versions"].size() == 3);
  CHECK(cli.json()["next"] == "c2");
}

TEST_CASE("that a list goes on is said in every format, and --cursor goes on with it") {
  TestCli cli;
  cli.answer("GET /v1/tokens?limit=1", {{"tokens", {{{"id", "tok_1"}}}}, {"next", "c1"}});
  cli.answer("GET /v1/tokens?limit=1&cursor=c1",
             {{"tokens", {{{"id", "tok_2"}}}}, {"next", nullptr}});
  const std::vector<std::string> list{"token", "list", "--limit", "1", "-o"};
  const auto run = [&](const std::vector<std::string>& more) {
    std::vector<std::string> arguments = list;
    arguments.insert(arguments.end(), more.begin(), more.end());
    REQUIRE(cli.run(arguments) == 0);
  };
  for (const char* format : {"text", "jsonl", "name"}) {
    run({format});
    CHECK(cli.err == "there is more: --cursor c1\n");
    CHECK(cli.out.find("tok_1") != std::string::npos);
    run({format, "--cursor", "c1"});
    CHECK(cli.err.empty());
    CHECK(cli.out.find("tok_2") != std::string::npos);
  }
  for (const char* format : {"json", "yaml"}) {
    run({format});
    CHECK(cli.err.empty());
    CHECK(cli.out.find("c1") != std::string::npos);
  }
  run({"name", "--quiet"});
  CHECK(cli.err.empty());
}

TEST_CASE("--watch shows a list again when it is another one, and only then") {
  for (const auto& [target, plural, item, command] :
       std::vector<std::tuple<std::string, std::string, std::string, std::vector<std::string>>>{
           {"/v1/promotions", "promotions", "number", {"promotion", "list"}},
           {"/v1/versions", "versions", "version", {"history", "-R", "a", "--ref", "b"}},
           {"/v1/entries", "entries", "index", {"audit", "search"}}}) {
    TestCli cli;
    Json list{{plural, {{{item, 1}}}}, {"next", nullptr}};
    cli.answers["GET " + target + "*"] = [&](const ApiRequest&) {
      return ApiResponse{200, "application/json", dump_json(list)};
    };
    int looks = 1;
    cli.wait = [&](Milliseconds) {
      if (++looks == 3) list[plural].push_back({{item, 2}});
      return looks < 5;
    };
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--watch", "-o", "name"});
    CAPTURE(target);
    CHECK(cli.run(arguments) == 0);
    CHECK(cli.out == "1\n1\n2\n");
    CHECK(cli.requests.size() == 4);
    looks = 1;
    arguments.back() = "text";
    CHECK(cli.run(arguments) == 0);
    CHECK(cli.out.find("\n\n") != std::string::npos);  // between the two
  }
}

TEST_CASE("an empty page may have a next one, but pages may not go in a circle") {
  TestCli cli;
  cli.answer("GET /v1/promotions?state=open&limit=50",
             {{"promotions", Json::array()}, {"next", "c1"}});
  cli.answer("GET /v1/promotions?state=open&limit=50&cursor=c1",
             {{"promotions", {{{"number", 7}}}}, {"next", nullptr}});
  CHECK(cli.run({"promotion", "list", "-o", "name"}) == 0);
  CHECK(cli.out == "7\n");
  cli.answer("GET /v1/promotions?state=open&limit=50&cursor=c1",
             {{"promotions", Json::array()}, {"next", "c1"}});
  CHECK(cli.run({"promotion", "list"}) == 7);
  CHECK(cli.run({"promotion", "list", "--limit", "0"}) == 2);
}

TEST_CASE("options of a command are found after its subcommand too") {
  TestCli cli;
  cli.answer("GET /v1/version?repository=platform&ref=refs%2Ftags%2Fv1&version=4",
             {{"version", 4}, {"repository", "platform"}, {"ref", "refs/tags/v1"}});
  CHECK(cli.run({"history", "show", "-R", "platform", "--ref", "refs/tags/v1", "--version", "4",
                 "-o", "name"}) == 0);
  CHECK(cli.out == "4\n");
  CHECK(cli.run({"history", "-R", "platform", "--ref", "refs/tags/v1", "show", "--version", "4",
                 "-o", "name"}) == 0);
}

TEST_CASE("an argument spelled like a command is still an argument") {
  TestCli cli;
  cli.answer("GET /v1/repository?repository=history", {{"name", "history"}});
  CHECK(cli.run({"repository", "show", "history", "-o", "name"}) == 0);
  CHECK(cli.out == "history\n");
  CHECK(cli.run_alone({"help", "promotion", "approve"}) == 0);
  CHECK(cli.out.find("statehouse promotion approve") != std::string::npos);
}

TEST_CASE("a token is created with what was asked for, and shown") {
  TestCli cli;
  cli.answers["POST /v1/tokens"] = [](const ApiRequest& request) {
    Json token = parse_json(request.body).value();
    token["token"] = "sth_secret";
    token["id"] = "tok_1";
    return ApiResponse{201, "application/json", dump_json(token)};
  };
  CHECK(cli.run({"token", "create", "--identity", "alice", "--expires", "24h", "--scope", "write",
                 "--repository", "team/*", "-o", "json"}) == 0);
  CHECK(cli.json() == Json{{"identity", "alice"},
                           {"expires", "24h"},
                           {"scope", "write"},
                           {"repository", "team/*"},
                           {"token", "sth_secret"},
                           {"id", "tok_1"}});
}

TEST_CASE("help and version print to standard output and succeed") {
  TestCli cli;
  CHECK(cli.run_alone({"--help"}) == 0);
  CHECK(cli.out.find("promotion") != std::string::npos);
  CHECK(cli.run_alone({"--version"}) == 0);
  CHECK(cli.out.starts_with("statehouse "));
  CHECK(cli.run_alone({"promotion", "create", "--help"}) == 0);
  CHECK(cli.out.find("--flow") != std::string::npos);
  CHECK(cli.run_alone({"version", "-o", "json"}) == 0);
  CHECK(cli.json()["server"].is_null());
}

TEST_CASE("version tells the client's own when the named server does not answer") {
  TestCli cli;
  const std::vector<std::string> down{"version", "--server", "http://127.0.0.1:9"};
  CHECK(cli.run_alone(down) == 7);
  CHECK(cli.out.starts_with("client: "));
  CHECK(cli.err.starts_with("statehouse: showing versions: "));
  std::vector<std::string> json = down;
  json.insert(json.end(), {"-o", "json"});
  CHECK(cli.run_alone(json) == 7);
  CHECK(cli.json()["server"].is_null());
  CHECK_FALSE(cli.json()["client"]["version"].get<std::string>().empty());
  CHECK(cli.run_alone({"version", "--server", "nonsense"}) == 2);
  CHECK(cli.out.starts_with("client: "));
}

TEST_CASE("the help of a command shows defaults, and the options of every command") {
  TestCli cli;
  for (const std::vector<std::string>& ask : std::vector<std::vector<std::string>>{
           {"audit", "search", "--help"}, {"help", "audit", "search"}}) {
    CHECK(cli.run_alone(ask) == 0);
    CHECK(cli.out.starts_with("Find entries, newest first\nUsage: statehouse audit search "));
    CHECK(cli.out.find("--limit NUMBER=50") != std::string::npos);
    CHECK(cli.out.find("Options of every command:") != std::string::npos);
    CHECK(cli.out.find("--token-file TEXT") != std::string::npos);
    CHECK(cli.out.find("--version") == std::string::npos);
    CHECK(cli.out.find("--output :{text,json,jsonl,yaml,name}=text") != std::string::npos);
  }
  CHECK(cli.run_alone({"help"}) == 0);
  CHECK(cli.out.find("Options of every command:") == std::string::npos);
  CHECK(cli.run_alone({"help", "promotion", "wait", "-o", "json"}) == 0);
  CHECK(cli.json()["help"].get<std::string>().find("--timeout TEXT=30m") != std::string::npos);
}

TEST_CASE("completion names every command") {
  TestCli cli;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    CHECK(cli.run_alone({"completion", shell}) == 0);
    CHECK(cli.out.find("approve") != std::string::npos);
  }
}

TEST_CASE("a login file that others can read is not used") {
  TestCli cli;
  cli.variables["STATEHOUSE_SERVER"] = "http://127.0.0.1:9";
  const std::string path = cli.file(
      ".config/statehouse/logins.json",
      R"({"logins":[{"server":"http://127.0.0.1:9","identity":"a","token":"t","expires":"2030-01-01T00:00:00Z"}]})");
  std::filesystem::permissions(path, static_cast<std::filesystem::perms>(0644));
  CHECK(cli.run_alone({"promotion", "show", "1"}) == 5);
  std::filesystem::permissions(path, static_cast<std::filesystem::perms>(0600));
  CHECK(cli.run_alone({"promotion", "show", "1"}) == 7);  // nobody answers there
}

}  // namespace statehouse
