#include "crypto/git_object.h"

#include <doctest/doctest.h>

#include "crypto/base/encoding.h"
#include "crypto/sshsig.h"
#include "tests/crypto/fixture.h"

namespace statehouse {

namespace {

const std::string kTree = std::string(40, 'a');
const std::string kParent = std::string(40, 'b');
const GitPerson kAlice{"Alice Example", "alice@example.org", 1767225600, "+0100"};

std::string unsigned_commit(std::string message = "Subject\n\nBody\n") {
  return build_commit_payload({kTree, {kParent}, kAlice, kAlice, std::move(message)}).value();
}

std::string signed_commit(std::string message = "Subject\n\nBody\n") {
  const std::string payload = unsigned_commit(std::move(message));
  return attach_signature(payload, sign_sshsig(payload, "git", test_key())).value();
}

/// What the product does: split, then verify.
bool is_accepted(std::string_view raw) {
  const GitSignatureSplit split = split_commit(raw);
  return split.state == GitSignatureState::kSigned &&
         verify_ssh_signature(split.signed_payload.payload, split.signed_payload.signature, "git");
}

/// The `gpgsig` header of a signed commit, with its lines.
std::string signature_header(const std::string& raw) {
  const std::size_t start = raw.find("gpgsig ");
  const std::size_t footer = raw.find("-----END", start);
  return raw.substr(start, raw.find('\n', footer) + 1 - start);
}

std::string signed_tag() {
  const std::string payload =
      build_tag_payload({kParent, "commit", "v1", kAlice, "Release\n"}).value();
  return attach_tag_signature(payload, sign_sshsig(payload, "git", test_key())).value();
}

GitSignatureState tag_state(std::string_view raw) { return split_tag(raw).state; }

}  // namespace

TEST_CASE("trap: bytes behind a NUL are not hidden from the signature") {
  const std::string raw = signed_commit();
  REQUIRE(is_accepted(raw));
  CHECK_FALSE(is_accepted(raw + std::string("\0evil", 5)));
  CHECK_FALSE(is_accepted(raw + std::string(1, '\0')));
  CHECK(split_commit(raw + std::string(1, '\0')).state == GitSignatureState::kMalformed);
}

TEST_CASE("trap: a signature in the body signs nothing") {
  const std::string raw = signed_commit();
  const std::string header = signature_header(raw);
  const std::string moved =
      replaced(replaced(raw, header, ""), "\n\nSubject", "\n\n" + header + "Subject");
  CHECK(split_commit(moved).state == GitSignatureState::kUnsigned);
  CHECK_FALSE(is_accepted(moved));
}

TEST_CASE("trap: a second signature header is refused, the same or another") {
  const std::string raw = signed_commit();
  const std::string header = signature_header(raw);
  CHECK_FALSE(is_accepted(replaced(raw, header, header + header)));
  CHECK_FALSE(is_accepted(replaced(raw, header, header + "gpgsig x\n")));
  CHECK_FALSE(is_accepted(replaced(raw, header, "gpgsig x\n" + header)));
  CHECK(split_commit(replaced(raw, header, header + header)).reason ==
        "it has more than one `gpgsig` header");
}

TEST_CASE("trap: headers that Git leaves out of the payload are refused") {
  const std::string raw = signed_commit();
  const std::string header = signature_header(raw);
  CHECK_FALSE(is_accepted(replaced(raw, header, header + "gpgsigevil hidden\n")));
  CHECK_FALSE(is_accepted(replaced(raw, header, "gpgsigevil hidden\n" + header)));
  CHECK_FALSE(is_accepted(replaced(raw, header, header + "gpgsig-sha256 hidden\n")));
  CHECK_FALSE(is_accepted(replaced(raw, header, "gpgsig-sha256 hidden\n" + header)));
}

TEST_CASE("trap: a moved signature header is refused") {
  const std::string raw = signed_commit();
  const std::string header = signature_header(raw);
  const std::string without = replaced(raw, header, "");
  REQUIRE(is_accepted(replaced(without, "\n\n", "\n" + header + "\n")));
  for (const char* before : {"tree ", "parent ", "author ", "committer "}) {
    CAPTURE(before);
    CHECK_FALSE(is_accepted(replaced(without, before, header + before)));
  }
}

TEST_CASE("trap: text around the armor is refused") {
  const std::string raw = signed_commit();
  const std::string end = " -----END SSH SIGNATURE-----\n";
  for (const std::string& tail :
       {std::string(" extra\n"), std::string(" \n"), std::string(" \n extra\n"),
        std::string(" ") + "-----BEGIN SSH SIGNATURE-----\n AAAA\n" + end}) {
    CAPTURE(tail);
    CHECK_FALSE(is_accepted(replaced(raw, end, end + tail)));
  }
  CHECK_FALSE(is_accepted(replaced(raw, "gpgsig ", "gpgsig extra\n ")));
  CHECK_FALSE(is_accepted(replaced(raw, "gpgsig ", "gpgsig \n ")));
  CHECK_FALSE(is_accepted(replaced(raw, "gpgsig ", "gpgsig  ")));
  CHECK_FALSE(is_accepted(replaced(raw, end, " -----END SSH SIGNATURE----- \n")));
}

TEST_CASE("an unsigned commit with a stray signature header is malformed, not unsigned") {
  const std::string raw = unsigned_commit();
  for (const char* header : {"gpgsigevil x\n", "gpgsig x\n", "gpgsig-sha256 x\n", "gpgsig \n"}) {
    CAPTURE(header);
    CHECK(split_commit(replaced(raw, "\n\n", "\n" + std::string(header) + "\n")).state ==
          GitSignatureState::kMalformed);
  }
  CHECK(split_commit(raw).state == GitSignatureState::kUnsigned);
}

TEST_CASE("any changed byte of a signed commit refuses it") {
  const std::string raw = signed_commit();
  for (std::size_t at = 0; at < raw.size(); ++at) {
    std::string altered = raw;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    CAPTURE(at);
    CHECK_FALSE(is_accepted(altered));
  }
}

TEST_CASE("commits whose headers are not in canonical shape are malformed") {
  const std::string raw = unsigned_commit();
  for (const std::string& bad : {std::string(),
                                 std::string("\n"),
                                 raw.substr(0, 30),
                                 replaced(raw, "tree ", "tred "),
                                 replaced(raw, "tree " + kTree + "\n", ""),
                                 replaced(raw, kTree, kTree + "a"),
                                 replaced(raw, kTree, std::string(40, 'A')),
                                 replaced(raw, kParent, "b"),
                                 replaced(raw, "tree ", " tree "),
                                 replaced(raw, "tree ", "tree\n"),
                                 replaced(raw, "author ", "author  x> <"),
                                 replaced(raw, "committer ", "author "),
                                 replaced(raw, " +0100", ""),
                                 replaced(raw, " +0100", " 0100"),
                                 replaced(raw, " +0100", " +01000"),
                                 replaced(raw, " 1767225600", " 01767225600"),
                                 replaced(raw, " 1767225600", " -1"),
                                 replaced(raw, " 1767225600", "  1767225600"),
                                 replaced(raw, " 1767225600", " 9999999999999999999"),
                                 replaced(raw, "<alice", "alice"),
                                 replaced(raw, "org>", "org"),
                                 replaced(raw, "\n\n", "\nHG:extra x\n\n"),
                                 replaced(raw, "\n\n", "\nencoding a\nencoding b\n\n"),
                                 replaced(raw, "\n\n", "\nparent " + kParent + "\n\n"),
                                 replaced(raw, "\n\n", "\nnovalue\n\n"),
                                 replaced(raw, "author", "parent x\nauthor")}) {
    CAPTURE(bad);
    CHECK(split_commit(bad).state == GitSignatureState::kMalformed);
  }
}

TEST_CASE("encoding and merged tags are part of the shape") {
  const std::string raw = unsigned_commit();
  CHECK(split_commit(replaced(raw, "\n\n", "\nencoding ISO-8859-1\n\n")).state ==
        GitSignatureState::kUnsigned);
  const std::string tags =
      "\nmergetag object x\n type commit\n \n -----BEGIN PGP SIGNATURE-----\nmergetag y\n\n";
  CHECK(split_commit(replaced(raw, "\n\n", tags)).state == GitSignatureState::kUnsigned);
}

TEST_CASE("a commit reads into its fields") {
  const CommitObject commit = parse_commit(signed_commit("Subject\n\ngpgsig in text\n")).value();
  CHECK(commit.tree == kTree);
  CHECK(commit.parents == std::vector{kParent});
  CHECK(commit.author == kAlice);
  CHECK(commit.committer == kAlice);
  CHECK(commit.headers.size() == 5);
  CHECK(commit.message == "Subject\n\ngpgsig in text\n");
}

TEST_CASE("what cannot be written as a commit is refused") {
  const auto refuses = [](auto spoil) {
    CommitParts parts{kTree, {kParent}, kAlice, kAlice, "m\n"};
    spoil(parts);
    return !build_commit_payload(parts).has_value();
  };
  CHECK(refuses([](CommitParts& p) { p.tree = "x"; }));
  CHECK(refuses([](CommitParts& p) { p.parents = {""}; }));
  CHECK(refuses([](CommitParts& p) { p.author.name = "a\nparent b"; }));
  CHECK(refuses([](CommitParts& p) { p.author.name = ""; }));
  CHECK(refuses([](CommitParts& p) { p.author.email = "a>b"; }));
  CHECK(refuses([](CommitParts& p) { p.committer.time_zone = "Z"; }));
  CHECK(refuses([](CommitParts& p) { p.committer.unix_seconds = -1; }));
  CHECK(refuses([](CommitParts& p) { p.message = std::string("m\0", 2); }));
  CHECK_FALSE(refuses([](CommitParts& p) { p.message = ""; }));
}

TEST_CASE("nothing but one whole signature can be attached, and only once") {
  const std::string payload = unsigned_commit();
  const std::string armored = sign_sshsig(payload, "git", test_key());
  const std::string raw = attach_signature(payload, armored).value();
  CHECK_FALSE(attach_signature(raw, armored));
  for (const std::string& bad :
       {std::string(), std::string("x\n"), armored + armored, armored + "\n",
        armored.substr(0, armored.size() - 1), "x\n" + armored}) {
    CHECK_FALSE(attach_signature(payload, bad));
  }
}

TEST_CASE("OpenPGP armor may carry headers, and must be whole") {
  const std::string payload = unsigned_commit();
  const auto attaches = [&](std::string_view inner) {
    return attach_signature(payload, "-----BEGIN PGP SIGNATURE-----\n" + std::string(inner) +
                                         "-----END PGP SIGNATURE-----\n")
        .has_value();
  };
  CHECK(attaches("\niHUEABYKAB0=\n=abcd\n"));
  CHECK(attaches("Version: GnuPG v2\nComment: x\n\niHUE\n"));
  CHECK_FALSE(attaches("iHUE\n"));
  CHECK_FALSE(attaches("\n"));
  CHECK_FALSE(attaches("\n\niHUE\n"));
  CHECK_FALSE(attaches("\niHUE\n\n"));
  CHECK_FALSE(attaches("not a header\n\niHUE\n"));
  CHECK_FALSE(attaches("\n-----BEGIN PGP SIGNATURE-----\n"));
  CHECK_FALSE(attach_signature(payload,
                               "-----BEGIN PGP MESSAGE-----\n\niHUE\n-----END PGP MESSAGE-----\n"));
}

TEST_CASE("a signed tag splits into what was signed and the signature") {
  const GitSignatureSplit split = split_tag(signed_tag());
  REQUIRE(split.state == GitSignatureState::kSigned);
  CHECK(verify_ssh_signature(split.signed_payload.payload, split.signed_payload.signature, "git"));
  CHECK(split.signed_payload.payload.ends_with("\n\nRelease\n"));
}

TEST_CASE("the four traps are refused in tags too") {
  const std::string raw = signed_tag();
  const std::string armor = raw.substr(raw.find("-----BEGIN"));
  CHECK(tag_state(raw + std::string("\0evil", 5)) == GitSignatureState::kMalformed);
  CHECK(tag_state(raw + "extra\n") == GitSignatureState::kMalformed);
  CHECK(tag_state(raw + "\n") == GitSignatureState::kMalformed);
  CHECK(tag_state(raw + armor) == GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "Release\n", armor + "Release\n")) ==
        GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "\n\n", "\ngpgsig x\n\n")) == GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "\n\n", "\ngpgsigevil x\n\n")) == GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "Release\n", "-----BEGIN PGP MESSAGE-----\n")) ==
        GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "tagger ", "taggen ")) == GitSignatureState::kMalformed);
  CHECK(tag_state(replaced(raw, "type commit", "type comit")) == GitSignatureState::kMalformed);
  CHECK(tag_state(raw.substr(0, raw.find("-----BEGIN"))) == GitSignatureState::kUnsigned);
}

