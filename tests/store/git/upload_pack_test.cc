#include "store/git/upload_pack.h"

#include <unistd.h>

#include "tests/store/git/git_fixture.h"

namespace statehouse::test {

namespace {

std::string pkt(const std::string& text) {
  const char* digits = "0123456789abcdef";
  const std::size_t size = text.size() + 4;
  std::string head;
  for (int shift = 12; shift >= 0; shift -= 4) head += digits[size >> shift & 0xFU];
  return head + text;
}

std::string want_v0(const Oid& oid, const std::string& extra = {}) {
  return pkt("want " + oid.hex() + " ofs-delta side-band-64k" + extra + "\n") + "0000" +
         pkt("done\n");
}

std::string want_v2(const Oid& oid, const std::string& argument = {}) {
  return pkt("command=fetch") + "0001" + pkt("want " + oid.hex() + "\n") +
         (argument.empty() ? "" : pkt(argument)) + pkt("done\n") + "0000";
}

/// A repository without a single ref file: everything served is by explicit id.
struct Served : StoreFixture {
  Served() {
    workspace.write("a", "hello");
    tip = workspace.commit("one");
    push(workspace, tip);
  }

  Result<std::string> fetch(const std::string& body, GitProtocol protocol,
                            ObjectFilter filter = ObjectFilter::kRefused) const {
    UploadPackRequest request;
    request.repository = app();
    request.protocol = protocol;
    request.filter = filter;
    request.body = body;
    std::string answer;
    const Result<> done = run_upload_pack(request, [&](std::string_view piece) -> Result<> {
      answer.append(piece);
      return {};
    });
    if (!done) return std::unexpected(done.error());
    return answer;
  }

  Workspace workspace;
  Oid tip;
};

bool has_pack(const std::string& answer) { return answer.find("PACK") != std::string::npos; }

}  // namespace

TEST_CASE_FIXTURE(Served, "requests that git does not understand are refused") {
  CHECK(code_of(fetch("zzzz", GitProtocol::kV0)) == ErrorCode::kInvalidArgument);
  CHECK(code_of(fetch(pkt("command=nonsense") + "0000", GitProtocol::kV2)) ==
        ErrorCode::kInvalidArgument);
  CHECK(code_of(fetch(want_v0(oid(std::string(40, 'a'))), GitProtocol::kV0)) ==
        ErrorCode::kInvalidArgument);
}

TEST_CASE_FIXTURE(Served, "filters are refused unless they are allowed") {
  const std::string body = want_v2(tip, "filter blob:none");
  CHECK(code_of(fetch(body, GitProtocol::kV2)) == ErrorCode::kInvalidArgument);
  CHECK(has_pack(must(fetch(body, GitProtocol::kV2, ObjectFilter::kAllowed))));
}

TEST_CASE_FIXTURE(Served, "every protocol gets a pack of an id that no ref names") {
  CHECK(has_pack(must(fetch(want_v0(tip), GitProtocol::kV0))));
  CHECK(has_pack(must(fetch(want_v0(tip), GitProtocol::kV1))));
  CHECK(has_pack(must(fetch(want_v2(tip), GitProtocol::kV2))));
}

TEST_CASE_FIXTURE(Served, "a request can come from a file, and a sink can stop the answer") {
  const FileDescriptor body = as_file(want_v2(tip));
  ::lseek(body.get(), 0, SEEK_SET);
  UploadPackRequest request;
  request.repository = app();
  request.protocol = GitProtocol::kV2;
  request.body_fd = body.get();
  std::size_t bytes = 0;
  must(run_upload_pack(request, [&](std::string_view piece) -> Result<> {
    bytes += piece.size();
    return {};
  }));
  CHECK(bytes > 100);
  ::lseek(body.get(), 0, SEEK_SET);
  CHECK(code_of(run_upload_pack(request, [](std::string_view) -> Result<> {
          return unavailable("the client went away");
        })) == ErrorCode::kUnavailable);
}

}  // namespace statehouse::test
