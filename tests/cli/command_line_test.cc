#include "cli/command_line.h"

#include <doctest/doctest.h>

namespace statehouse {

TEST_CASE("a command that is empty or left open is refused") {
  for (const char* text : {"", "   ", "''", "echo 'open", "echo \"open", "echo \\"}) {
    CAPTURE(text);
    CHECK_FALSE(split_command_line(text));
  }
}

TEST_CASE("words are split and quoted as in a shell, and nothing is expanded") {
  using Words = std::vector<std::string>;
  CHECK(*split_command_line("a  b\tc") == Words{"a", "b", "c"});
  CHECK(*split_command_line("a 'b c' \"d e\" f\\ g") == Words{"a", "b c", "d e", "f g"});
  CHECK(*split_command_line("a''b \"\" c") == Words{"ab", "", "c"});
  CHECK(*split_command_line("echo $HOME `id` *;|") == Words{"echo", "$HOME", "`id`", "*;|"});
}

}  // namespace statehouse
