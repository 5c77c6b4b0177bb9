#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/last_seen.h"
#include "cli/snapshot_verifier.h"
#include "crypto/base/json.h"
#include "crypto/checkpoint.h"
#include "crypto/ed25519.h"
#include "crypto/merkle.h"
#include "crypto/sha256.h"
#include "crypto/trust.h"

namespace statehouse::test {

/// Never random: byte after byte from a counter.
class FixedEntropy final : public Entropy {
 public:
  [[nodiscard]] std::string bytes(std::size_t count) const override {
    std::string made;
    while (made.size() < count) made += sha256("entropy " + std::to_string(++counter_));
    return made.substr(0, count);
  }

 private:
  mutable int counter_ = 0;
};

/// A clock that stands until a test moves it.
class FixedClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() const override { return time; }
  Timestamp time = Timestamp::parse("2026-03-01T12:00:00Z").value();
};

/// Something that speaks as a store does, with real keys and a real log, and that a test can make
/// lie in one respect at a time.
class TestStore {
 public:
  explicit TestStore(std::string origin = "example.com/store", std::uint64_t seed = 1);

  static constexpr std::string_view kRepository = "platform";
  static constexpr std::string_view kRef = "refs/heads/deploy";

  [[nodiscard]] RefKey key() const;
  [[nodiscard]] TrustDocument trust() const;
  [[nodiscard]] std::string trust_bytes() const;

  /// Appends an entry and returns its index.
  std::uint64_t append(const std::string& type, const Json& data);
  /// Appends `count` entries about nothing.
  void append_noise(std::size_t count);

  /// Issues the next version: statement and entry. Its archive is `archive`.
  void issue_version(const std::string& archive = "archive bytes");

  /// The statement of the version issued last, to be changed before `reissue`.
  VersionStatement statement;
  /// Changes to the head after it was made.
  std::function<void(HeadStatement&)> change_head;
  Timestamp now = Timestamp::parse("2026-03-01T12:00:00Z").value();
  std::uint64_t epoch = 1;

  /// Signs `statement` as it stands, with an entry of its own.
  void reissue();

  /// The answer to GET /v1/snapshot, with everything honest.
  [[nodiscard]] Json snapshot(std::uint64_t since = 0) const;
  [[nodiscard]] Json historic_snapshot() const;
  [[nodiscard]] SnapshotOffer bundle(std::uint64_t since = 0) const;

  [[nodiscard]] std::string checkpoint() const;
  [[nodiscard]] MerkleHash root(std::uint64_t size) const;
  [[nodiscard]] std::uint64_t size() const { return entries.size(); }
  /// A file of the log, as served below /log/.
  [[nodiscard]] Result<std::string> log_file(const std::string& path) const;
  /// What a consumer that saw the present state remembers.
  [[nodiscard]] LastSeen seen() const;

  std::vector<std::string> entries;
  std::uint64_t statement_entry = 0;

  Ed25519SecretKey root_key;
  Ed25519SecretKey log_key;
  Ed25519SecretKey statement_key;

 private:
  [[nodiscard]] TrustContent content() const;
  [[nodiscard]] HeadStatement head() const;
  [[nodiscard]] Json what_is_stated() const;
  [[nodiscard]] Json snapshot_without_head(std::uint64_t since) const;

  std::string origin_;
  Json envelope_;
};

}  // namespace statehouse::test
