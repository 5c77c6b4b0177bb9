#include "crypto/signed_note.h"

#include <doctest/doctest.h>

#include "tests/crypto/fixture.h"

namespace statehouse {

namespace {

constexpr std::string_view kText = "line one\nline two\n";

NoteSigner signer(std::string_view name = "example.com/log", char number = 1) {
  return NoteSigner::create(name, test_key(number)).value();
}

std::string note() { return sign_note(kText, signer()).value(); }

bool opens(std::string_view bytes) { return open_note(bytes, {signer().key()}).has_value(); }

}  // namespace

TEST_CASE("notes that are not exactly text, blank line, signatures are refused") {
  const std::string good = note();
  REQUIRE(opens(good));
  const std::string line = signer().signature_line(kText);
  for (const std::string& bad : {std::string(),
                                 std::string("\n"),
                                 std::string("\n\n"),
                                 std::string(kText),
                                 std::string(kText) + "\n",
                                 std::string(kText) + line,
                                 good.substr(0, good.size() - 1),
                                 good + "\n",
                                 good + "x",
                                 good + "x\n",
                                 replaced(good, "line two", "line\ttwo"),
                                 replaced(good, "line two", "line\rtwo"),
                                 replaced(good, "line two", "line two\xff"),
                                 replaced(good, "line one", std::string("\0", 1)),
                                 replaced(good, "\xe2\x80\x94 ", "- "),
                                 replaced(good, "\xe2\x80\x94 ", "\xe2\x80\x94"),
                                 replaced(good, "example.com/log ", "example.com/log  "),
                                 replaced(good, "example.com/log ", "example.com/log+ "),
                                 replaced(good, "example.com/log ", ""),
                                 good + "\xe2\x80\x94 other AAAAAA\n",
                                 good + "\xe2\x80\x94 other AAAA\n",
                                 good + "\xe2\x80\x94 other AAAAAA== \n"}) {
    CAPTURE(bad);
    CHECK_FALSE(opens(bad));
  }
}

TEST_CASE("any changed byte of the text refuses the note") {
  const std::string good = note();
  for (std::size_t at = 0; at < kText.size(); ++at) {
    std::string altered = good;
    altered[at] = static_cast<char>(altered[at] ^ 1);
    CHECK_FALSE(opens(altered));
  }
}

TEST_CASE("a known key whose signature fails refuses the note, whoever else signed") {
  const std::string wrong = signer().signature_line("another text\n");
  const NoteSigner other = signer("example.com/other", 2);
  const std::string both = std::string(kText) + "\n" + other.signature_line(kText) + wrong;
  CHECK_FALSE(open_note(both, {signer().key(), other.key()}));
  CHECK(open_note(both, {other.key()}));
}

TEST_CASE("signatures of unknown keys are ignored, and alone are not enough") {
  const NoteSigner other = signer("example.com/other", 2);
  CHECK_FALSE(open_note(note(), {}));
  CHECK_FALSE(open_note(note(), {other.key()}));
  CHECK(open_note(note() + other.signature_line(kText), {signer().key()})->signed_by().size() == 1);
}

TEST_CASE("the same key under another name is another signer") {
  CHECK_FALSE(open_note(note(), {signer("example.com/other").key()}));
}

TEST_CASE("a key that signs twice counts once") {
  const auto opened = open_note(note() + signer().signature_line(kText), {signer().key()});
  REQUIRE(opened);
  CHECK(opened->signed_by().size() == 1);
  CHECK(opened->text() == kText);
}

TEST_CASE("a note with too many signatures is refused") {
  std::string many = std::string(kText) + "\n";
  for (int i = 0; i < 101; ++i) many += signer().signature_line(kText);
  CHECK_FALSE(opens(many));
}

TEST_CASE("text may hold blank lines: the last one separates") {
  const std::string text = "a\n\nb\n";
  const auto opened = open_note(sign_note(text, signer()).value(), {signer().key()});
  CHECK(opened.value().text() == text);
  CHECK_FALSE(sign_note("no line end", signer()));
  CHECK_FALSE(sign_note("tab\t\n", signer()));
}

TEST_CASE("verifier keys that do not belong together are refused") {
  const std::string good = signer().key().vkey();
  CHECK(NoteKey::parse_vkey(good).value().vkey() == good);
  for (const std::string& bad :
       {std::string(), std::string("a"), std::string("a+b"), "x" + good, good + "=", good + "\n",
        replaced(good, "+", "++"), replaced(good, "+", " +"), good.substr(0, good.size() - 4),
        replaced(good, "example.com", "exampl\xc2\xa0.com"), good.substr(good.find('+'))}) {
    CAPTURE(bad);
    CHECK_FALSE(NoteKey::parse_vkey(bad));
  }
}

TEST_CASE("names with spaces of any alphabet, a plus or nothing are refused") {
  for (const char* bad : {"", " ", "a b", "a+b", "a\nb", "a\xc2\x85", "a\xe2\x80\xa8",
                          "\xe3\x80\x80", "a\x7f", "\xff"}) {
    CHECK_FALSE(NoteSigner::create(bad, test_key()));
  }
}

TEST_CASE("the example of the C2SP specification and Go's key open") {
  // golang/mod sumdb/note/note_test.go
  const auto key =
      NoteKey::parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  REQUIRE(key);
  const std::string go_note =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n\n"
      "— PeterNeumann "
      "x08go/ZJkuBS9UG/"
      "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  CHECK(open_note(go_note, {*key}));
  CHECK_FALSE(open_note(replaced(go_note, "think", "thing"), {*key}));
}

TEST_CASE("a cosignature binds its time, and is not a plain signature") {
  const Timestamp time = Timestamp::from_unix_seconds(1'700'000'000);
  const NoteKey witness =
      NoteKey::create("witness", NoteKeyType::kEd25519Cosignature, test_key(3).public_key())
          .value();
  const std::string line = cosignature_line(kText, "witness", test_key(3), time).value();
  const auto opened = open_note(note() + line, {signer().key(), witness});
  REQUIRE(opened);
  CHECK(opened->signed_by()[1].time == time);
  CHECK_FALSE(opened->signed_by()[0].time);
  const NoteKey plain = signer("witness", 3).key();
  CHECK(open_note(note() + line, {signer().key(), plain})->signed_by().size() == 1);
  const std::string later = cosignature_line("other\n", "witness", test_key(3), time).value();
  CHECK_FALSE(open_note(note() + later, {signer().key(), witness}));
}

}  // namespace statehouse
