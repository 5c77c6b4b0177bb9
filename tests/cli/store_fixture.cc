#include "tests/cli/store_fixture.h"

#include "crypto/base/encoding.h"
#include "crypto/dsse.h"
#include "crypto/tile.h"
#include "crypto/tlog_proof.h"

namespace statehouse::test {
namespace {

Ed25519SecretKey key_from(std::uint64_t seed, std::string_view purpose) {
  return Ed25519SecretKey::from_seed(sha256(std::to_string(seed) + std::string(purpose))).value();
}

/// Hashes of complete subtrees, computed from the leaves each time.
class LeafReader final : public HashReader {
 public:
  explicit LeafReader(const std::vector<std::string>& entries) : entries_(entries) {}

  Result<MerkleHash> read_hash(MerklePosition position) override {
    if (position.level == 0) return merkle_leaf_hash(entries_.at(position.index));
    const MerkleHash left = TRY(read_hash({position.level - 1, position.index * 2}));
    const MerkleHash right = TRY(read_hash({position.level - 1, position.index * 2 + 1}));
    return merkle_node_hash(left, right);
  }

 private:
  const std::vector<std::string>& entries_;
};

TrustKey trust_key(const Ed25519SecretKey& key, std::uint64_t epoch) {
  return {key.public_key(), epoch, Timestamp::parse("2026-01-01T00:00:00Z").value(), {}};
}

}  // namespace

TestStore::TestStore(std::string origin, std::uint64_t seed)
    : root_key(key_from(seed, "root")),
      log_key(key_from(seed, "log")),
      statement_key(key_from(seed, "statements")),
      origin_(std::move(origin)) {}

RefKey TestStore::key() const {
  return {RepositoryName::parse(kRepository).value(), RefName::parse(kRef).value()};
}

TrustContent TestStore::content() const {
  TrustContent content;
  content.origin = origin_;
  content.epoch = epoch;
  content.issued = Timestamp::parse("2026-01-01T00:00:00Z").value();
  content.root_keys = {root_key.public_key()};
  for (std::uint64_t each = 1; each <= epoch; ++each) {
    content.log_keys.push_back(trust_key(log_key, each));
    content.statement_keys.push_back(trust_key(statement_key, each));
  }
  content.attestation_keys = {trust_key(statement_key, epoch)};
  content.sealing_openpgp_fingerprint = std::string(40, 'A');
  content.sealing_openpgp_key =
      "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----\n";
  const SshPublicKey ssh = SshPublicKey::from_ed25519(statement_key.public_key());
  content.sealing_ssh_fingerprint = ssh.fingerprint();
  content.sealing_ssh_key = ssh.line();
  return content;
}

std::string TestStore::trust_bytes() const { return sign_trust(content(), {&root_key}).value(); }

TrustDocument TestStore::trust() const { return TrustDocument::pin(trust_bytes()).value(); }

std::uint64_t TestStore::append(const std::string& type, const Json& data) {
  const std::uint64_t index = entries.size();
  entries.push_back(dump_json({{"data", data},
                               {"datacontenttype", "application/json"},
                               {"epoch", epoch},
                               {"id", std::to_string(epoch) + "-" + std::to_string(index)},
                               {"nonce", std::string(32, '0')},
                               {"source", origin_},
                               {"specversion", "1.0"},
                               {"subject", "system"},
                               {"time", (now + Milliseconds(index)).rfc3339()},
                               {"type", type}}));
  return index;
}

void TestStore::append_noise(std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) append("statehouse.check.reported", Json::object());
}

void TestStore::issue_version(const std::string& archive) {
  const std::uint64_t version = statement.version + 1;
  const std::string name = "version " + std::to_string(version);
  statement = VersionStatement{};
  statement.origin = origin_;
  statement.epoch = epoch;
  statement.repository = kRepository;
  statement.ref = kRef;
  statement.version = version;
  statement.kind = "push";
  statement.commit = sha256_hex(name + " commit").substr(0, 40);
  statement.commit_sha256 = sha256_hex(name + " commit");
  statement.tree = sha256_hex(name + " tree").substr(0, 40);
  statement.tree_sha256 = sha256_hex(name + " tree");
  statement.archive_sha256 = sha256_hex(archive);
  statement.archive_size = archive.size();
  statement.policy_digest = sha256_digest_text("policy");
  statement.time = now;
  statement.entry = append("statehouse.ref.updated", what_is_stated());
  reissue();
}

