#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "crypto/base/error.h"

namespace statehouse {

/// A full Git ref name ("refs/heads/deploy"). A value that cannot be wrong.
///
/// Invariants: starts with "refs/"; at least three components; at most limits::kRefNameBytesMax
/// bytes; passes git-check-ref-format(1); and, stricter than Git: printable ASCII only, no
/// component starts with "-" or ".", none of  " ' ` $ ; & | < > ( ) { } ! # % ,  occurs.
class RefName {
 public:
  static Result<RefName> parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return text_; }
  /// "deploy" for "refs/heads/deploy"; the full name for refs outside refs/heads and refs/tags.
  [[nodiscard]] std::string_view short_name() const;
  auto operator<=>(const RefName&) const = default;

 private:
  explicit RefName(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// A repository's name ("team/app"). A value that cannot be wrong, safe as a path below
/// repositories/.
///
/// Invariants: components match [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)* (an OCI name); no component ends
/// in
/// ".git"; at most limits::kRepositoryNameBytesMax bytes and 8 components.
class RepositoryName {
 public:
  static Result<RepositoryName> parse(std::string_view text);
  /// The repository that holds the store's own configuration.
  static RepositoryName system();

  [[nodiscard]] const std::string& str() const { return text_; }
  [[nodiscard]] bool is_system() const { return text_ == "system"; }
  auto operator<=>(const RepositoryName&) const = default;

 private:
  explicit RepositoryName(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// The name of a resource: an identity, group, policy or flow ("alice", "audit-branches").
/// Invariants: [a-z0-9]([a-z0-9._-]*[a-z0-9])?, at most 63 bytes.
class ResourceName {
 public:
  static Result<ResourceName> parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return text_; }
  auto operator<=>(const ResourceName&) const = default;

 private:
  explicit ResourceName(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// A path inside a tree ("clusters/production/apps.yaml"): relative, no empty, "." or ".."
/// component, no NUL, at most limits::kTreePathBytesMax bytes. Otherwise any bytes, as in Git.
class TreePath {
 public:
  static Result<TreePath> parse(std::string_view text);

  [[nodiscard]] const std::string& str() const { return text_; }
  auto operator<=>(const TreePath&) const = default;

 private:
  explicit TreePath(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

/// One ref of one repository: the thing that has versions.
struct RefKey {
  RepositoryName repository;
  RefName ref;

  /// "platform:refs/heads/deploy", as in an entry's `subject`.
  [[nodiscard]] std::string str() const { return repository.str() + ":" + ref.str(); }
  auto operator<=>(const RefKey&) const = default;
};

/// 1, 2, 3… per ref; 0 stands for "no version yet".
using VersionNumber = std::uint64_t;
/// Position of an entry in the log, from 0.
using EntryIndex = std::uint64_t;
/// 1, 2, 3… store-wide.
using PromotionNumber = std::uint64_t;
/// 1 at first; raised only by a root-signed declaration that log entries were lost.
using Epoch = std::uint64_t;

}  // namespace statehouse

template <>
struct std::hash<statehouse::RefKey> {
  std::size_t operator()(const statehouse::RefKey& key) const noexcept {
    return std::hash<std::string>()(key.repository.str()) * 31 +
           std::hash<std::string>()(key.ref.str());
  }
};
