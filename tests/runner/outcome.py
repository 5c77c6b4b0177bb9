"""What a check came to: counts, and the words to show for it."""

import re
from dataclasses import dataclass, field


@dataclass
class Outcome:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    output: str = ""  # shown when something failed
    notes: list = field(default_factory=list)  # always shown: reasons of skips, cache hits
    seconds: float = 0.0


def failure(output):
    return Outcome(failed=1, output=output)


_SUMMARY = re.compile(
    r"\[doctest\] test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
_BLOCK = re.compile(r"^={20,}$", re.M)
_CASE = re.compile(r"^TEST CASE:\s+(.*)$", re.M)
_SKIP = re.compile(r"MESSAGE: (skipped: .*)$", re.M)
_PROBLEM = re.compile(r"(ERROR|FATAL ERROR|WARNING): ")


def from_doctest(output, exit_code, ended_by):
    """Counts of a doctest program.

    A test that says MESSAGE("skipped: why") and nothing worse counts as skipped, not as passed.
    A program that ends without a summary, or with one that disagrees with its exit status (a
    sanitizer report at exit, a leak), has failed whatever it printed before.
    """
    summary = None
    for summary in _SUMMARY.finditer(output):
        pass
    if summary is None:
        return failure(output + f"\nno summary: the program ended early ({ended_by})")
    total, passed, failed, filtered = (int(group) for group in summary.groups())
    if exit_code != 0 and failed == 0:
        return Outcome(passed, 1, filtered, output + f"\nall tests passed, then it {ended_by}")
    if total == 0:
        return failure(output + "\nthe program has no tests")
    skips = {}
    for block in _BLOCK.split(output):
        case, reason = _CASE.search(block), _SKIP.search(block)
        if case and reason and not _PROBLEM.search(block):
            skips[case.group(1).strip()] = reason.group(1)
    notes = [f"{name}: {reason}" for name, reason in sorted(skips.items())]
    skipped = min(len(skips), passed)
    return Outcome(passed - skipped, failed, filtered + skipped, output, notes)


def from_unittest(output, exit_code, ended_by):
    """Counts of a Python unittest program."""
    ran = re.search(r"^Ran (\d+) tests? in ", output, re.M)
    if not ran or int(ran.group(1)) == 0:
        return failure(output + f"\nno tests ran ({ended_by})")
    numbers = {word: int(number) for word, number in
               re.findall(r"(failures|errors|skipped|unexpected successes)=(\d+)", output)}
    failed = numbers.get("failures", 0) + numbers.get("errors", 0)
    failed += numbers.get("unexpected successes", 0)
    if exit_code != 0 and failed == 0:
        failed = 1
    skipped = numbers.get("skipped", 0)
    return Outcome(max(int(ran.group(1)) - failed - skipped, 0), failed, skipped, output)


_CLOSING = re.compile(r"^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


def from_script(output, exit_code, ended_by):
    """0 passes, 77 skips and must say why, all else fails.

    A script is one test, or as many as its last line counts: `N passed, N failed, N skipped`.
    """
    lines = output.rstrip().splitlines()
    closing = _CLOSING.match(lines[-1]) if lines and exit_code != 77 else None
    if closing:
        passed, failed, skipped = (int(number or 0) for number in closing.groups())
        if (exit_code == 0) == (failed == 0) and passed + failed + skipped > 0:
            notes = re.findall(r"^\s*skip(?:ped)?: .+", output, re.M)
            return Outcome(passed, failed, skipped, output, notes)
        return failure(output + f"\nits last line and its exit status disagree ({ended_by})")
    if exit_code == 0:
        return Outcome(passed=1, output=output)
    if exit_code == 77:
        reasons = re.findall(r"skip(?:ped)?: .+", output)
        if not reasons:
            return failure(output + "\nexit status 77 without a line `skip: why`")
        return Outcome(skipped=1, output=output, notes=[reasons[-1]])
    return failure(output + f"\n{ended_by}")
