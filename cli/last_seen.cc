#include "cli/last_seen.h"

#include "crypto/base/encoding.h"
#include "crypto/base/json.h"

namespace statehouse {
namespace {

constexpr std::string_view kFormat = "statehouse-last-seen-v1";
constexpr std::uint64_t kFileBytesMax = 16U << 20;

Result<std::uint64_t> read_count(const Json& object, std::string_view name) {
  const std::int64_t value = TRY(json_integer(object, name));
  if (value < 0) return invalid_argument("`" + std::string(name) + "` is negative");
  return static_cast<std::uint64_t>(value);
}

Result<> read_checkpoint(const Json& document, LastSeen& seen) {
  const Json* checkpoint = TRY(json_member(document, "checkpoint"));
  if (checkpoint->is_null()) return {};
  seen.checkpoint_size = TRY(read_count(*checkpoint, "size"));
  const std::string root = TRY(json_string(*checkpoint, "root"));
  seen.checkpoint_root = TRY(MerkleHash::from_base64(root));
  return {};
}

Result<> read_ref(const Json& item, LastSeen& seen) {
  const std::string repository = TRY(json_string(item, "repository"));
  const std::string ref = TRY(json_string(item, "ref"));
  RepositoryName name = TRY(RepositoryName::parse(repository));
  RefName full = TRY(RefName::parse(ref));
  LastSeen::Ref value;
  value.version = TRY(read_count(item, "version"));
  value.commit = TRY(json_string(item, "commit"));
  value.tree = TRY(json_string(item, "tree"));
  const bool is_new = seen.refs.emplace(RefKey{std::move(name), std::move(full)}, value).second;
  if (!is_new) return invalid_argument("a ref is listed twice");
  return {};
}

}  // namespace

std::string LastSeen::serialise() const {
  Json list = Json::array();
  for (const auto& [key, ref_seen] : refs) {
    list.push_back({{"repository", key.repository.str()},
                    {"ref", key.ref.str()},
                    {"version", ref_seen.version},
                    {"commit", ref_seen.commit},
                    {"tree", ref_seen.tree}});
  }
  Json checkpoint = nullptr;
  if (checkpoint_size > 0) {
    checkpoint = {{"size", checkpoint_size}, {"root", checkpoint_root.base64()}};
  }
  return dump_json({{"format", kFormat},
                    {"origin", origin},
                    {"epoch", epoch},
                    {"checkpoint", checkpoint},
                    {"refs", list}}) +
         "\n";
}

Result<LastSeen> LastSeen::parse(std::string_view json) {
  const Json document = TRY(parse_json(json, kFileBytesMax));
  const std::string format = TRY(json_string(document, "format"));
  if (format != kFormat) {
    return invalid_argument("\"" + escape_for_message(format) + "\" is not a known format");
  }
  LastSeen seen;
  seen.origin = TRY(json_string(document, "origin"));
  seen.epoch = TRY(read_count(document, "epoch"));
  TRY(read_checkpoint(document, seen));
  const Json* refs = TRY(json_member(document, "refs"));
  if (!refs->is_array()) return invalid_argument("`refs` is not a list");
  for (const Json& item : *refs) TRY(read_ref(item, seen));
  return seen;
}

Result<LastSeen> LastSeen::load(const Path& path) {
  const std::string doing = "reading " + escape_for_message(path.string());
  const auto bytes = read_file(path, kFileBytesMax);
  if (!bytes && bytes.error().code == ErrorCode::kNotFound) return LastSeen();
  if (!bytes) return std::unexpected(Error(bytes.error()).with_context(doing));
  auto seen = parse(*bytes);
  if (!seen) {
    Error error = std::move(seen).error().with_context(doing);
    error.fix = "it guards against going back; remove it only if you know why it is damaged";
    return std::unexpected(std::move(error));
  }
  return seen;
}

Result<> LastSeen::save(const Path& path, DurableSteps& steps) const {
  constexpr mode_t kMode = 0644;
  return write_file_durably(path, serialise(), kMode, steps, "last-seen");
}

}  // namespace statehouse
