#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/snapshot_source.h"
#include "cli/trust_export.h"

namespace statehouse {
namespace {

constexpr std::uint64_t kTrustBytesMax = 4U << 20;

struct TrustOptions {
  std::optional<std::string> file;
  std::string format;
};

/// From --trust, else from the server: then nothing but the connection vouches for it.
Result<TrustDocument> get_trust(Session& session, const TrustOptions& options) {
  if (options.file) return load_trust(session, *options.file);
  ApiClient client = TRY(session.connect());
  const std::string bytes = TRY(client.get_bytes("/trust.json", kTrustBytesMax));
  TrustDocument trust = TRY_WITH("reading the server's trust document", TrustDocument::pin(bytes));
  session.note("note: this document comes from " + client.name() +
               " and is not compared with a pinned one");
  return trust;
}

Json keys_json(const std::vector<TrustKey>& keys) {
  Json list = Json::array();
  for (const TrustKey& key : keys) {
    list.push_back({{"keyid", key.public_key.key_id()},
                    {"publicKey", key.public_key.base64()},
                    {"epoch", key.epoch},
                    {"validFrom", key.valid_from.rfc3339()},
                    {"validUntil", key.valid_until ? Json(key.valid_until->rfc3339()) : Json()}});
  }
  return list;
}

Json trust_json(const TrustDocument& trust) {
  const TrustContent& content = trust.content();
  Json roots = Json::array();
  for (const Ed25519PublicKey& key : content.root_keys) roots.push_back(key.key_id());
  return {{"version", content.version},
          {"origin", content.origin},
          {"epoch", content.epoch},
          {"issued", content.issued.rfc3339()},
          {"root", {{"keyids", roots}, {"threshold", content.root_threshold}}},
          {"keys",
           {{"log", keys_json(content.log_keys)},
            {"statements", keys_json(content.statement_keys)},
            {"attestations", keys_json(content.attestation_keys)}}},
          {"sealing",
           {{"openpgp", content.sealing_openpgp_fingerprint},
            {"ssh", content.sealing_ssh_fingerprint}}}};
}

std::string describe_trust(const Json& trust) {
  std::string text = "trust document " + shown(trust, "version") + " of " + shown(trust, "origin") +
                     ", epoch " + shown(trust, "epoch") + ", issued " + shown(trust, "issued") +
                     "\n";
  for (const Json& root : trust["root"]["keyids"]) text += "  root          " + shown(root) + "\n";
  for (const char* purpose : {"log", "statements", "attestations"}) {
    for (const Json& key : trust["keys"][purpose]) {
      std::string label = purpose;
      constexpr std::size_t kLabelWidth = 14;
      label.resize(kLabelWidth, ' ');
      text += "  " + label + shown(key, "keyid") + " epoch " + shown(key, "epoch") + "\n";
    }
  }
  return text + "  seal openpgp  " + shown(trust["sealing"], "openpgp") + "\n  seal ssh      " +
         shown(trust["sealing"], "ssh") + "\n";
}

Result<> show_trust(Session& session, const TrustOptions& options) {
  const TrustDocument trust = TRY(get_trust(session, options));
  session.print(trust_json(trust), describe_trust,
                [](const Json& document) { return shown(document, "version"); });
  return {};
}

Result<> write_trust(Session& session, const TrustOptions& options) {
  const TrustDocument trust = TRY(get_trust(session, options));
  const std::string text = TRY(export_trust(trust, options.format));
  session.print(
      {{"format", options.format}, {"content", text}},
      [](const Json& document) { return document["content"].get<std::string>(); },
      [&](const Json&) { return options.format; });
  return {};
}

}  // namespace

void add_trust_command(CommandSet& commands) {
  auto options = std::make_shared<TrustOptions>();
  const Command trust = commands.add("trust", "The keys that speak for a store");

  trust.add("show", "What a trust document says")
      .option("--trust", options->file, "The document (else the server's)")
      .action("showing the trust document",
              [options](Session& session) { return show_trust(session, *options); });

  trust.add("export", "Its keys in the form other programs read")
      .option("--trust", options->file, "The document (else the server's)")
      .choice("--format", options->format, {"flux", "argocd", "allowed-signers", "vkey", "pem"},
              "For whom", Presence::kRequired)
      .action("exporting keys",
              [options](Session& session) { return write_trust(session, *options); });
}

}  // namespace statehouse
