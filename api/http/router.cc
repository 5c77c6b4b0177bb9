#include "api/http/router.h"

#include <algorithm>
#include <array>
#include <optional>

namespace statehouse {

namespace {

using Segments = std::vector<std::string_view>;
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// REQUIRES: `path` starts with '/'. "/" is one empty segment.
Segments split(std::string_view path) {
  Segments segments;
  std::size_t start = 1;
  while (true) {
    const std::size_t slash = path.find('/', start);
    segments.push_back(path.substr(start, slash - start));
    if (slash == std::string_view::npos) return segments;
    start = slash + 1;
  }
}

enum class Kind { kLiteral, kOne, kMany };

struct PatternSegment {
  Kind kind;
  std::string text;  ///< the literal, or the parameter's name
};

bool is_name(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

Result<PatternSegment> parse_segment(std::string_view text) {
  const auto bad = [&] {
    return invalid_argument("adding a route: bad pattern segment \"" + std::string(text) + "\"");
  };
  if (text.find_first_of("{}") == std::string_view::npos) {
    return PatternSegment{Kind::kLiteral, std::string(text)};
  }
  if (!text.starts_with('{') || !text.ends_with('}')) return bad();
  std::string_view name = text.substr(1, text.size() - 2);
  const bool many = name.ends_with("...");
  if (many) name.remove_suffix(3);
  if (!is_name(name)) return bad();
  return PatternSegment{many ? Kind::kMany : Kind::kOne, std::string(name)};
}

Result<std::vector<PatternSegment>> parse_pattern(std::string_view pattern) {
  if (!pattern.starts_with('/')) {
    return invalid_argument("adding a route: a pattern starts with '/'");
  }
  std::vector<PatternSegment> result;
  bool many = false;
  for (const std::string_view text : split(pattern)) {
    PatternSegment segment = TRY(parse_segment(text));
    if (many && segment.kind != Kind::kLiteral) {
      return invalid_argument("adding a route: only literals may follow {name...}");
    }
    many = many || segment.kind == Kind::kMany;
    result.push_back(std::move(segment));
  }
  return result;
}

/// The routes of one shape, by method, each with its own parameter names.
struct Leaf {
  std::array<const Route*, 6> by_method{};
  std::array<std::vector<std::string>, 6> names;

  [[nodiscard]] bool empty() const {
    return std::ranges::all_of(by_method, [](const Route* route) { return route == nullptr; });
  }
};

std::size_t slot(Method method) { return static_cast<std::size_t>(method); }

struct Tail {
  std::vector<std::string> literals;  ///< what must follow the wildcard
  Leaf leaf;
};

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> one;
  std::vector<Tail> tails;  ///< longest literal tail first
  Leaf leaf;

  Node& child(const PatternSegment& segment) {
    auto& place = segment.kind == Kind::kLiteral ? literals[segment.text] : one;
    if (!place) place = std::make_unique<Node>();
    return *place;
  }

  Leaf& tail(std::vector<std::string> wanted) {
    for (Tail& tail : tails) {
      if (tail.literals == wanted) return tail.leaf;
    }
    const auto place = std::ranges::find_if(
        tails, [&](const Tail& tail) { return tail.literals.size() < wanted.size(); });
    return tails.insert(place, Tail{std::move(wanted), {}})->leaf;
  }

  /// Where the walk ended, with the values of the parameters in order.
  struct Found {
    const Leaf* leaf;
    std::vector<std::string> values;
  };

  /// Depth of recursion is bounded by the depth of the patterns.
  // NOLINTNEXTLINE(misc-no-recursion)
  [[nodiscard]] std::optional<Found> find(const Segments& path, std::size_t at) const {
    if (at == path.size()) {
      if (leaf.empty()) return std::nullopt;
      return Found{&leaf, {}};
    }
    if (const auto literal = literals.find(path[at]); literal != literals.end()) {
      if (auto found = literal->second->find(path, at + 1)) return found;
    }
    if (one && !path[at].empty()) {
      if (auto found = one->find(path, at + 1)) {
        found->values.emplace(found->values.begin(), path[at]);
        return found;
      }
    }
    return find_tail(path, at);
  }

  [[nodiscard]] std::optional<Found> find_tail(const Segments& path, std::size_t at) const {
    for (const Tail& tail : tails) {
      const std::size_t left = path.size() - at;
      if (left <= tail.literals.size()) continue;
      const auto wild_begin = path.begin() + static_cast<std::ptrdiff_t>(at);
      const auto wild_end = path.end() - static_cast<std::ptrdiff_t>(tail.literals.size());
      if (!std::equal(wild_end, path.end(), tail.literals.begin())) continue;
      if (std::any_of(wild_begin, wild_end, [](std::string_view s) { return s.empty(); })) continue;
      const char* const first = wild_begin->data();
      const std::string_view last = *(wild_end - 1);
      return Found{&tail.leaf, {std::string(first, last.data() + last.size())}};
    }
    return std::nullopt;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

Result<> Router::add(Route route) {
  const std::vector<PatternSegment> pattern = TRY(parse_pattern(route.pattern));
  if (route.method == Method::kHead) {
    return invalid_argument("adding a route: HEAD is answered by the GET route");
  }
  Node* node = root_.get();
  std::vector<std::string> names;
  Leaf* leaf = nullptr;
  for (std::size_t i = 0; i < pattern.size() && leaf == nullptr; ++i) {
    if (pattern[i].kind != Kind::kLiteral) names.push_back(pattern[i].text);
    if (pattern[i].kind != Kind::kMany) {
      node = &node->child(pattern[i]);
      continue;
    }
    std::vector<std::string> literals;
    for (std::size_t j = i + 1; j < pattern.size(); ++j) literals.push_back(pattern[j].text);
    leaf = &node->tail(std::move(literals));
  }
  if (leaf == nullptr) leaf = &node->leaf;
  if (leaf->by_method[slot(route.method)] != nullptr) {
    return conflict("adding route " + route.pattern + ": its shape is taken");
  }
  routes_.push_back(std::make_unique<Route>(std::move(route)));
  leaf->by_method[slot(routes_.back()->method)] = routes_.back().get();
  leaf->names[slot(routes_.back()->method)] = std::move(names);
  return {};
}

RouteMatch Router::find(Method method, std::string_view path) const {
  RouteMatch match;
  if (!path.starts_with('/')) return match;
  const Segments segments = split(path);
  auto found = root_->find(segments, 0);
  if (!found) return match;
  const Leaf& leaf = *found->leaf;
  for (const Method candidate : {Method::kGet, Method::kHead, Method::kPost, Method::kPut,
                                 Method::kPatch, Method::kDelete}) {
    const Method served_by = candidate == Method::kHead ? Method::kGet : candidate;
    if (leaf.by_method[slot(served_by)] != nullptr) match.allowed.push_back(candidate);
  }
  const std::size_t wanted = slot(method == Method::kHead ? Method::kGet : method);
  match.route = leaf.by_method[wanted];
  if (match.route == nullptr) return match;
  for (std::size_t i = 0; i < found->values.size(); ++i) {
    match.parameters.emplace_back(leaf.names[wanted][i], std::move(found->values[i]));
  }
  return match;
}

std::vector<const Route*> Router::routes() const {
  std::vector<const Route*> result;
  for (const auto& route : routes_) result.push_back(route.get());
  return result;
}

}  // namespace statehouse