TEST_CASE("git signs as we split, and verifies what we attach") {
  const TemporaryDirectory folder = scratch();
  const auto git = [&](std::vector<std::string> arguments, std::string input = {}) {
    arguments.insert(
        arguments.begin(),
        {"git", "-c", "gpg.format=ssh", "-c", "user.signingkey=" + (folder.path() / "key").string(),
         "-c", "gpg.ssh.allowedSignersFile=" + (folder.path() / "signers").string(), "-c",
         "user.name=A", "-c", "user.email=a@b"});
    const SubprocessResult result = run(folder.path(), std::move(arguments), std::move(input));
    if (!result.succeeded()) MESSAGE(result.stderr_bytes);
    REQUIRE(result.succeeded());
    return result.stdout_bytes;
  };
  put_file(folder.path() / "key", format_openssh_private_key(test_key(), "c", FixedEntropy()));
  put_file(folder.path() / "signers",
           "alice " + SshPublicKey::from_ed25519(test_key().public_key()).line() + "\n");
  git({"init", "-q", "-b", "main"});
  git({"commit", "-q", "-S", "--allow-empty", "-m", "signed by git"});
  git({"tag", "-s", "-m", "signed by git", "v1"});
  const std::string theirs = git({"cat-file", "commit", "HEAD"});
  CHECK(is_accepted(theirs));
  const GitSignatureSplit tag = split_tag(git({"cat-file", "tag", "v1"}));
  REQUIRE(tag.state == GitSignatureState::kSigned);
  CHECK(verify_ssh_signature(tag.signed_payload.payload, tag.signed_payload.signature, "git"));

  const CommitObject head = parse_commit(theirs).value();
  const std::string payload =
      build_commit_payload({head.tree, {}, kAlice, kAlice, "ours\n"}).value();
  const std::string ours =
      attach_signature(payload, sign_sshsig(payload, "git", test_key())).value();
  std::string id = git({"hash-object", "-t", "commit", "-w", "--stdin"}, ours);
  id.pop_back();
  CHECK(git({"verify-commit", id}).empty());
  CHECK(git({"fsck", "--strict"}).find("error") == std::string::npos);
}

