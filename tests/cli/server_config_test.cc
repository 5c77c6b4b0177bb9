#include "cli/server_config.h"

#include <doctest/doctest.h>

#include "cli/server_url.h"
#include "tests/cli/cli_fixture.h"

namespace statehouse {

using test::TestCli;

TEST_CASE("a public URL that no client could use is refused") {
  for (const char* url : {"",
                          "nonsense",
                          "store.example.org",
                          "ftp://x",
                          "http://",
                          "https:///path",
                          "https://a:",
                          "https://a:0",
                          "https://a:70000",
                          "https://a:b",
                          "https://a?x=1",
                          "https://a/p?x=1",
                          "https://a#f",
                          "https://a/p#f",
                          "https://a b",
                          "https://a/p q",
                          "https://a/\x1b[2J",
                          "https://[::1",
                          "HTTPS//a",
                          "https://\xc3\xa4.example",
                          "https://a/<p>"}) {
    CAPTURE(url);
    CHECK(require_public_url(url).error().code == ErrorCode::kInvalidArgument);
  }
  for (const char* url :
       {"http://a", "https://store.example.org", "https://store.example.org:8417/",
        "https://example.org/team/store", "http://127.0.0.1:8417", "https://[::1]:8417/x"}) {
    CAPTURE(url);
    CHECK(require_public_url(url));
  }
}

TEST_CASE("a public URL with a password in it is refused and not repeated") {
  for (const char* url :
       {"https://alice:PASS@a", "https://PASS@a/x", "https://alice:PA/SS@a", "PASS@a"}) {
    const Error error = require_public_url(url).error();
    CHECK((error.message + error.fix).find("SS") == std::string::npos);
  }
}

TEST_CASE("serve does not start with a public URL that is none, and names the setting") {
  TestCli cli;
  const std::string data = cli.path("data").string();
  CHECK(cli.run_alone({"serve", "--data", data, "--public-url", "ftp://x"}) == 2);
  CHECK(cli.err.find("reading --public-url: \"ftp://x\"") != std::string::npos);
  cli.file("serve.yaml", "listen: 127.0.0.1:0\npublicUrl: nonsense\n");
  CHECK(cli.run_alone({"serve", "--data", data, "--config", "serve.yaml"}) == 2);
  CHECK(cli.err.find("serve.yaml:2:12: publicUrl: \"nonsense\"") != std::string::npos);
  CHECK(cli.err.find("\nwrite it as clients do") != std::string::npos);
}

}  // namespace statehouse
