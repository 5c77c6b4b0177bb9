"""The rules themselves: each is fed a tree that breaks it, and one that nearly does."""

import tempfile
import unittest
from pathlib import Path

import rules
from source_tree import SourceFile, SourceTree

# Written so that this file does not break the rule that it tests.
LATER = "TO" + "DO"
HEADER = "#pragma once\n\nnamespace statehouse {{\n{}\n}}  // namespace statehouse\n"


def header(body=""):
    return HEADER.format(body)


def source(body=""):
    return "namespace statehouse {\n" + body + "\n}  // namespace statehouse\n"


class RuleTest(unittest.TestCase):
    def findings(self, rule, files):
        with tempfile.TemporaryDirectory() as folder:
            for path, text in files.items():
                target = Path(folder) / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            return list(rule(SourceTree(folder)))

    def refused(self, rule, path, text, because, **others):
        found = self.findings(rule, {path: text} | others.get("beside", {}))
        self.assertEqual(len(found), 1, found)
        self.assertIn(path, found[0])
        self.assertIn(because, found[0])

    def accepted(self, rule, path, text, **others):
        self.assertEqual(self.findings(rule, {path: text} | others.get("beside", {})), [])


class Layering(RuleTest):
    def include(self, target, rule_outcome, path, because=""):
        text = f'#include "{target}"\n' + source()
        beside = {target: header()}
        if rule_outcome == "refused":
            self.refused(rules.layering, path, text, because, beside=beside)
        else:
            self.accepted(rules.layering, path, text, beside=beside)

    def test_edges_that_point_right_are_refused(self):
        for path, target in [
                ("crypto/base/error.cc", "crypto/sha256.h"), ("crypto/a.cc", "store/model/oid.h"),
                ("store/model/a.cc", "store/git/a.h"), ("store/git/a.cc", "store/ledger/a.h"),
                ("store/ledger/a.cc", "store/git/a.h"), ("store/keys/a.cc", "store/ledger/a.h"),
                ("policy/a.cc", "store/ledger/a.h"), ("policy/a.cc", "store/git/a.h"),
                ("policy/a.cc", "api/service/a.h"), ("store/git/a.cc", "policy/a.h"),
                ("api/service/a.cc", "api/http/a.h"), ("api/http/a.cc", "cli/a.h"),
                ("store/git/a.cc", "tests/support/a.h"), ("cli/a.cc", "tests/support/a.h")]:
            with self.subTest(path=path, target=target):
                self.include(target, "refused", path, "may not include")

    def test_edges_that_point_left_are_accepted(self):
        for path, target in [
                ("crypto/a.cc", "crypto/base/error.h"), ("store/git/a.cc", "crypto/a.h"),
                ("policy/a.cc", "store/model/oid.h"), ("api/service/a.cc", "policy/a.h"),
                ("api/http/a.cc", "api/service/a.h"), ("cli/a.cc", "api/http/a.h"),
                ("cli/a.cc", "store/ledger/a.h"), ("store/git/a.cc", "store/git/b.h")]:
            with self.subTest(path=path, target=target):
                self.include(target, "accepted", path)

    def test_a_test_may_include_what_its_subject_may(self):
        self.include("store/git/a.h", "accepted", "tests/store/git/a_test.cc")
        self.include("tests/support/a.h", "accepted", "tests/store/git/a_test.cc")
        self.include("store/git/a.h", "accepted", "tests/bench/a.cc")
        self.include("store/ledger/a.h", "refused", "tests/store/git/a_test.cc", "may not")
        self.include("tests/policy/a.h", "refused", "tests/store/git/a_test.cc", "may not")

    def test_an_include_that_does_not_start_at_the_root_is_refused(self):
        self.refused(rules.layering, "crypto/a.cc", '#include "b.h"\n', "no file b.h",
                     beside={"crypto/b.h": header()})

    def test_a_commented_include_is_no_edge(self):
        self.accepted(rules.layering, "crypto/a.cc", '// #include "cli/a.h"\n',
                      beside={"cli/a.h": header()})


