#include "cli/entry_text.h"

#include <algorithm>
#include <array>

#include "cli/output.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"

namespace statehouse {
namespace {

constexpr std::string_view kTypePrefix = "statehouse.";
constexpr std::size_t kEvidenceShownBytesMax = 4000;
constexpr std::string_view kEvidencePrefix{"statehouse/evidence/v1\0", 23};

const Json& member_or_null(const Json& object, std::string_view name) {
  static const Json kNull;
  const auto member = json_member(object, name);
  return member ? **member : kNull;
}

std::string short_type(const Json& event) {
  std::string type = shown(event, "type");
  return type.starts_with(kTypePrefix) ? type.substr(kTypePrefix.size()) : type;
}

std::string actor_of(const Json& event) {
  const Json& actor = member_or_null(member_or_null(event, "data"), "actor");
  const std::string identity = shown(actor, "identity");
  return identity == "-" ? shown(actor, "via") : identity;
}

std::string csv_cell(const Json& value) {
  std::string text;
  if (value.is_string()) text = value.get<std::string>();
  if (!value.is_string() && !value.is_null()) text = dump_json(value);
  if (!text.empty() && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
    text.insert(0, "'");
  }
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

/// Of `data`, besides what the event itself says.
constexpr std::array<std::string_view, 8> kDataColumns{"repository", "ref",  "kind",      "version",
                                                       "commit",     "tree", "promotion", "reason"};

Result<> verify_evidence(const Json& item) {
  const auto encoded = json_string(item, "bytes");
  const auto salt_encoded = json_string(item, "salt");
  if (!encoded || !salt_encoded) return {};  // erased, or not shown to this caller
  const std::string bytes = TRY(base64_decode(*encoded));
  const std::string digest = TRY(json_string(item, "digest"));
  auto salt = base64_decode(*salt_encoded);
  if (!salt) salt = hex_decode(*salt_encoded);
  const std::string salt_bytes = TRY(std::move(salt));
  const std::string own =
      digest_text(Sha256().update(kEvidencePrefix).update(salt_bytes).update(bytes).finish());
  if (own == digest) return {};
  return unverified("evidence " + shown(item, "name") + " does not hash to its digest");
}

}  // namespace

std::string entries_table(const Json& list) {
  TextTable table({"INDEX", "TIME", "TYPE", "SUBJECT", "BY"});
  for (const Json& entry : list["entries"]) {
    const Json& event = member_or_null(entry, "event");
    table.add({shown(entry, "index"), shown(event, "time"), short_type(event),
               shown(event, "subject"), actor_of(event)});
  }
  return table.render();
}

std::string describe_entry(const Json& entry) {
  const Json& event = member_or_null(entry, "event");
  std::string text = "entry " + shown(entry, "index") + ": " + short_type(event) + " " +
                     shown(event, "subject") + "\n";
  text += "  time  " + shown(event, "time") + "\n  by    " + actor_of(event) + "\n";
  text += "  leaf  " + shown(entry, "leafHash") + "\n";
  text += "data\n";
  const Json& data = member_or_null(event, "data");
  if (data.is_object()) {
    for (const auto& [name, value] : data.items()) {
      if (name != "evidence") text += "  " + escape_for_message(name) + ": " + shown(value) + "\n";
    }
  }
  const Json& evidence = member_or_null(entry, "evidence");
  if (!evidence.is_array()) return text;
  for (const Json& item : evidence) {
    text += "evidence " + shown(item, "name") + " (" + shown(item, "mediaType") + ", " +
            shown(item, "digest") + ")\n";
    const auto encoded = json_string(item, "bytes");
    const auto bytes = encoded ? base64_decode(*encoded) : fail(ErrorCode::kNotFound, "");
    text += bytes ? "  " + escape_for_message(*bytes, kEvidenceShownBytesMax) + "\n"
                  : std::string("  erased or not shown\n");
  }
  return text;
}

std::string csv_heading() {
  std::string line = "index,time,type,subject,actor,via";
  for (const std::string_view name : kDataColumns) line += "," + std::string(name);
  return line + "\n";
}

std::string csv_line(const Json& entry) {
  const Json& event = member_or_null(entry, "event");
  const Json& data = member_or_null(event, "data");
  const Json& actor = member_or_null(data, "actor");
  std::string line = csv_cell(member_or_null(entry, "index"));
  for (const std::string_view name : {"time", "type", "subject"}) {
    line += "," + csv_cell(member_or_null(event, name));
  }
  line += "," + csv_cell(member_or_null(actor, "identity")) + "," +
          csv_cell(member_or_null(actor, "via"));
  for (const std::string_view name : kDataColumns) {
    line += "," + csv_cell(member_or_null(data, name));
  }
  return line + "\n";
}

Result<> verify_entry_document(const Json& entry) {
  const std::string encoded = TRY(json_string(entry, "raw"));
  const std::string raw = TRY(base64_decode(encoded));
  const Json event = TRY(parse_json(raw, limits::kEntryBytesMax));
  if (event != member_or_null(entry, "event")) {
    return unverified("the event is not what its exact bytes say");
  }
  const std::string leaf = TRY(json_string(entry, "leafHash"));
  const MerkleHash own = merkle_leaf_hash(raw);
  if (leaf != own.base64() && leaf != hex_encode(own.bytes()) &&
      leaf != "sha256:" + hex_encode(own.bytes())) {
    return unverified("its exact bytes do not hash to its leaf hash");
  }
  const Json& evidence = member_or_null(entry, "evidence");
  if (!evidence.is_array()) return {};
  for (const Json& item : evidence) TRY(verify_evidence(item));
  return {};
}

}  // namespace statehouse
