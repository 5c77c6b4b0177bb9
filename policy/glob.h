#pragma once

#include <string>
#include <string_view>

#include "crypto/base/error.h"
#include "store/model/name.h"

namespace statehouse {

/// A pattern of names: `*` stands for any characters but `/`, `**` for any characters, both also
/// for none; everything else stands for itself and the whole name must match.
///
/// So `team/*` matches `team/app`, not `team/a/b`; `team/**` matches both, not `team`; and
/// `refs/heads/**/x` does not match `refs/heads/x`. There is no `?`, no `[…]`, no escape.
/// A value. Matching takes time proportional to pattern times name, whatever the pattern.
class Glob {
 public:
  /// Letters, digits and `._-/@+=*`; no `***`; 1 to 255 bytes. Errors: kInvalidArgument.
  static Result<Glob> parse(std::string_view text);

  /// Whether the whole of `name` matches.
  [[nodiscard]] bool matches(std::string_view name) const;

  /// As `matches`, except that no pattern ever matches `system`: only its literal name does, so
  /// that a policy for "everything" never governs the store itself by accident.
  [[nodiscard]] bool matches(const RepositoryName& name) const;
  [[nodiscard]] bool matches(const RefName& name) const { return matches(name.str()); }

  [[nodiscard]] bool is_literal() const { return text_.find('*') == std::string::npos; }
  [[nodiscard]] const std::string& str() const { return text_; }
  auto operator<=>(const Glob&) const = default;

 private:
  explicit Glob(std::string text) : text_(std::move(text)) {}

  std::string text_;
};

}  // namespace statehouse