class Libraries(RuleTest):
    def test_a_library_outside_its_folder_is_refused(self):
        for path, name in [
                ("store/ledger/a.cc", "git2.h"), ("store/ledger/a.cc", "git2/refs.h"),
                ("api/service/a.cc", "sqlite3.h"), ("store/keys/a.cc", "sodium.h"),
                ("store/keys/a.cc", "openssl/evp.h"), ("cli/a.cc", "gpgme.h"),
                ("store/git/a.cc", "yaml.h"), ("store/ledger/a.cc", "zlib.h"),
                ("api/service/a.cc", "httplib.h"), ("policy/a.cc", "CLI/CLI.hpp"),
                ("crypto/a.cc", "doctest/doctest.h"), ("policy/a.cc", "valijson/schema.hpp"),
                ("tests/policy/a_test.cc", "sqlite3.h")]:
            with self.subTest(path=path, name=name):
                self.refused(rules.libraries, path, f"#include <{name}>\n", "belongs to")

    def test_a_library_in_its_folder_is_accepted(self):
        for path, name in [
                ("store/git/a.cc", "git2.h"), ("store/ledger/a.cc", "sqlite3.h"),
                ("crypto/a.cc", "openssl/evp.h"), ("api/http/a.cc", "httplib.h"),
                ("cli/a.cc", "httplib.h"), ("policy/a.cc", "nlohmann/json_fwd.hpp"),
                ("tests/store/ledger/a_test.cc", "sqlite3.h"), ("cli/a.cc", "sys/stat.h"),
                ("tests/policy/a_test.cc", "doctest/doctest.h"), ("cli/a.cc", "expected")]:
            with self.subTest(path=path, name=name):
                self.accepted(rules.libraries, path, f"#include <{name}>\n")

    def test_an_unknown_library_is_refused(self):
        self.refused(rules.libraries, "cli/a.cc", "#include <boost/asio.hpp>\n", "no known library")


class Sizes(RuleTest):
    def body(self, lines):
        return source("Result<> f(int a) {\n" + "  g();\n" * (lines - 2) + "}")

    def test_a_function_of_71_lines_is_refused_and_one_of_70_is_not(self):
        self.refused(rules.sizes, "cli/a.cc", self.body(71), "function of 71 lines")
        self.accepted(rules.sizes, "cli/a.cc", self.body(70))

    def test_a_method_and_a_test_case_are_functions_too(self):
        method = "class A {\n public:\n  int f() const {\n" + "    g();\n" * 70 + "  }\n};"
        self.refused(rules.sizes, "cli/a.h", source(method), "function of 72 lines")
        case = 'TEST_CASE("it { works") {\n' + "  CHECK(true);\n" * 70 + "}"
        self.refused(rules.sizes, "tests/cli/a_test.cc", source(case), "function of 72 lines")

    def test_a_lambda_counts_for_the_function_around_it(self):
        inner = "  run([] {\n" + "    g();\n" * 68 + "  });\n"
        self.refused(rules.sizes, "cli/a.cc", source("void f() {\n" + inner + "}"), "72 lines")

    def test_a_table_in_a_function_counts_as_its_two_braces(self):
        rows = "    {1, f(2)},\n" * 100
        table = "void f() {\n  const int kRows[] = {\n" + rows + "  };\n  g(kRows);\n}"
        self.accepted(rules.sizes, "cli/a.cc", source(table))
        self.accepted(rules.sizes, "cli/a.cc", source("A f() {\n  return {\n" + rows + "  };\n}"))
        code = "auto f() {\n  const auto run = [] {\n" + "    g();\n" * 70 + "  };\n}"
        self.refused(rules.sizes, "cli/a.cc", source(code), "74 lines")

    def test_long_tables_and_classes_are_no_functions(self):
        table = "constexpr int kTable[] = {\n" + "  1,\n" * 100 + "};"
        members = "struct A {\n" + "  int a = f();\n" * 100 + "};"
        self.accepted(rules.sizes, "cli/a.cc", source(table + "\n" + members))

    def test_braces_in_literals_comments_and_macros_do_not_count(self):
        text = 'void f() {\n  g("}", \'}\', R"({{)", 1\'000);  // }\n}\n#define M(a) { \\\n  a\n'
        functions = SourceFile("cli/a.cc", source(text + "void h() {\n}")).functions
        self.assertEqual([(f.line, f.lines) for f in functions], [(2, 3), (7, 2)])

    def test_a_file_of_more_than_700_lines_is_refused(self):
        self.refused(rules.sizes, "cli/a.cc", "\n" * 701, "702 lines")
        self.accepted(rules.sizes, "cli/a.cc", "\n" * 699)


