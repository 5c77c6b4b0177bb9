"""What was clean is remembered only as long as nothing that decided it changes."""

import json
import os
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import tidy


class Remembering(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)
        variables = mock.patch.dict(os.environ, {"XDG_CACHE_HOME": str(self.root / "cache")})
        variables.start()
        self.addCleanup(variables.stop)
        self.write(".clang-tidy", "Checks: '-*,modernize-use-nullptr'\nWarningsAsErrors: '*'\n")
        self.write("a.h", "#pragma once\nint f();\n")
        self.write("b.h", '#pragma once\n#include "a.h"\n')
        self.write("a.cc", '#include "b.h"\nint* p = nullptr;\n')
        command = {"file": str(self.root / "a.cc"), "directory": str(self.root),
                   "command": f"g++ -I{self.root} -c {self.root}/a.cc"}
        self.write("compile_commands.json", json.dumps([command]))

    def write(self, name, text):
        (self.root / name).write_text(text)

    def run_tidy(self, tracked=("a.cc",)):
        return tidy.run(self.root, self.root, set(tracked), 1)

    def remembered(self):
        return self.run_tidy().notes[0].startswith("1 of 1")

    def test_a_finding_is_reported_again_and_again(self):
        self.write("a.cc", "int* p = 0;\n")
        self.assertEqual(self.run_tidy().failed, 1)
        self.assertEqual(self.run_tidy().failed, 1)

    def test_no_files_is_a_failure(self):
        self.assertEqual(self.run_tidy(tracked=()).failed, 1)

    def test_a_clean_file_is_remembered_until_something_it_reaches_changes(self):
        self.assertFalse(self.remembered())
        self.assertTrue(self.remembered())
        for name, text in [("a.h", "#pragma once\nint g();\n"), ("a.cc", '#include "b.h"\n'),
                           (".clang-tidy", "Checks: '-*,modernize-use-override'\n")]:
            with self.subTest(name=name):
                self.write(name, text)
                self.assertFalse(self.remembered())
                self.assertTrue(self.remembered())


if __name__ == "__main__":
    unittest.main()
