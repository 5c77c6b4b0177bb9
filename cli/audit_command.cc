#include <memory>
#include <ostream>

#include "cli/command_set.h"
#include "cli/commands.h"
#include "cli/entry_text.h"
#include "cli/log_audit.h"
#include "cli/session.h"
#include "cli/snapshot_source.h"
#include "cli/watch.h"
#include "crypto/base/encoding.h"
#include "crypto/base/limits.h"
#include "crypto/tile.h"
#include "crypto/tlog_proof.h"
#include "store/ledger/ledger_copy.h"

namespace statehouse {
namespace {

struct AuditOptions {
  std::optional<std::string> repository;
  std::optional<std::string> ref;
  std::optional<std::string> path;
  std::optional<std::string> actor;
  std::optional<std::string> approver;
  std::optional<std::uint64_t> promotion;
  std::optional<std::string> key;
  std::optional<std::string> type;
  std::string outcome;
  std::optional<std::string> since;
  std::optional<std::string> until;
  std::optional<std::string> text;
  std::uint64_t limit = 50;
  std::optional<std::string> cursor;
  bool watch = false;
  std::uint64_t index = 0;
  std::optional<std::string> trust;
  std::optional<std::string> state;
  std::string format;
};

std::string index_of(const Json& entry) { return shown(entry, "index"); }

Result<Query> search_query(const Session& session, const AuditOptions& options) {
  Query query{{"repository", options.repository}, {"path", options.path}, {"actor", options.actor},
              {"approver", options.approver},     {"key", options.key},   {"text", options.text}};
  if (options.ref) {
    const RefName ref = TRY(expand_ref(*options.ref));
    query.emplace_back("ref", ref.str());
  }
  if (options.promotion) query.emplace_back("promotion", std::to_string(*options.promotion));
  if (options.type) {
    const bool full = options.type->starts_with("statehouse.");
    query.emplace_back("type", (full ? "" : "statehouse.") + *options.type);
  }
  if (!options.outcome.empty()) query.emplace_back("outcome", options.outcome);
  const Timestamp now = session.environment().clock.now();
  for (const auto& [name, given] : {std::pair("since", options.since), {"until", options.until}}) {
    if (!given) continue;
    const Timestamp time =
        TRY_WITH(std::string("reading --") + name, parse_time_argument(*given, now));
    query.emplace_back(name, time.rfc3339());
  }
  return query;
}

Result<> search_log(Session& session, const AuditOptions& options) {
  const Query query = TRY(search_query(session, options));
  ApiClient client = TRY(session.connect());
  Watched list;
  list.look = [&] {
    return client.list("/v1/entries", query, "entries", options.limit, options.cursor);
  };
  list.show = [&](const Json& document) -> Result<> {
    session.print_list(document, "entries", entries_table, index_of);
    return {};
  };
  return show_watched(session, options.watch ? Watch::kUntilDone : Watch::kOnce, list);
}

Result<> show_entry(Session& session, const AuditOptions& options) {
  ApiClient client = TRY(session.connect());
  const Json entry = TRY(client.get("/v1/entries/" + std::to_string(options.index)));
  TRY_WITH("checking the entry", verify_entry_document(entry));
  session.print(entry, describe_entry, index_of);
  return {};
}

/// Prints a proof as it came; with --trust only after it was verified against the entry's bytes.
Result<> prove_entry(Session& session, const AuditOptions& options) {
  const std::string path = "/v1/entries/" + std::to_string(options.index);
  ApiClient client = TRY(session.connect());
  const std::string text = TRY(client.get_bytes(path + "/proof", limits::kNoteBytesMax));
  const TlogProof proof = TRY_WITH("reading the proof", parse_tlog_proof(text));
  if (proof.index != options.index) return unverified("the proof is about another entry");
  if (options.trust) {
    const TrustDocument trust = TRY(load_trust(session, *options.trust));
    const Json entry = TRY(client.get(path));
    TRY_WITH("checking the entry", verify_entry_document(entry));
    const std::string encoded = TRY(json_string(entry, "raw"));
    const std::string raw = TRY(base64_decode(encoded));
    const std::vector<NoteKey> keys = TRY(trust.log_keys(trust.epoch()));
    const VerifiedCheckpoint checkpoint =
        TRY(verify_tlog_proof(proof, merkle_leaf_hash(raw), trust.origin(), keys));
    session.note("verified: entry " + std::to_string(proof.index) + " is in the log of " +
                 std::to_string(checkpoint.size()) + " entries");
  }
  session.print(
      {{"index", proof.index}, {"proof", text}, {"verified", options.trust.has_value()}},
      [](const Json& document) { return document["proof"].get<std::string>(); }, index_of);
  return {};
}

Json audit_document(const LogAudit& audit, bool with_rows) {
  return {
      {"verified", true},
      {"origin", audit.checkpoint.origin},
      {"checkpoint", {{"size", audit.checkpoint.size}, {"root", audit.checkpoint.root.base64()}}},
      {"entries", audit.entries},
      {"bundles", audit.bundles},
      {"hashTiles", audit.hash_tiles},
      {"types", audit.types},
      {"versions", audit.versions},
      {"statements", audit.statements},
      {"rows", with_rows},
      {"first", audit.first_time},
      {"last", audit.last_time},
      {"continuesLastSeen", audit.continues_last_seen}};
}

std::string describe_audit(const Json& audit) {
  std::string text = "verified: the log of " + shown(audit, "origin") + "\n  " +
                     shown(audit, "entries") + " entries in " + shown(audit, "bundles") +
                     " bundles, " + shown(audit, "hashTiles") + " hash tiles, root " +
                     shown(audit["checkpoint"], "root") + "\n";
  if (shown(audit, "first") != "-") {
    text += "  from " + shown(audit, "first") + " to " + shown(audit, "last") + "\n";
  }
  if (audit["rows"] == true) text += "  the rows beside the log are what its entries say\n";
  if (audit["continuesLastSeen"] == true) text += "  continues the checkpoint seen earlier\n";
  for (const auto& [type, count] : audit["types"].items()) {
    text += "  " + shown(count) + " " + escape_for_message(type) + "\n";
  }
  return text;
}

/// The files of a log at rest, read without keys and without changing anything.
class LogAtRest {
 public:
  static Result<LogAtRest> open(const Path& data) {
    std::optional<FileLock> lock;  // a copy may come without the file
    std::error_code error;
    const Path lock_file = data / "lock";
    if (std::filesystem::exists(lock_file, error)) lock = TRY(FileLock::share(lock_file));
    auto copy = TRY(LedgerCopy::open(data / kLedgerName));
    return LogAtRest(std::move(lock), std::move(copy));
  }
  static bool is_at(const Path& data) {
    std::error_code error;
    return !is_served(data) && std::filesystem::exists(data / kLedgerName, error);
  }

