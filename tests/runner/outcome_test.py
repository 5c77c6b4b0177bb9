"""A runner that counts wrongly would make every other test worthless."""

import unittest

from outcome import from_doctest, from_script, from_unittest

RULE = "=" * 79
SUMMARY = "[doctest] test cases: {:4} | {:4} passed | {:4} failed | {:4} skipped\n"


def counts(outcome):
    return outcome.passed, outcome.failed, outcome.skipped


class Doctest(unittest.TestCase):
    def test_a_program_without_a_summary_failed(self):
        self.assertEqual(counts(from_doctest("[doctest] run", 0, "exited with 0")), (0, 1, 0))
        self.assertEqual(counts(from_doctest("", -1, "was ended by signal 11")), (0, 1, 0))

    def test_a_program_without_tests_failed(self):
        self.assertEqual(counts(from_doctest(SUMMARY.format(0, 0, 0, 0), 0, "")), (0, 1, 0))

    def test_a_clean_summary_does_not_excuse_the_exit_status(self):
        outcome = from_doctest(SUMMARY.format(5, 5, 0, 0) + "LeakSanitizer", 1, "exited with 1")
        self.assertEqual(counts(outcome), (5, 1, 0))

    def test_failures_and_filtered_tests_are_taken_over(self):
        self.assertEqual(counts(from_doctest(SUMMARY.format(9, 7, 2, 3), 1, "")), (7, 2, 3))
        self.assertEqual(counts(from_doctest(SUMMARY.format(9, 9, 0, 0), 0, "")), (9, 0, 0))

    def block(self, case, *lines):
        return f"{RULE}\nx_test.cc:1:\nTEST CASE:  {case}\n\n" + "\n".join(lines) + "\n\n"

    def test_a_test_that_says_skipped_is_not_counted_as_passed(self):
        text = self.block("a", "x_test.cc:2: MESSAGE: skipped: no vectors",
                          "x_test.cc:3: MESSAGE: skipped: no more vectors")
        outcome = from_doctest(text + RULE + "\n" + SUMMARY.format(3, 3, 0, 0), 0, "")
        self.assertEqual(counts(outcome), (2, 0, 1))
        self.assertEqual(outcome.notes, ["a: skipped: no vectors"])

    def test_a_test_that_skips_a_part_and_fails_is_a_failure(self):
        text = self.block("a", "x:2: MESSAGE: skipped: no vectors", "x:3: ERROR: CHECK( false )")
        outcome = from_doctest(text + RULE + "\n" + SUMMARY.format(3, 2, 1, 0), 1, "")
        self.assertEqual(counts(outcome), (2, 1, 0))


class Others(unittest.TestCase):
    def test_unittest_programs_are_counted(self):
        for text, code, expected in [
                ("", 0, (0, 1, 0)), ("Ran 0 tests in 0.0s\nOK", 0, (0, 1, 0)),
                ("Ran 5 tests in 0.1s\nFAILED (failures=1, errors=1, skipped=1)", 1, (2, 2, 1)),
                ("Ran 5 tests in 0.1s\nOK", 1, (4, 1, 0)), ("Ran 5 tests in 0.1s\nOK", 0, (5, 0, 0)),
                ("Ran 1 test in 0.1s\nOK (skipped=1)", 0, (0, 0, 1))]:
            with self.subTest(text=text):
                self.assertEqual(counts(from_unittest(text, code, "")), expected)

    def test_scripts_are_one_test_each(self):
        for text, code, expected in [
                ("", 1, (0, 1, 0)), ("", -1, (0, 1, 0)), ("", 77, (0, 1, 0)), ("", 0, (1, 0, 0)),
                ("skip: no go here\n", 77, (0, 0, 1)), ("skip: no go here\n", 0, (1, 0, 0))]:
            with self.subTest(code=code):
                self.assertEqual(counts(from_script(text, code, "")), expected)

    def test_scripts_that_count_are_believed_when_their_status_agrees(self):
        for text, code, expected in [
                ("3 passed, 1 failed, 0 skipped", 0, (0, 1, 0)),
                ("3 passed, 0 failed, 0 skipped", 1, (0, 1, 0)),
                ("0 passed, 0 failed, 0 skipped", 0, (0, 1, 0)),
                ("3 passed, 1 failed, 2 skipped\n", 1, (3, 1, 2)),
                ("3 passed, 0 failed, 2 skipped\n", 0, (3, 0, 2)),
                ("cli: 3 passed, 0 failed\n", 0, (3, 0, 0)),
                ("3 passed, 0 failed\nand more", 0, (1, 0, 0))]:
            with self.subTest(text=text, code=code):
                self.assertEqual(counts(from_script(text, code, "")), expected)


if __name__ == "__main__":
    unittest.main()
