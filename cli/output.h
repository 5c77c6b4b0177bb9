#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

#include "crypto/base/json.h"

namespace statehouse {

/// `-o`: what a result looks like. Text is for people and may change; the others are the contract.
enum class OutputFormat { kText, kJson, kJsonl, kYaml, kName };

Result<OutputFormat> parse_output_format(std::string_view text);

/// On one line. In ASCII: no character that a terminal could take for a command reaches it.
std::string json_line(const Json& value);

/// JSON for people and scripts: two spaces of indent, names sorted, ASCII.
std::string pretty_json(const Json& value);

/// The same document as YAML 1.2. Strings are quoted whenever a YAML 1.1 or 1.2 reader could take
/// them for anything else, so reading it back gives the same document.
std::string to_yaml(const Json& value);

/// A failure as programs read it, in the form of the server's problem documents (RFC 9457): `type`,
/// `code`, `detail`, `fix` when there is one, `exitCode`, and `more`'s members.
Json problem_document(const Error& error, int exit_code, const Json& more);

/// The format that the arguments ask for, or text: for when they could not be read.
OutputFormat requested_format(const std::vector<std::string>& arguments);

/// A string member for people: escaped, and "-" when it is absent, null or empty.
std::string shown(const Json& object, std::string_view name);
/// Any scalar for people, escaped.
std::string shown(const Json& value);
/// The first 12 digits of an object id; "-" when there is none.
std::string short_oid(const Json& object, std::string_view name);

/// A table with aligned columns and no trailing spaces. Cells must be escaped already.
class TextTable {
 public:
  explicit TextTable(std::vector<std::string> headings) : rows_{std::move(headings)} {}
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] std::string render() const;

 private:
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace statehouse