  /// The rows beside the log, and everything else in the ledger's file, against the entries.
  [[nodiscard]] Result<VerifyReport> verify(const TrustDocument& trust) const {
    VerifyOptions options{.origin = trust.origin(), .epoch = trust.epoch()};
    for (const TrustKey& key : trust.content().log_keys) {
      if (key.epoch == options.epoch) options.log_keys.push_back(key.public_key);
    }
    return copy_->verify(options);
  }

  [[nodiscard]] Result<std::string> read(const std::string& path) const {
    const LedgerReader& ledger = copy_->read();
    if (path == "checkpoint") return ledger.checkpoint().note;
    const Tile tile = TRY(parse_tile_path(path));
    return tile.kind == Tile::Kind::kEntries ? ledger.entry_bundle(tile.index, tile.width)
                                             : ledger.tile(tile.level, tile.index, tile.width);
  }

 private:
  static constexpr const char* kLedgerName = "ledger.db";

  LogAtRest(std::optional<FileLock> lock, std::unique_ptr<LedgerCopy> copy)
      : lock_(std::move(lock)), copy_(std::move(copy)) {}

  std::optional<FileLock> lock_;
  std::unique_ptr<LedgerCopy> copy_;
};

/// With `--data` and no server there, the ledger itself; else null, and the server is asked.
Result<std::shared_ptr<const LogAtRest>> open_log_at_rest(const Session& session) {
  if (!session.options().data) return nullptr;
  const Path data = session.path(*session.options().data);
  if (!LogAtRest::is_at(data)) return nullptr;
  auto opened = TRY(LogAtRest::open(data));
  return std::make_shared<const LogAtRest>(std::move(opened));
}

Result<LogFileReader> open_log(Session& session, const std::shared_ptr<const LogAtRest>& at_rest) {
  if (at_rest)
    return [at_rest](const std::string& path, std::uint64_t) { return at_rest->read(path); };
  auto connected = TRY(session.connect());
  const auto client = std::make_shared<ApiClient>(std::move(connected));
  return [client](const std::string& path, std::uint64_t bytes_max) {
    return client->get_bytes("/log/" + path, bytes_max);
  };
}

/// Rows that are not what the entries say are damage of the store, not of the log.
Result<> verify_rows(Session& session, const LogAtRest& at_rest, const TrustDocument& trust) {
  const VerifyReport report = TRY(at_rest.verify(trust));
  for (const VerifyFinding& finding : report.findings) {
    session.note("error: " + escape_for_message(finding.what) + " " +
                 escape_for_message(finding.where) + ": " + escape_for_message(finding.why, 1000));
  }
  if (report.findings.empty()) return {};
  return corrupt("the log holds; " + std::to_string(report.findings.size()) +
                     " things in the ledger are not what its entries say",
                 "look at the findings above; restore the ledger from a backup");
}

/// Remembers what was verified, unless somebody else has meanwhile seen more.
Result<> remember(const Session& session, const Path& file, const TrustDocument& trust,
                  const Checkpoint& checkpoint) {
  LastSeen last = TRY(LastSeen::load(file));
  const bool is_behind = trust.epoch() < last.epoch ||
                         (trust.epoch() == last.epoch && checkpoint.size < last.checkpoint_size);
  if (is_behind) return {};
  last.origin = trust.origin();
  last.epoch = trust.epoch();
  last.checkpoint_size = checkpoint.size;
  last.checkpoint_root = checkpoint.root;
  return last.save(file, session.environment().steps);
}

Result<> verify_log(Session& session, const AuditOptions& options) {
  std::string trust_file = options.trust.value_or("");
  if (!options.trust && session.options().data)
    trust_file = *session.options().data + "/trust.json";
  if (trust_file.empty()) {
    return invalid_argument("no trust document is given",
                            "give --trust FILE: the one you pinned, not a fresh download");
  }
  const TrustDocument trust = TRY(load_trust(session, trust_file));
  LastSeen last;
  if (options.state) last = TRY(LastSeen::load(session.path(*options.state)));
  const std::shared_ptr<const LogAtRest> at_rest = TRY(open_log_at_rest(session));
  const LogFileReader read = TRY(open_log(session, at_rest));
  constexpr std::uint64_t kEntriesPerProgressLine = 25'600;
  const LogAudit audit = TRY(audit_log(read, trust, last, [&session](std::uint64_t entries) {
    if (entries % kEntriesPerProgressLine == 0) {
      session.progress(std::to_string(entries) + " entries verified");
    }
  }));
  if (options.state) {
    TRY(remember(session, session.path(*options.state), trust, audit.checkpoint));
  }
  if (at_rest) TRY(verify_rows(session, *at_rest, trust));
  session.print(audit_document(audit, at_rest != nullptr), describe_audit,
                [](const Json& document) { return shown(document["checkpoint"], "size"); });
  return {};
}

/// An export is as long as the log: it is written while it is read. `-o` says how as `--format`
/// does; JSON Lines is what a plain export is.
class EntryExport {
 public:
  EntryExport(Session& session, bool csv)
      : out_(session.stream()),
        csv_(csv),
        format_(session.format() == OutputFormat::kText ? OutputFormat::kJsonl : session.format()) {
    if (csv_) out_ << csv_heading();
    if (format_ == OutputFormat::kJson) out_ << "{\"entries\": [";
    if (format_ == OutputFormat::kYaml) out_ << "entries:";
  }

