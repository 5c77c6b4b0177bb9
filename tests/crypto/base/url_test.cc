#include "crypto/base/url.h"

#include <doctest/doctest.h>

#include <utility>
#include <vector>

namespace statehouse {

TEST_CASE("a URL is shown without its user name and password") {
  const std::vector<std::pair<std::string_view, std::string_view>> cases{
      {"http://host/x.git", "http://host/x.git"},
      {"http://u:p@host:80/x", "http://host:80/x"},
      {"https://token@host", "https://host"},
      {"ssh://u:p@q@[::1]:22/x", "ssh://[::1]:22/x"},
      {"http://u:p/q@host/x", "http://host/x"},
      {"http://u:p#q@host/x", "http://host/x"},
      {"http://[::1]/a@b", "http://[::1]/a@b"},
      {"http://host:80/a@b", "http://host:80/a@b"},
      {"file:///a/b@c", "file:///a/b@c"},
      {"git@host:x.git", "git@host:x.git"},
      {"access 'http://u:p@a/': no; http://u:p@b failed",
       "access 'http://a/': no; http://b failed"},
      {"://", "://"},
      {"", ""}};
  for (const auto& [text, expected] : cases) {
    CAPTURE(text);
    CHECK(without_userinfo(text) == expected);
  }
}

}  // namespace statehouse
