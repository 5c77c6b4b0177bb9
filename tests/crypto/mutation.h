#pragma once

#include <string>
#include <vector>

#include "crypto/base/json.h"

namespace statehouse {

/// Every document that differs from `whole` in one place: a member removed, a member added, a value
/// of another type. For parsers that must refuse them all.
class Mutations {
 public:
  explicit Mutations(const Json& whole) : whole_(whole) { visit(Json::json_pointer()); }

  [[nodiscard]] const std::vector<std::string>& documents() const { return documents_; }

 private:
  template <typename Change>
  void add(const Change& change) {
    Json copy = whole_;
    change(copy);
    documents_.push_back(dump_json(copy));
  }

  void visit(const Json::json_pointer& at) {
    const Json& value = whole_.at(at);
    add([&](Json& copy) { copy[at] = value.is_boolean() ? Json(1) : Json(true); });
    if (value.is_object()) {
      add([&](Json& copy) { copy[at]["unknown"] = 1; });
      for (const auto& [name, member] : value.items()) {
        add([&, n = name](Json& copy) { copy[at].erase(n); });
        visit(at / name);
      }
    }
    if (value.is_array()) {
      for (std::size_t i = 0; i < value.size(); ++i) visit(at / i);
    }
    if (value.is_string()) {
      add([&](Json& copy) { copy[at] = ""; });
      add([&](Json& copy) { copy[at] = value.get<std::string>() + "\n"; });
      add([&](Json& copy) { copy[at] = Json::array({value}); });
    }
    if (value.is_number()) {
      add([&](Json& copy) { copy[at] = -1; });
      add([&](Json& copy) { copy[at] = 1.5; });
      add([&](Json& copy) { copy[at] = UINT64_MAX; });
      add([&](Json& copy) { copy[at] = std::to_string(value.get<std::uint64_t>()); });
    }
  }

  const Json& whole_;
  std::vector<std::string> documents_;
};

}  // namespace statehouse