void TestStore::reissue() {
  const std::string payload = statement.payload();
  envelope_ = parse_json(sign_dsse(kInTotoPayloadType, payload, statement_key).serialise()).value();
  Json data = what_is_stated();
  data["statement"] = sha256_digest_text(payload);
  data["entry"] = statement.entry;
  statement_entry = append("statehouse.statement.issued", data);
}

Json TestStore::what_is_stated() const {
  return {{"repository", statement.repository},
          {"ref", statement.ref},
          {"version", statement.version},
          {"commit", statement.commit},
          {"tree", statement.tree},
          {"treeSha256", "sha256:" + statement.tree_sha256}};
}

MerkleHash TestStore::root(std::uint64_t size) const {
  LeafReader leaves(entries);
  return merkle_root(size, leaves).value();
}

std::string TestStore::checkpoint() const {
  const NoteSigner signer = NoteSigner::create(origin_, log_key.duplicate()).value();
  return sign_checkpoint({origin_, size(), root(size())}, signer).value();
}

HeadStatement TestStore::head() const {
  HeadStatement head;
  head.origin = origin_;
  head.epoch = epoch;
  head.refs = {
      {statement.repository, statement.ref, statement.version, statement.commit, statement.tree}};
  head.checkpoint_size = size();
  head.checkpoint_root = root(size());
  head.issued = now;
  head.expires = now + std::chrono::hours(24);
  if (change_head) change_head(head);
  return head;
}

Json TestStore::snapshot_without_head(std::uint64_t since) const {
  LeafReader leaves(entries);
  TlogProof proof;
  proof.index = statement_entry;
  proof.hashes = merkle_inclusion_proof(statement_entry, size(), leaves).value();
  proof.checkpoint = checkpoint();
  Json consistency = nullptr;
  if (since > 0) {
    consistency = Json::array();
    const MerkleProof hashes = merkle_consistency_proof(since, size(), leaves).value();
    for (const MerkleHash& hash : hashes) consistency.push_back(hash.base64());
  }
  return {{"statement", envelope_},
          {"entry", base64_encode(entries.at(statement_entry))},
          {"proof", format_tlog_proof(proof)},
          {"head", nullptr},
          {"consistency", consistency},
          {"archive",
           {{"url", "/v1/archive"},
            {"sha256", statement.archive_sha256},
            {"size", statement.archive_size}}}};
}

Json TestStore::historic_snapshot() const { return snapshot_without_head(0); }

Json TestStore::snapshot(std::uint64_t since) const {
  Json document = snapshot_without_head(since);
  document["head"] =
      parse_json(sign_dsse(kHeadPayloadType, head().payload(), statement_key).serialise()).value();
  return document;
}

SnapshotOffer TestStore::bundle(std::uint64_t since) const {
  return SnapshotOffer::parse(snapshot(since)).value();
}

LastSeen TestStore::seen() const {
  LastSeen seen;
  seen.origin = origin_;
  seen.epoch = epoch;
  seen.checkpoint_size = size();
  seen.checkpoint_root = root(size());
  seen.refs[key()] = {statement.version, statement.commit, statement.tree};
  return seen;
}

Result<std::string> TestStore::log_file(const std::string& path) const {
  if (path == "checkpoint") return checkpoint();
  const Tile tile = TRY(parse_tile_path(path));
  std::string bytes;
  LeafReader leaves(entries);
  for (unsigned i = 0; i < tile.width; ++i) {
    if (tile.kind == Tile::Kind::kEntries) {
      append_to_entry_bundle(bytes, entries.at(tile.index * kTileWidth + i));
    } else {
      const MerkleHash hash = TRY(leaves.read_hash(tile_hash_position(tile, i)));
      bytes += hash.bytes();
    }
  }
  return bytes;
}

}  // namespace statehouse::test
