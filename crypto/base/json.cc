#include "crypto/base/json.h"

#include <set>
#include <vector>

namespace statehouse {

namespace {

/// Watches the parser's events and stops it at a duplicate name or too deep a nesting.
class StrictEvents : public nlohmann::detail::json_sax_dom_parser<Json> {
  using Base = nlohmann::detail::json_sax_dom_parser<Json>;

 public:
  StrictEvents(Json& result, std::size_t depth_max) : Base(result, false), depth_max_(depth_max) {}

  bool start_object(std::size_t elements) {
    names_.emplace_back();
    return enter() && Base::start_object(elements);
  }
  bool end_object() {
    names_.pop_back();
    --depth_;
    return Base::end_object();
  }
  bool start_array(std::size_t elements) { return enter() && Base::start_array(elements); }
  bool end_array() {
    --depth_;
    return Base::end_array();
  }
  bool key(std::string& name) {
    if (!names_.back().insert(name).second) {
      problem_ = "a name occurs twice in one object";
      return false;
    }
    return Base::key(name);
  }
  bool parse_error(std::size_t position, const std::string& /*token*/,
                   const nlohmann::detail::exception& /*error*/) {
    if (problem_.empty()) problem_ = "not JSON at byte " + std::to_string(position);
    return false;
  }

  [[nodiscard]] const std::string& problem() const { return problem_; }

 private:
  bool enter() {
    if (++depth_ <= depth_max_) return true;
    problem_ = "nested too deeply";
    return false;
  }

  std::size_t depth_max_;
  std::size_t depth_ = 0;
  std::vector<std::set<std::string>> names_;
  std::string problem_;
};

}  // namespace

Result<Json> parse_json(std::string_view text, std::size_t bytes_max, std::size_t depth_max) {
  if (text.size() > bytes_max) {
    return invalid_argument("reading JSON: longer than " + std::to_string(bytes_max) + " bytes");
  }
  if (text.starts_with("\xef\xbb\xbf")) {
    return invalid_argument("reading JSON: starts with a byte order mark");
  }
  Json value;
  StrictEvents events(value, depth_max);
  const bool complete =
      Json::sax_parse(text.begin(), text.end(), &events, Json::input_format_t::json, true);
  if (complete && !events.is_errored()) return value;
  return invalid_argument("reading JSON: " +
                          (events.problem().empty() ? "not JSON" : events.problem()));
}

std::string dump_json(const Json& value) {
  return value.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Result<const Json*> json_member(const Json& object, std::string_view name) {
  if (!object.is_object()) return invalid_argument("reading JSON: not an object");
  const auto found = object.find(std::string(name));
  if (found == object.end()) {
    return invalid_argument("reading JSON: `" + std::string(name) + "` is missing");
  }
  return &*found;
}

Result<std::string> json_string(const Json& object, std::string_view name) {
  const Json* member = TRY(json_member(object, name));
  if (!member->is_string()) {
    return invalid_argument("reading JSON: `" + std::string(name) + "` is not a string");
  }
  return member->get<std::string>();
}

Result<std::int64_t> json_integer(const Json& object, std::string_view name) {
  const Json* member = TRY(json_member(object, name));
  const bool too_large = member->is_number_unsigned() && member->get<std::uint64_t>() > INT64_MAX;
  if (!member->is_number_integer() || too_large) {
    return invalid_argument("reading JSON: `" + std::string(name) + "` is not an integer");
  }
  return member->get<std::int64_t>();
}

Result<bool> json_boolean(const Json& object, std::string_view name) {
  const Json* member = TRY(json_member(object, name));
  if (!member->is_boolean()) {
    return invalid_argument("reading JSON: `" + std::string(name) + "` is not true or false");
  }
  return member->get<bool>();
}

}  // namespace statehouse
