#include "api/service/seal.h"

#include <algorithm>
#include <array>

#include "crypto/base/encoding.h"
#include "crypto/git_object.h"
#include "store/git/object_writer.h"

namespace statehouse {

namespace {

std::string host_of(const std::string& origin) { return origin.substr(0, origin.find('/')); }

/// A person's title, made safe for a commit message whose trailers tools believe: one line.
std::string one_line(std::string_view title) {
  std::string line(title.substr(0, 200));
  std::ranges::replace_if(
      line, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, ' ');
  while (!is_valid_utf8(line)) line.pop_back();  // a character may have been cut
  return line;
}

std::string message_of(const SealDraft& draft, const std::string& origin) {
  const std::string number = std::to_string(draft.promotion);
  std::string message = "Promote " + std::string(draft.source.ref.short_name()) + " to " +
                        std::string(draft.target.ref.short_name()) + "\n\n";
  // Indented, so that no title can pass for a trailer.
  if (!draft.title.empty()) message += "    " + one_line(draft.title) + "\n\n";
  message += "Statehouse-Promotion: " + number + "\n";
  message += "Statehouse-Version: " + std::to_string(draft.version) + "\n";
  message += "Argocd-gpg-seal: promotion " + number + " of " + origin + "\n";
  return message;
}

}  // namespace

Result<SealCommit> write_seal(const Core& core, const SealDraft& draft) {
  const std::string& origin = core.ledger.origin();
  const GitPerson store{"Statehouse", "statehouse@" + host_of(origin), draft.time.unix_seconds(),
                        "+0000"};
  CommitParts parts{draft.tree.hex(), {}, store, store, message_of(draft, origin)};
  if (draft.target_tip) parts.parents.push_back(draft.target_tip->hex());
  parts.parents.push_back(draft.source_commit.hex());
  const std::string payload = TRY(build_commit_payload(parts));
  const std::string signature = TRY_WITH("sealing", core.keys.seal(payload, draft.format));
  const std::string raw = TRY(attach_signature(payload, signature));
  const std::array objects{GitObject{ObjectType::kCommit, raw}};
  const std::vector<Oid> oids = TRY(
      write_objects_durably(core.repositories.path(draft.target.repository), objects, core.steps));
  return SealCommit{oids[0], seal_verdict_record(oids[0], raw, draft.time)};
}

}  // namespace statehouse
