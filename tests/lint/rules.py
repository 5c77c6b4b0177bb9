"""The rules of the tree. Each takes a SourceTree and yields findings `path:line: what`."""

import json
import re
import subprocess
from pathlib import Path

import layers

TOP_LEVEL = {"CMakeLists.txt", "CMakePresets.json", "LICENSE", "README.md", "api", "cli", "crypto",
             "deploy", "docs", "policy", "schemas", "store", "tests"}
FILE_LINES_MAX = 700
FUNCTION_LINES_MAX = 70
PRODUCT = ("api/", "cli/", "crypto/", "policy/", "store/")

# (what it is, pattern on code without comments and literals, folders, why)
BANNED = [
    ("system()", r"(?<![\w.>:])(?:std::|::)?system\s*\(\s*[^)\s]", PRODUCT + ("tests/",),
     "no shell: run_subprocess takes an argument vector"),
    ("popen()", r"\bpopen\s*\(", PRODUCT + ("tests/",),
     "no shell: run_subprocess takes an argument vector"),
    ("std::regex", r"\bstd::(?:basic_)?regex\b", PRODUCT,
     "it recurses on attacker-chosen text: parse by hand"),
    ("fork/exec", r"(?<![\w.>])(?:::)?(?:v?fork|execl[pe]?|execvp?e?|posix_spawnp?)\s*\(",
     ("api/", "cli/", "policy/", "store/"), "run_subprocess is the one way to spawn a process"),
    ("unbounded C string", r"\b(?:strcpy|strcat|sprintf|vsprintf|gets|alloca)\s*\(",
     PRODUCT + ("tests/",), "use std::string"),
    ("hidden randomness", r"\b(?:std::)?(?:rand|srand|random_device|mt19937(?:_64)?)\b", PRODUCT,
     "take an Entropy&"),
    ("throw", r"\bthrow\b", PRODUCT, "errors are values: return fail(...)"),
    ("assert()", r"(?<![\w:])assert\s*\(", PRODUCT, "STATEHOUSE_ASSERT is on in every build"),
    ("using namespace", r"\busing\s+namespace\b(?!\s+std::(?:string_view_|chrono_|)literals)",
     PRODUCT + ("tests/",), "say the name"),
    ("const_cast", r"\bconst_cast\b", ("policy/", "api/service/"), "not needed above the C libraries"),
]
# Where a clock may be read: everything else takes a Clock&, so that tests can fix the time.
CLOCK = re.compile(r"\bsystem_clock::now\b|(?<![\w.>:])(?:std::|::)?time\s*\(\s*(?:0|NULL|nullptr)")
CLOCK_FILES = {"crypto/base/clock.cc"}
# Foreign exceptions end at the request dispatcher and at main, and where a library that reports by
# exceptions is wrapped: nlohmann/json and CLI11.
CATCH_FILES = {"api/http/dispatcher.cc", "cli/main.cc", "cli/run.cc", "cli/command_set.cc",
               "crypto/base/json.cc"}