class Banned(RuleTest):
    def test_each_banned_construct_is_refused(self):
        for path, code in [
                ("cli/a.cc", 'std::system("ls");'), ("tests/cli/a_test.cc", 'system("ls");'),
                ("store/git/a.cc", 'popen("ls", "r");'), ("api/http/a.cc", "std::regex r;"),
                ("store/git/a.cc", "fork();"), ("cli/a.cc", "::execve(a, b, c);"),
                ("crypto/a.cc", "sprintf(a, b);"), ("crypto/a.cc", "std::random_device r;"),
                ("policy/a.cc", "throw 1;"), ("policy/a.cc", "assert(a);"),
                ("policy/a.cc", "using namespace std;"), ("policy/a.cc", "const_cast<A&>(a);"),
                ("policy/a.cc", "auto t = system_clock::now();"), ("cli/a.cc", "time(nullptr);")]:
            with self.subTest(path=path, code=code):
                self.assertEqual(len(self.findings(rules.banned, {path: source(code)})), 1)

    def test_words_and_namesakes_are_not_the_construct(self):
        for code in ['print("throw system()");', "// throw, system()", "RepositoryName::system();",
                     "static RepositoryName system();", "entry.time();", "static_assert(a);",
                     "STATEHOUSE_ASSERT(a);", "using namespace std::chrono_literals;"]:
            with self.subTest(code=code):
                self.accepted(rules.banned, "policy/a.cc", source(code))

    def test_catching_is_for_the_dispatcher_and_main(self):
        code = source("void f() { try { g(); } catch (...) {} }")
        self.refused(rules.exceptions, "store/git/a.cc", code, "catch")
        self.accepted(rules.exceptions, "cli/run.cc", code)


