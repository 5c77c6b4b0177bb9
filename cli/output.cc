#include "cli/output.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "crypto/base/encoding.h"

namespace statehouse {
namespace {

constexpr std::size_t kShownBytesMax = 300;

/// Whether a string stays a string without quotes in YAML 1.1 and 1.2 alike. Narrow on purpose.
bool is_plain_yaml(const std::string& text) {
  static constexpr std::array<std::string_view, 12> kWords{
      "y", "n", "yes", "no", "true", "false", "on", "off", "null", "nan", "inf", "infinity"};
  if (text.empty() || std::isalpha(static_cast<unsigned char>(text.front())) == 0) return false;
  std::string lower;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (std::isalnum(byte) == 0 && c != '-' && c != '_' && c != '.' && c != '/') return false;
    lower.push_back(static_cast<char>(std::tolower(byte)));
  }
  return std::find(kWords.begin(), kWords.end(), lower) == kWords.end();
}

std::string yaml_scalar(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_plain_yaml(text) ? text : json_line(value);
  }
  return dump_json(value);
}

void append_yaml(std::string& out, const Json& value, std::size_t indent, bool first_line_open) {
  const auto pad = [&] {
    if (!first_line_open) out.append(indent, ' ');
    first_line_open = false;
  };
  const auto append_child = [&](const Json& child, std::size_t child_indent) {
    if (child.is_structured() && !child.empty()) {
      out += "\n";
      append_yaml(out, child, child_indent, false);
    } else {
      out += " " + yaml_scalar(child) + "\n";
    }
  };
  if (value.is_object() && !value.empty()) {
    for (const auto& [name, child] : value.items()) {
      pad();
      out += yaml_scalar(Json(name)) + ":";
      append_child(child, indent + 2);
    }
  } else if (value.is_array() && !value.empty()) {
    for (const Json& child : value) {
      pad();
      out += "-";
      if (child.is_object() && !child.empty()) {
        out += " ";
        append_yaml(out, child, indent + 2, true);
      } else {
        append_child(child, indent + 2);
      }
    }
  } else {
    pad();
    out += yaml_scalar(value) + "\n";
  }
}

}  // namespace

Result<OutputFormat> parse_output_format(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, OutputFormat>, 5> kFormats{
      {{"text", OutputFormat::kText},
       {"json", OutputFormat::kJson},
       {"jsonl", OutputFormat::kJsonl},
       {"yaml", OutputFormat::kYaml},
       {"name", OutputFormat::kName}}};
  for (const auto& [name, format] : kFormats) {
    if (name == text) return format;
  }
  return invalid_argument("there is no output format \"" + escape_for_message(text) + "\"");
}

std::string json_line(const Json& value) {
  return value.dump(-1, ' ', true, Json::error_handler_t::replace);
}

std::string pretty_json(const Json& value) {
  return value.dump(2, ' ', true, Json::error_handler_t::replace) + "\n";
}

std::string to_yaml(const Json& value) {
  std::string out;
  append_yaml(out, value, 0, false);
  return out;
}

Json problem_document(const Error& error, int exit_code, const Json& more) {
  Json document = more;
  document["type"] = "about:blank";
  document["code"] = error_code_name(error.code);
  document["detail"] = error.message;
  if (!error.fix.empty()) document["fix"] = error.fix;
  document["exitCode"] = exit_code;
  return document;
}

OutputFormat requested_format(const std::vector<std::string>& arguments) {
  std::string_view given;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string_view word = arguments[i];
    constexpr std::string_view kLong = "--output=";
    if (word == "--") break;
    if (word == "-o" || word == "--output") {
      given = i + 1 < arguments.size() ? std::string_view(arguments[i + 1]) : "";
    } else if (word.starts_with(kLong)) {
      given = word.substr(kLong.size());
    } else if (word.starts_with("-o")) {
      given = word.substr(2);
    }
  }
  const auto format = parse_output_format(given);
  return format ? *format : OutputFormat::kText;
}

std::string shown(const Json& value) {
  if (value.is_null()) return "-";
  if (!value.is_string()) return escape_for_message(dump_json(value), kShownBytesMax);
  const auto& text = value.get_ref<const std::string&>();
  return text.empty() ? "-" : escape_for_message(text, kShownBytesMax);
}

std::string shown(const Json& object, std::string_view name) {
  const auto member = json_member(object, name);
  return member ? shown(**member) : "-";
}

std::string short_oid(const Json& object, std::string_view name) {
  constexpr std::size_t kDigits = 12;
  return shown(object, name).substr(0, kDigits);
}

std::string TextTable::render() const {
  // Width in code points: escaped cells hold no combining or wide trickery worth more.
  const auto width = [](const std::string& cell) {
    return static_cast<std::size_t>(std::count_if(cell.begin(), cell.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
    }));
  };
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i];
      if (i + 1 < row.size()) line.append(widths[i] - width(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

}  // namespace statehouse
