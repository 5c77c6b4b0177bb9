"""Runs one program: own process group, own short temporary folder, a time limit, a log file."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path


class Finished:
    def __init__(self, output, exit_code, ended_by, seconds):
        self.output = output
        self.exit_code = exit_code
        self.ended_by = ended_by
        self.seconds = seconds


def _end_group(process):
    """Ends whatever is left of the program's group; it may hold servers that a script started."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def run(arguments, *, log, cwd, environment=None, seconds_max=1800, nice=0):
    """Blocks until the program ended or its time is over. Its output goes to `log` and is returned."""
    log.parent.mkdir(parents=True, exist_ok=True)
    if nice:
        arguments = ["nice", "-n", str(nice), *arguments]
    started = time.monotonic()
    with open(log, "wb") as sink:
        process = subprocess.Popen(arguments, cwd=cwd, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=sink, stderr=subprocess.STDOUT, start_new_session=True)
        try:
            code = process.wait(timeout=seconds_max)
            ended_by = f"exited with {code}" if code >= 0 else f"was ended by signal {-code}"
        except subprocess.TimeoutExpired:
            code, ended_by = -1, f"took longer than {seconds_max} s and was ended"
        finally:
            _end_group(process)
            process.wait()
    output = log.read_text(encoding="utf-8", errors="replace")
    return Finished(output, code, ended_by, time.monotonic() - started)


class Scratch:
    """A temporary folder whose path is short: a gpg-agent socket below it has 108 bytes."""

    def __enter__(self):
        self.path = Path(tempfile.mkdtemp(prefix="sth", dir="/tmp"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)
