#include "store/model/name.h"

#include <algorithm>
#include <vector>

#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"

namespace statehouse {

namespace {

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  while (true) {
    const std::size_t slash = path.find('/');
    components.push_back(path.substr(0, slash));
    if (slash == std::string_view::npos) return components;
    path.remove_prefix(slash + 1);
  }
}

bool is_lower_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool is_ref_component(std::string_view component) {
  const auto forbidden = [](char c) {
    return c <= ' ' || c > '~' || std::string_view("\"'`$;&|<>(){}!#%,~^:?*[\\").contains(c);
  };
  return !component.empty() && component.front() != '.' && component.front() != '-' &&
         component.back() != '.' && !component.ends_with(".lock") && component != "@" &&
         component.find("..") == std::string_view::npos &&
         component.find("@{") == std::string_view::npos &&
         std::ranges::none_of(component, forbidden);
}

/// One separator (".", "_", "__" or a run of "-") between runs of letters and digits.
bool is_oci_component(std::string_view component) {
  std::size_t at = 0;
  const auto run = [&] {
    const std::size_t start = at;
    while (at < component.size() && is_lower_alphanumeric(component[at])) ++at;
    return at > start;
  };
  if (!run()) return false;
  while (at < component.size()) {
    const char separator = component[at];
    std::size_t length = 0;
    while (at < component.size() && component[at] == separator) ++at, ++length;
    const bool known =
        separator == '-' || (separator == '.' && length == 1) || (separator == '_' && length <= 2);
    if (!known || !run()) return false;
  }
  return true;
}

}  // namespace

Result<RefName> RefName::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return invalid_argument("reading ref name `" + escape_for_message(text, 80) +
                            "`: " + std::string(why));
  };
  if (text.size() > limits::kRefNameBytesMax) return bad("too long");
  if (!text.starts_with("refs/")) return bad("does not start with refs/");
  const std::vector<std::string_view> components = components_of(text);
  if (components.size() < 3) return bad("has no name below refs/");
  if (!std::ranges::all_of(components, is_ref_component)) {
    return bad("has a component that is not allowed");
  }
  return RefName(std::string(text));
}

std::string_view RefName::short_name() const {
  for (const std::string_view prefix : {"refs/heads/", "refs/tags/"}) {
    if (text_.starts_with(prefix)) return std::string_view(text_).substr(prefix.size());
  }
  return text_;
}

Result<RepositoryName> RepositoryName::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return invalid_argument("reading repository name `" + escape_for_message(text, 80) +
                            "`: " + std::string(why));
  };
  if (text.size() > limits::kRepositoryNameBytesMax) return bad("too long");
  const std::vector<std::string_view> components = components_of(text);
  if (components.size() > 8) return bad("more than 8 components");
  for (const std::string_view component : components) {
    if (!is_oci_component(component)) {
      return bad("use lower-case letters, digits and single . _ - between them");
    }
    if (component.ends_with(".git")) return bad("a component ends in .git");
  }
  return RepositoryName(std::string(text));
}

RepositoryName RepositoryName::system() { return RepositoryName("system"); }

Result<ResourceName> ResourceName::parse(std::string_view text) {
  const auto allowed = [](char c) {
    return is_lower_alphanumeric(c) || c == '.' || c == '_' || c == '-';
  };
  const bool good = !text.empty() && text.size() <= 63 && is_lower_alphanumeric(text.front()) &&
                    is_lower_alphanumeric(text.back()) && std::ranges::all_of(text, allowed);
  if (!good) {
    return invalid_argument(
        "reading resource name `" + escape_for_message(text, 80) + "`: not a resource name",
        "use at most 63 lower-case letters, digits, dots, dashes and "
        "underscores, starting and ending with a letter or digit");
  }
  return ResourceName(std::string(text));
}

Result<TreePath> TreePath::parse(std::string_view text) {
  const auto bad = [&](std::string_view why) {
    return invalid_argument("reading path `" + escape_for_message(text, 80) +
                            "`: " + std::string(why));
  };
  if (text.empty() || text.size() > limits::kTreePathBytesMax) return bad("empty or too long");
  if (text.contains('\0')) return bad("contains NUL");
  for (const std::string_view component : components_of(text)) {
    if (component.empty() || component == "." || component == "..") {
      return bad("has an empty, `.` or `..` component");
    }
  }
  return TreePath(std::string(text));
}

}  // namespace statehouse