TEST_CASE("git accepts the altered header that we refuse: the trap is real") {
  const TemporaryDirectory folder = scratch();
  put_file(folder.path() / "signers",
           "alice " + SshPublicKey::from_ed25519(test_key().public_key()).line() + "\n");
  REQUIRE(run(folder.path(), {"git", "init", "-q"}).succeeded());
  const std::string raw = signed_commit();
  const std::string header = signature_header(raw);
  const std::string evil = replaced(raw, header, header + "gpgsigevil hidden\n");
  std::string id = run(folder.path(),
                       {"git", "hash-object", "-t", "commit", "-w", "--literally", "--stdin"}, evil)
                       .stdout_bytes;
  id.pop_back();
  CHECK(run(folder.path(),
            {"git", "-c", "gpg.ssh.allowedSignersFile=" + (folder.path() / "signers").string(),
             "verify-commit", id})
            .succeeded());
  CHECK_FALSE(is_accepted(evil));
}

TEST_CASE("the SHA-256 of an object is its id in a SHA-256 repository") {
  const TemporaryDirectory folder = scratch();
  REQUIRE(run(folder.path(), {"git", "init", "-q", "--object-format=sha256"}).succeeded());
  const std::string id =
      run(folder.path(), {"git", "hash-object", "-t", "blob", "--stdin"}, "content").stdout_bytes;
  CHECK(git_object_sha256("blob", "content") + "\n" == id);
}

}  // namespace statehouse
