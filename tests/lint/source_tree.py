"""Reads a source tree: which files, what they include, where their functions begin and end."""

import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CPP_SUFFIXES = (".cc", ".h")
_INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]')
_LITERALS = re.compile(
    r'R"([^\s()\\]{0,16})\(.*?\)\1"'  # raw string
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])*'"  # not the separator in 1'000
    r"|//[^\n]*|/\*.*?\*/", re.S)
_ACCESS = re.compile(r"(?:\s+|(?:public|private|protected)\s*:)*")
_TYPE = re.compile(r"(?:^|[\s;}])(?:struct|class|enum\s+class|enum|union)\s+(\w+)\s*"
                   r"(?:final\s*)?(?::[^:(=][^()=]*)?$")
_SCOPE = re.compile(r"\b(namespace|class|struct|union|enum)\b|extern\s*$")


@dataclass(frozen=True)
class Include:
    line: int
    name: str
    quoted: bool


@dataclass(frozen=True)
class Function:
    line: int  # where its declaration begins
    lines: int  # to its closing brace, both included; without the insides of tables
    head: str


def _table_lines(body):
    """Lines between the braces of `= {…}` and `return {…}` without a statement inside: data."""
    lines, starts = 0, []
    for match in re.finditer(r"[{}]", body):
        if match.group(0) == "{":
            head = body[:match.start()].rstrip()
            starts.append((match.start(), head.endswith("=") or re.search(r"\breturn$", head)))
        elif starts:
            start, is_table = starts.pop()
            inside = body[start:match.start()]
            if is_table and ";" not in inside and not any(outer for _, outer in starts):
                lines += max(inside.count("\n") - 1, 0)
    return lines


class SourceFile:
    def __init__(self, path, text):
        self.path = path  # relative to the root, with slashes
        self.text = text

    @property
    def folder(self):
        return self.path.rpartition("/")[0]

    @property
    def suffix(self):
        return Path(self.path).suffix

    @property
    def is_cpp(self):
        return self.suffix in CPP_SUFFIXES

    @cached_property
    def lines(self):
        return self.text.split("\n")

    @cached_property
    def code(self):
        """The text with comments and the insides of literals blanked, line numbers kept."""
        def blank(match):
            found = match.group(0)
            if found.startswith("/"):
                return re.sub(r"[^\n]", " ", found)
            return found[0] + re.sub(r"[^\n]", " ", found[1:-1]) + found[-1]
        return _LITERALS.sub(blank, self.text)

    @cached_property
    def includes(self):
        found = []
        for number, line in enumerate(self.lines, 1):
            match = _INCLUDE.match(line)
            if match:
                found.append(Include(number, match.group(2), match.group(1) == '"'))
        return found

    @cached_property
    def functions(self):
        """Function bodies at namespace or class scope; lambdas count for the function around."""
        text = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m.group(0)),
                      self.code, flags=re.M)
        found, scopes = [], []  # scopes: True where declarations stand, False inside a body
        head_start, body = 0, None
        for match in re.finditer(r"[{};]", text):
            at, mark = match.start(), match.group(0)
            declaring = all(scopes)
            if mark == "{":
                head = text[head_start:at].strip()
                is_scope = declaring and bool(_SCOPE.search(head)) and not head.endswith(")")
                if declaring and not is_scope and "(" in head and not head.endswith("="):
                    label = _ACCESS.match(text, head_start, at)
                    body = (len(scopes), label.end(), text[label.end():at])
                scopes.append(is_scope)
            elif mark == "}" and scopes:
                scopes.pop()
                if body and body[0] == len(scopes):
                    first = text.count("\n", 0, body[1]) + 1
                    lines = text.count("\n", body[1], at) + 1 - _table_lines(text[body[1]:at])
                    found.append(Function(first, lines, " ".join(body[2].split())))
                    body = None
            if all(scopes):
                head_start = match.end()
        return found


    @cached_property
    def types(self):
        """(line, name) of each type defined in a named namespace, outside functions and types."""
        found, scopes, head_start = [], [], 0
        for match in re.finditer(r"[{};]", self.code):
            at, mark = match.start(), match.group(0)
            head = self.code[head_start:at]
            if mark == "{":
                named = bool(re.search(r"\bnamespace\s+[\w:]+\s*$", head))
                defined = _TYPE.search(head)
                if all(scopes) and defined and not named:
                    line = self.code.count("\n", 0, head_start + defined.start(1)) + 1
                    found.append((line, defined.group(1)))
                scopes.append(named)
            elif mark == "}" and scopes:
                scopes.pop()
            head_start = match.end()
        return found


class SourceTree:
    """The files that git tracks below `root`, or all files when it is no repository."""

    def __init__(self, root):
        self.root = Path(root)
        self.paths = self._tracked() or sorted(
            str(path.relative_to(self.root)) for path in self.root.rglob("*") if path.is_file())

    def _tracked(self):
        if not (self.root / ".git").exists():
            return None
        done = subprocess.run(["git", "ls-files", "-z"], cwd=self.root, check=True,
                              capture_output=True, text=True)
        return [name for name in done.stdout.split("\0") if name and (self.root / name).is_file()]

    @cached_property
    def files(self):
        """Every text file; a file with a NUL byte is not text."""
        found = []
        for path in self.paths:
            data = (self.root / path).read_bytes()
            if b"\0" not in data:
                found.append(SourceFile(path, data.decode("utf-8", errors="replace")))
        return found

    @cached_property
    def cpp(self):
        return [file for file in self.files if file.is_cpp]

    def exists(self, path):
        return (self.root / path).exists()
