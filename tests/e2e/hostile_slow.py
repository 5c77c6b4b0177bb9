"""Hostile patience: clients that send next to nothing, while the other modules attack as well."""

import itertools
import threading
import time

from hostile_client import check, connect, expect_problem, head, read_answer, run

UPLOAD = "/git/platform.git/git-upload-pack"


class Trickle(threading.Thread):
    """Sends `first`, then one more byte each quarter of a second, for ever."""

    def __init__(self, first):
        super().__init__(daemon=True)
        self.first, self.seconds, self.answer = first, None, None

    def run(self):
        started = time.monotonic()
        with connect(60) as sock:
            threading.Thread(target=self._send, args=(sock,), daemon=True).start()
            self.answer = read_answer(sock)
            self.seconds = time.monotonic() - started

    def _send(self, sock):
        try:
            for piece in itertools.chain([self.first], itertools.repeat(b"a")):
                sock.sendall(piece)
                time.sleep(0.25)
        except OSError:
            pass


def trickles(first, count):
    threads = [Trickle(first) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads


HEADS = [trickles(first, 25) for first in (
    b"", b"GET / HTTP/1.1\r\n", b"GET / HTTP/1.1\r\nHost: s\r\nX-A: ",
    b"GET / HTTP/1.1\r\nHost: s\r\n" + b"A: b\r\n" * 50)]
BODIES = [
    trickles(head("POST", UPLOAD, None, ["Content-Length: 1000000"]), 20),
    trickles(head("POST", UPLOAD, "mallory", ["Content-Length: 1000000"]), 20),
    trickles(head("POST", UPLOAD, None, ["Transfer-Encoding: chunked"]) + b"fffff\r\n", 20)]


def expect_cut(threads, seconds_max):
    for thread in threads:
        thread.join(seconds_max)
        assert not thread.is_alive(), "the connection is still open"
        assert thread.seconds < seconds_max, f"it was cut after {thread.seconds:.0f} s"
        expect_problem(thread.answer, 408)


@check
def clients_that_trickle_their_headers_are_cut():
    for threads in HEADS:
        expect_cut(threads, 20)


@check
def clients_that_trickle_their_bodies_are_cut():
    for threads in BODIES:
        expect_cut(threads, 45)


run()