  void add(const Json& entry) {
    if (csv_) {
      out_ << csv_line(entry);
    } else if (format_ == OutputFormat::kJson) {
      out_ << (empty_ ? "\n" : ",\n") << json_line(entry);
    } else if (format_ == OutputFormat::kYaml) {
      out_ << (empty_ ? "\n" : "") << to_yaml(Json::array({entry}));
    } else if (format_ == OutputFormat::kName) {
      out_ << index_of(entry) << "\n";
    } else {
      out_ << json_line(entry) << "\n";
    }
    empty_ = false;
  }

  void finish() {
    if (format_ == OutputFormat::kJson) out_ << "\n], \"next\": null}\n";
    if (format_ == OutputFormat::kYaml) out_ << (empty_ ? " []\n" : "") << "next: null\n";
  }

 private:
  std::ostream& out_;
  const bool csv_;
  const OutputFormat format_;
  bool empty_ = true;
};

/// Newest first, page by page.
Result<> export_log(Session& session, const AuditOptions& options) {
  const bool csv = options.format == "csv";
  const bool same = options.format == "jsonl" && session.format() == OutputFormat::kJsonl;
  if (!options.format.empty() && session.format() != OutputFormat::kText && !same) {
    return invalid_argument("--format and -o ask for different things", "give one of them");
  }
  const Query query = TRY(search_query(session, options));
  ApiClient client = TRY(session.connect());
  constexpr std::size_t kPageEntries = 100;
  std::optional<EntryExport> written;  // begun with the first page: a failure before has no result
  std::optional<std::string> cursor;
  do {
    const Json page = TRY(client.list("/v1/entries", query, "entries", kPageEntries, cursor));
    if (!written) written.emplace(session, csv);
    for (const Json& entry : page["entries"]) written->add(entry);
    const auto next = json_string(page, "next");
    cursor = next ? std::optional(*next) : std::nullopt;
  } while (cursor);
  written->finish();
  return {};
}

Result<> reindex(Session& session) {
  if (!session.options().data) {
    return invalid_argument("no data directory is given", "give --data DIR, on the server's host");
  }
  ApiClient client = TRY(session.connect());
  const Json answer = TRY(client.post("/v1/reindex", Json::object()));
  session.print(
      answer,
      [](const Json& document) { return "indexed " + shown(document, "entries") + " entries\n"; },
      [](const Json& document) { return shown(document, "entries"); });
  return {};
}

const Command& add_filters(const Command& command, AuditOptions& options) {
  return command.option("-R,--repository", options.repository, "Of this repository")
      .option("--ref", options.ref, "Of this ref, in full or short")
      .option("--path", options.path, "That changed this path")
      .option("--actor", options.actor, "Done by this identity")
      .option("--approver", options.approver, "Approved by this identity")
      .option("--promotion", options.promotion, "About this promotion")
      .option("--key", options.key, "Signed with the key of this fingerprint")
      .option("--type", options.type, "Of this type, like ref.updated")
      .choice("--outcome", options.outcome, {"accepted", "denied"}, "With this outcome")
      .option("--since", options.since, "Not before: a time, a date, or like 24h back from now")
      .option("--until", options.until, "Not after")
      .option("--text", options.text, "That holds these words");
}

}  // namespace

void add_audit_command(CommandSet& commands) {
  auto options = std::make_shared<AuditOptions>();
  const Command audit =
      commands.add("audit", "The log: search it, prove it, verify all of it").alias("log");

  add_filters(audit.add("search", "Find entries, newest first"), *options)
      .option("--limit", options->limit, "At most so many")
      .option("--cursor", options->cursor, "Go on where a list ended")
      .flag("--watch", options->watch, "Show it again whenever it changes")
      .action("searching the log",
              [options](Session& session) { return search_log(session, *options); });

  audit.add("show", "One entry with its evidence, checked against its digests")
      .argument("INDEX", options->index, "Its position in the log")
      .action("showing an entry",
              [options](Session& session) { return show_entry(session, *options); });

  audit.add("prove", "A proof (tlog-proof) that an entry is in the log, to be kept")
      .argument("INDEX", options->index, "Its position in the log")
      .option("--trust", options->trust, "Verify the proof with this trust document first")
      .action("proving an entry",
              [options](Session& session) { return prove_entry(session, *options); });

  audit.add("verify", "Verify the whole log: every entry, every tile, the signed root")
      .option("--trust", options->trust, "The pinned trust document (with --data: DIR/trust.json)")
      .option("--state", options->state, "File that remembers the last verified checkpoint")
      .notes(
          "With --data and no server there, the ledger in DIR is read without keys and nothing in "
          "DIR is written: a copy or a backup will do. Then the rows beside the log are compared "
          "with its entries too; a running server compares them by fsck.")
      .action("verifying the log",
              [options](Session& session) { return verify_log(session, *options); });

  add_filters(audit.add("export", "All matching entries, newest first"), *options)
      .choice("--format", options->format, {"jsonl", "csv"}, "One JSON document a line, or CSV")
      .action("exporting the log",
              [options](Session& session) { return export_log(session, *options); });

  audit.add("reindex", "Build the search index anew from the log (on the host, with --data)")
      .action("rebuilding the search index", reindex);
}

}  // namespace statehouse
