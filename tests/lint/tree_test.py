"""The tree keeps its rules: one test for each."""

import unittest
from pathlib import Path

import rules
from source_tree import SourceTree

ROOT = Path(__file__).resolve().parents[2]


class TheTree(unittest.TestCase):
    tree = SourceTree(ROOT)

    def test_the_reader_sees_the_sources(self):
        functions = sum(len(file.functions) for file in self.tree.cpp)
        self.assertGreater(len(self.tree.cpp), 20)
        self.assertGreater(functions, 100)


def _test_of(rule):
    def test(self):
        findings = list(rule(self.tree))
        self.assertEqual(findings, [], "\n" + "\n".join(findings))
    test.__doc__ = rule.__doc__
    return test


for _rule in rules.ALL:
    setattr(TheTree, f"test_{_rule.__name__}", _test_of(_rule))

if __name__ == "__main__":
    unittest.main()
