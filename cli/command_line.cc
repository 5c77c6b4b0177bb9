#include "cli/command_line.h"

namespace statehouse {

Result<std::vector<std::string>> split_command_line(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool is_space = c == ' ' || c == '\t' || c == '\n';
    if (quote == '\0' && is_space) {
      in_word = false;
      continue;
    }
    if (!in_word) words.emplace_back();
    in_word = true;
    if (c == quote) {
      quote = '\0';
    } else if (quote == '\0' && (c == '\'' || c == '"')) {
      quote = c;
    } else if (c == '\\' && quote != '\'') {
      if (++i == text.size()) return invalid_argument("splitting the command: it ends in \"\\\"");
      words.back() += text[i];
    } else {
      words.back() += c;
    }
  }
  if (quote != '\0') return invalid_argument("splitting the command: a quote is not closed");
  if (words.empty() || words.front().empty()) {
    return invalid_argument("splitting the command: it is empty");
  }
  return words;
}

}  // namespace statehouse