UNFINISHED = re.compile(r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")


def at(file, line, what):
    return f"{file.path}:{line}: {what}"


def matches(file, pattern):
    for match in re.finditer(pattern, file.code):
        yield file.code.count("\n", 0, match.start()) + 1


def layering(tree):
    """Includes follow the layers, start at the root, and name files that are there."""
    for file in tree.cpp:
        for include in file.includes:
            if not include.quoted:
                continue
            folder = include.name.rpartition("/")[0]
            if not tree.exists(include.name):
                yield at(file, include.line, f"no file {include.name} from the repository's root")
            elif not layers.may_include(file.folder, folder):
                yield at(file, include.line, f"{file.folder}/ may not include {folder}/")


def libraries(tree):
    """A library's header is included in the one folder that wraps it."""
    for file in tree.cpp:
        for include in file.includes:
            if include.quoted or layers.is_system_header(include.name):
                continue
            library = layers.library_of(include.name)
            if library is None:
                yield at(file, include.line, f"<{include.name}> is no known library (layers.py)")
            elif not layers.may_use_library(file.folder, library):
                owners = ", ".join(layers.LIBRARIES[library]) or "tests"
                yield at(file, include.line, f"<{include.name}> belongs to {owners}")


def sizes(tree):
    """Files and functions stay short enough to read."""
    for file in tree.files:
        code = file.suffix in (".cc", ".h", ".py", ".sh", ".cmake")
        if code and len(file.lines) > FILE_LINES_MAX:
            yield at(file, 1, f"{len(file.lines)} lines; at most {FILE_LINES_MAX}")
    for file in tree.cpp:
        for function in file.functions:
            if function.lines > FUNCTION_LINES_MAX:
                yield at(file, function.line, f"a function of {function.lines} lines; at most "
                                              f"{FUNCTION_LINES_MAX}: {function.head[:60]}")


def banned(tree):
    """Constructs that have a better replacement here."""
    for file in tree.cpp:
        for name, pattern, folders, why in BANNED:
            if file.path.startswith(folders):
                for line in matches(file, pattern):
                    yield at(file, line, f"{name}: {why}")
        if file.path.startswith(PRODUCT) and file.path not in CLOCK_FILES:
            for line in matches(file, CLOCK):
                yield at(file, line, "a clock is read: take a Clock&")


def exceptions(tree):
    """Exceptions of other people's code are caught in the few places that may."""
    for file in tree.cpp:
        if file.path.startswith(PRODUCT) and file.path not in CATCH_FILES:
            for line in matches(file, r"\bcatch\s*\("):
                yield at(file, line, "catch: foreign exceptions are for the few files of CATCH_FILES")


def headers(tree):
    """Headers guard themselves and live in the one namespace; file names are snake_case."""
    for file in tree.cpp:
        if file.suffix == ".h" and not re.match(r"(?:\s*//[^\n]*\n)*\s*#pragma once\n", file.text):
            yield at(file, 1, "a header begins with #pragma once")
        if file.path.startswith(PRODUCT) and not re.search(r"\bnamespace statehouse\b", file.code) \
                and not file.path.endswith("/main.cc"):
            yield at(file, 1, "everything is in namespace statehouse")
        name = file.path.rpartition("/")[2]
        if not re.fullmatch(r"[a-z][a-z0-9_]*\.(?:cc|h)", name):
            yield at(file, 1, "file names are snake_case")


def unique_types(tree):
    """A type's name is defined once in the one namespace: the linker would not notice a second."""
    defined = {}
    for file in tree.cpp:
        if file.path.startswith(PRODUCT):
            for line, name in file.types:
                if name in defined:
                    yield at(file, line, f"{name} is defined in {defined[name]} too; "
                                         "put a file's own types in an anonymous namespace")
                defined.setdefault(name, f"{file.path}:{line}")


def finished(tree):
    """Nothing is left for later in the tree: what is missing is said in docs."""
    for file in tree.files:
        for number, line in enumerate(file.lines, 1):
            if UNFINISHED.search(line):
                yield at(file, number, "unfinished work does not belong in the tree")


def top_level(tree):
    """The root shows the architecture and nothing else."""
    for path in tree.paths:
        first = path.partition("/")[0]
        if not first.startswith(".") and first not in TOP_LEVEL:
            yield f"{path}:1: '{first}' is not one of the agreed names at the top"


def _anchors(text):
    titles = re.findall(r"^#+\s+(.*?)\s*#*$", re.sub(r"^```.*?^```", "", text, flags=re.M | re.S),
                        re.M)
    slugs = set()
    for title in titles:
        words = re.sub(r"[^\w\- ]", "", re.sub(r"[`*]", "", title).lower())
        slugs.add(words.replace(" ", "-"))
    return slugs


def links(tree):
    """Every relative link in a document leads to a file, and to a heading when it names one."""
    for file in tree.files:
        if file.suffix != ".md":
            continue
        prose = re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", "", m.group(0)), file.text,
                       flags=re.M | re.S)
        prose = re.sub(r"`[^`\n]*`", "", prose)
        for number, line in enumerate(prose.split("\n"), 1):
            for target in re.findall(r"\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)", line):
                if not re.match(r"[a-z][a-z0-9+.-]*:", target):
                    yield from _check_link(tree, file, number, target)


