#include "api/http/git_advertisement.h"

#include "api/http/pkt_line.h"

namespace statehouse {

namespace {

std::string service_head(std::string_view service, GitProtocol protocol) {
  std::string out;
  append_pkt_line(out, "# service=" + std::string(service) + "\n");
  append_flush(out);
  if (protocol == GitProtocol::kV1) append_pkt_line(out, "version 1\n");
  return out;
}

/// `id ref`, the first with the capabilities behind a NUL; without refs, capabilities alone.
void append_refs(std::string& out, const std::vector<std::pair<std::string, std::string>>& refs,
                 const std::string& capabilities) {
  if (refs.empty()) {
    append_pkt_line(out,
                    Oid().hex() + " capabilities^{}" + std::string(1, '\0') + capabilities + "\n");
  }
  for (std::size_t i = 0; i < refs.size(); ++i) {
    std::string line = refs[i].first + " " + refs[i].second;
    if (i == 0) line += std::string(1, '\0') + capabilities;
    append_pkt_line(out, line + "\n");
  }
  append_flush(out);
}

std::vector<std::pair<std::string, std::string>> refs_of(const RepositoryView& view) {
  std::vector<std::pair<std::string, std::string>> refs;
  for (const RefState& state : view.refs) {
    refs.emplace_back(state.content->commit.hex(), state.key.ref.str());
  }
  return refs;
}

}  // namespace

std::string advertise_upload_pack(const RepositoryView& view, GitProtocol protocol,
                                  const std::string& agent) {
  std::string capabilities =
      "multi_ack thin-pack side-band side-band-64k ofs-delta shallow deepen-since deepen-relative "
      "no-progress multi_ack_detailed no-done allow-tip-sha1-in-want "
      "allow-reachable-sha1-in-want object-format=sha1";
  // These look at refs on disk or leave objects out: only for whoever sees the whole repository.
  if (view.whole) capabilities += " include-tag deepen-not filter";
  std::vector<std::pair<std::string, std::string>> refs = refs_of(view);
  if (view.head) {
    capabilities += " symref=HEAD:" + view.head->str();
    refs.insert(refs.begin(), {view.find(*view.head)->content->commit.hex(), "HEAD"});
  }
  std::string out = service_head("git-upload-pack", protocol);
  append_refs(out, refs, capabilities + " agent=" + agent);
  return out;
}

std::string advertise_capabilities_v2(const RepositoryView& view, const std::string& agent) {
  std::string out;
  append_pkt_line(out, "version 2\n");
  append_pkt_line(out, "agent=" + agent + "\n");
  append_pkt_line(out, "ls-refs=unborn\n");
  append_pkt_line(
      out, view.whole ? "fetch=shallow wait-for-done filter\n" : "fetch=shallow wait-for-done\n");
  append_pkt_line(out, "object-format=sha1\n");
  append_flush(out);
  return out;
}

std::string answer_list_refs(const RepositoryView& view, const ListRefsRequest& request) {
  std::string out;
  const bool wants_head = request.matches("HEAD");
  if (view.head && wants_head) {
    std::string line = view.find(*view.head)->content->commit.hex() + " HEAD";
    if (request.symrefs) line += " symref-target:" + view.head->str();
    append_pkt_line(out, line + "\n");
  } else if (view.unborn_head && wants_head && request.unborn) {
    append_pkt_line(out, "unborn HEAD symref-target:" + view.unborn_head->str() + "\n");
  }
  for (const auto& [oid, ref] : refs_of(view)) {
    if (request.matches(ref)) append_pkt_line(out, oid + " " + ref + "\n");
  }
  append_flush(out);
  return out;
}

std::string advertise_receive_pack(const RepositoryView& view, GitProtocol protocol,
                                   const std::string& agent) {
  std::string out = service_head("git-receive-pack", protocol);
  // A delta could copy what a hidden object holds: who does not see all sends whole objects.
  append_refs(out, refs_of(view),
              std::string(view.whole ? "" : "no-thin ") +
                  "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta "
                  "push-options object-format=sha1 agent=" +
                  agent);
  return out;
}

}  // namespace statehouse