class TheRest(RuleTest):
    def test_a_header_without_guard_or_namespace_is_refused(self):
        self.refused(rules.headers, "cli/a.h", source(), "#pragma once")
        self.refused(rules.headers, "cli/a.h", "#pragma once\n", "namespace statehouse")
        self.refused(rules.headers, "cli/CamelCase.h", header(), "snake_case")
        self.accepted(rules.headers, "cli/a.h", "// Words first.\n" + header())

    def test_a_second_type_of_the_same_name_is_refused(self):
        other = {"cli/a.h": header("class A {\n};")}
        for text in ["struct A {\n int a;\n};", "class A final : public B {\n};", "enum class A {\n};",
                     "enum A : int {\n};"]:
            with self.subTest(text=text):
                self.refused(rules.unique_types, "store/git/b.cc", source(text), "A is defined in",
                             beside=other)

    def test_types_that_stay_in_their_file_or_type_may_share_names(self):
        for text in ["namespace {\nstruct A {\n};\n}", "class A;", "struct B {\n struct A {\n };\n};",
                     "void f() {\n struct A {\n };\n}", "struct A make() {\n}",
                     "// struct A {\n"]:
            with self.subTest(text=text):
                self.accepted(rules.unique_types, "store/git/b.cc", source(text),
                              beside={"cli/a.h": header("class A {\n};")})

    def test_unfinished_work_is_refused(self):
        self.refused(rules.finished, "docs/a.md", f"later: {LATER} this\n", "unfinished")
        self.accepted(rules.finished, "docs/a.md", "todo lists are words\n")

    def test_a_stranger_at_the_top_is_refused(self):
        self.refused(rules.top_level, "notes.txt", "", "agreed names")
        self.refused(rules.top_level, "src/a.cc", "", "agreed names")
        self.accepted(rules.top_level, ".clang-tidy", "")
        self.accepted(rules.top_level, "docs/a.md", "")

    def test_a_dead_link_is_refused(self):
        self.refused(rules.links, "docs/a.md", "[b](b.md)\n", "link to nothing")
        self.refused(rules.links, "docs/a.md", "# One\n[b](#two)\n", "heading")
        self.refused(rules.links, "docs/a.md", "[b](b.md#two)\n", "heading",
                     beside={"docs/b.md": "# One\n"})

    def test_a_living_link_is_accepted(self):
        for text in ["[b](b.md)\n", "[b](b.md#one-and-two)\n", "[c](https://example.org/x)\n",
                     "`[d](nowhere)`\n", "```\n[d](nowhere)\n```\n"]:
            with self.subTest(text=text):
                self.accepted(rules.links, "docs/a.md", text,
                              beside={"docs/b.md": "## One, and `two`\n".replace(", ", " ")})

    def test_a_document_at_the_top_links_from_there(self):
        self.accepted(rules.links, "README.md", "[b](docs/b.md)\n", beside={"docs/b.md": "# B\n"})
        self.refused(rules.links, "README.md", "[b](docs/c.md)\n", "link to nothing")

    def test_a_careless_script_is_refused(self):
        self.refused(rules.scripts, "deploy/a.sh", "#!/bin/bash\nset -eu\n", "#!/bin/sh")
        self.refused(rules.scripts, "deploy/a.sh", "#!/bin/sh\nls\n", "set -eu")
        self.refused(rules.scripts, "deploy/a.sh", "#!/bin/sh\nset -eu\nif\n", "yntax error")
        self.accepted(rules.scripts, "deploy/a.sh", "#!/bin/sh\nset -eu\nls\n")
        self.accepted(rules.scripts, "tests/e2e/lib.sh", "# words\nset -u\n")
        self.accepted(rules.scripts, "tests/e2e/a.sh", '#!/bin/sh\n. "$(dirname "$0")/lib.sh"\n')

    def test_broken_json_is_refused_unless_it_is_an_example_of_it(self):
        self.refused(rules.data_files, "schemas/a.json", "{", "not JSON")
        self.accepted(rules.data_files, "schemas/invalid/a.json", "{")

    def test_a_test_that_the_threat_model_makes_up_is_refused(self):
        beside = {"tests/crypto/a_test.cc": source('TEST_CASE("one long name, and "\n'
                                                   '          "more of it") {}')}
        model = "docs/threat-model.md"
        self.accepted(rules.quoted_tests, model,
                      'a `tests/crypto/a_test.cc` "one long name, and\nmore of it"\n', beside=beside)
        self.refused(rules.quoted_tests, model, '`tests/crypto/a_test.cc` "one long name"\n',
                     "no test is called", beside=beside)
        self.refused(rules.quoted_tests, model, "`tests/crypto/b_test.cc`\n", "no test file",
                     beside=beside)

    def test_routes_and_their_document_agree(self):
        openapi = "schemas/openapi.json"
        code = source('void f() { get("/v1/a/{path...}", g); add(Method::kPost,\n"/v1/a", h); }')
        both = '{"paths": {"/v1/a/{path}": {"get": {}}, "/v1/a": {"post": {}}}}'
        beside = {"api/http/a_routes.cc": code}
        self.accepted(rules.routes, openapi, both, beside=beside)
        self.refused(rules.routes, openapi, both.replace('"post"', '"get": {}, "post"'),
                     "no route answers get /v1/a", beside=beside)
        self.refused(rules.routes, "api/http/a_routes.cc", code, "does not describe post /v1/a",
                     beside={openapi: both.replace('"post"', '"parameters"')})

    def test_untidy_ends_are_refused(self):
        self.refused(rules.text, "docs/a.md", "word", "one newline")
        self.refused(rules.text, "docs/a.md", "word \n", "blanks")
        self.accepted(rules.text, "docs/a.md", "word\n")


if __name__ == "__main__":
    unittest.main()