def _check_link(tree, file, number, target):
    path, _, anchor = target.partition("#")
    resolved = file.path
    if path:
        base = tree.root / (path.lstrip("/") if path.startswith("/") else Path(file.folder) / path)
        if not base.exists():
            yield at(file, number, f"link to nothing: {target}")
            return
        resolved = str(base.resolve().relative_to(tree.root.resolve()))
    if anchor and resolved.endswith(".md"):
        if anchor not in _anchors((tree.root / resolved).read_text(encoding="utf-8")):
            yield at(file, number, f"link to a heading that is not there: {target}")


def scripts(tree):
    """Shell scripts parse, stop at the first error, and need no shell but sh.

    A file without `#!` is vocabulary that scripts source.
    """
    for file in tree.files:
        first = file.lines[0]
        if file.suffix != ".sh" and not re.match(r"#!.*\bsh$", first):
            continue
        if first.startswith("#!") and first != "#!/bin/sh":
            yield at(file, 1, "a script begins with #!/bin/sh")
        parsed = subprocess.run(["sh", "-n", str(tree.root / file.path)], capture_output=True,
                                text=True, check=False)
        if parsed.returncode != 0:
            yield at(file, 1, parsed.stderr.strip())
        if first.startswith("#!") and not re.search(r"^set -[a-z]*e|^\. .*lib\.sh", file.text, re.M):
            yield at(file, 1, "a script says `set -eu`, or sources a lib.sh that judges each claim")


def data_files(tree):
    """JSON files are JSON, but for those that are wrong on purpose."""
    for file in tree.files:
        if file.suffix == ".json" and "/invalid/" not in file.path:
            try:
                json.loads(file.text)
            except ValueError as problem:
                yield at(file, 1, f"not JSON: {problem}")


def text(tree):
    """Text files end with one newline and hold no tabs or trailing blanks where code is."""
    for file in tree.files:
        if file.suffix not in (".cc", ".h", ".py", ".sh", ".md", ".txt", ".service"):
            continue
        if not file.text.endswith("\n") or file.text.endswith("\n\n"):
            yield at(file, len(file.lines), "a file ends with exactly one newline")
        for number, line in enumerate(file.lines, 1):
            if line != line.rstrip():
                yield at(file, number, "blanks at the end of the line")


def quoted_tests(tree):
    """A test that the threat model names is in the file that it names, or in another of the kind.

    "name" stands after `path/to/file_test.cc`, or after an earlier file's names.
    """
    tests = {file.path: re.sub(r"\s+", " ", re.sub(r'"\s*\n\s*"', "", file.text))
             for file in tree.files if file.path.startswith("tests/")}
    for file in tree.files:
        if file.path != "docs/threat-model.md":
            continue
        prose = re.sub(r"\n(?!\n)", " ", file.text)
        for match in re.finditer(r'`(?:tests/)?([\w/]+_test\.cc)`|"([^"\n]{12,})"', prose):
            path, name = match.groups()
            if path and not any(test.endswith("/" + path) for test in tests):
                yield f"{file.path}:1: there is no test file {path}"
            if name and not any(f'"{name}"' in test for test in tests.values()):
                yield f'{file.path}:1: no test is called "{name}"'


_ROUTE = re.compile(r'\b(?:(get|post)\(|Method::k(\w+),)\s*"(/[^"]*)"')


def routes(tree):
    """The server answers exactly the routes that its OpenAPI document describes."""
    answered, described, document = {}, {}, None
    for file in tree.files:
        if re.fullmatch(r"api/http/\w+_routes\.cc", file.path):
            for match in _ROUTE.finditer(file.text):
                method, path = (match[1] or match[2]).lower(), match[3]
                path = path.replace("/git/{repository...}", "/git/{repository}.git")
                line = file.text.count("\n", 0, match.start()) + 1
                answered[method, path.replace("...}", "}")] = (file, line)
        if file.path == "schemas/openapi.json":
            document = file
            for path, operations in json.loads(file.text)["paths"].items():
                for method in operations.keys() & {"get", "post", "put", "delete", "patch"}:
                    described[method, path] = (file, 1)
    for route in answered.keys() - described.keys() if document else ():
        yield at(*answered[route], f"schemas/openapi.json does not describe {' '.join(route)}")
    for route in described.keys() - answered.keys():
        yield at(*described[route], f"no route answers {' '.join(route)}")


ALL = [layering, libraries, sizes, banned, exceptions, headers, unique_types, finished, top_level,
       links, scripts, data_files, text, quoted_tests, routes]
