#pragma once

#include <string>

#include "api/http/git_fetch_request.h"
#include "api/service/fetch_service.h"

namespace statehouse {

// What a Git client is told before it asks for anything (gitprotocol-pack, gitprotocol-v2). Made
// from the caller's view, which comes from the ledger: no git process, no ref file. Pure.

/// GET info/refs?service=git-upload-pack in protocol v0 or v1.
std::string advertise_upload_pack(const RepositoryView& view, GitProtocol protocol,
                                  const std::string& agent);

/// The same in protocol v2: capabilities only. `filter` is offered only to views of the whole
/// repository.
std::string advertise_capabilities_v2(const RepositoryView& view, const std::string& agent);

/// The answer to the v2 command ls-refs.
std::string answer_list_refs(const RepositoryView& view, const ListRefsRequest& request);

/// GET info/refs?service=git-receive-pack.
std::string advertise_receive_pack(const RepositoryView& view, GitProtocol protocol,
                                   const std::string& agent);

}  // namespace statehouse
