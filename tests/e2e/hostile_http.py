"""Hostile HTTP: framing, headers, bodies and compression, mostly without a token."""

import gzip
import itertools
import random
import threading
import zlib

from hostile_client import (check, check_each, chunked, everything, exchange,
                            expect_problem, head, request, run)

UPLOAD = "/git/platform.git/git-upload-pack"
RECEIVE = "/git/platform.git/git-receive-pack"
MIB = 1 << 20


# Zeros, a thousand times smaller.
BOMB = gzip.compress(bytes(64 * MIB), 9)


# --- heads --------------------------------------------------------------------------------------


@check_each({"nine kilobytes": 9_000, "ten megabytes": 10 * MIB})
def a_request_line_too_long_is_refused(size):
    expect_problem(exchange([b"GET /" + b"a" * size]), 414)


@check
def a_header_line_that_never_ends_is_refused():
    endless = itertools.chain([b"GET / HTTP/1.1\r\nX-A: "], itertools.repeat(b"a" * 65536, 1000))
    expect_problem(exchange(endless), 431)


@check
def half_a_million_header_fields_are_refused():
    fields = itertools.repeat(b"A: b\r\n" * 1000, 500)
    expect_problem(exchange(itertools.chain([b"GET / HTTP/1.1\r\nHost: s\r\n"], fields)), 431)


@check_each({
    "LF alone": b"GET / HTTP/1.1\nHost: s\n\n",
    "CR alone": b"GET / HTTP/1.1\rHost: s\r\r\n\r\n",
    "a folded line": b"GET / HTTP/1.1\r\nHost: s\r\nA: b\r\n c\r\n\r\n",
    "a space before the colon": b"GET / HTTP/1.1\r\nHost: s\r\nA : b\r\n\r\n",
    "no colon": b"GET / HTTP/1.1\r\nHost: s\r\nAb\r\n\r\n",
    "an empty name": b"GET / HTTP/1.1\r\nHost: s\r\n: b\r\n\r\n",
    "NUL in a value": b"GET / HTTP/1.1\r\nHost: s\r\nA: b\0c\r\n\r\n",
    "escape in a value": b"GET / HTTP/1.1\r\nHost: s\r\nA: \x1b[2J\r\n\r\n",
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: a/../b\r\n\r\n",
    "two Authorization headers": b"GET /healthz HTTP/1.1\r\nHost: s\r\nAuthorization: Bearer a\r\n"
                                 b"Authorization: Bearer b\r\n\r\n",
    "no version": b"GET /\r\nHost: s\r\n\r\n",
    "a space in the target": b"GET /a b HTTP/1.1\r\nHost: s\r\n\r\n",
    "raw bytes in the target": b"GET /\xff\xfe HTTP/1.1\r\nHost: s\r\n\r\n",
    "a bad escape in the target": b"GET /%zz HTTP/1.1\r\nHost: s\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: s\r\n\r\n",
    "authority form": b"GET example.org:80 HTTP/1.1\r\nHost: s\r\n\r\n",
})
def a_malformed_head_is_refused(data):
    got = everything(data)
    assert got.startswith(b"HTTP/1.1 400 "), got[:300]
    assert got.count(b"HTTP/1.1 ") == 1, got


@check_each({
    "another version": (b"GET / HTTP/9.9\r\nHost: s\r\n\r\n", b"505"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"505"),
    "an unknown method": (b"BREW / HTTP/1.1\r\nHost: s\r\n\r\n", b"501"),
    "CONNECT": (b"CONNECT example.org:80 HTTP/1.1\r\nHost: s\r\n\r\n", b"501"),
    "TRACE": (b"TRACE / HTTP/1.1\r\nHost: s\r\n\r\n", b"501"),
})
def another_protocol_is_refused(case):
    data, status = case
    got = everything(data)
    assert got.startswith(b"HTTP/1.1 " + status + b" "), got[:300]


@check_each({str(seed): seed for seed in range(3)})
def noise_is_refused(seed):
    noise = random.Random(seed).randbytes(200_000)
    got = everything(noise)
    assert got.startswith(b"HTTP/1.1 4") or got == b"", got[:300]


@check
def a_TLS_greeting_on_the_plain_port_is_refused():
    greeting = bytes.fromhex("16030100c8010000c40303") + bytes(194) + b"\r\n\r\n"
    got = everything(greeting)
    assert got.startswith(b"HTTP/1.1 400 "), got[:300]


@check_each({
    "empty": "", "a word": "x", "no token": "Bearer", "thirty kilobytes": "Bearer " + "a" * 30_000,
    "not base64": "Basic %%%", "no colon": "Basic YWJj", "NUL inside": "Basic AAA6AAA=",
    "digest": 'Digest username="alice"', "unsigned JWT": "Bearer eyJhbGciOiJub25lIn0.e30.",
    "another's name": "Basic YWxpY2U6c3RoX0FBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=",
})
def forged_credentials_are_refused(value):
    for path in ("/v1/whoami", "/v1/repositories", "/git/platform.git/info/refs"
                 "?service=git-upload-pack"):
        expect_problem(request("GET", path, headers=[f"Authorization: {value}"]), 400, 401)


@check
def an_encoded_line_break_never_enters_a_header():
    for path in ("/v1/repository?repository=%0d%0aX-Evil:%201", "/%0d%0aX-Evil:%201",
                 "/git/x%0d%0aX-Evil:1.git/info/refs?service=git-upload-pack"):
        answer = request("GET", path, "mallory")
        expect_problem(answer)
        assert answer.header("x-evil") is None


@check
def forged_addresses_and_proxies_grant_nothing():
    forged = ["X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Remote_User: alice",
              "X-WebAuth-User: alice", "X-Remote-User: alice", "Forwarded: for=127.0.0.1"]
    expect_problem(request("GET", "/v1/whoami", headers=forged), 401)
    expect_problem(request("POST", "/v1/fsck", "alice", b"{}", headers=forged), 404)


# --- framing ------------------------------------------------------------------------------------


FRAMINGS = {
    "length and chunked": ["Content-Length: 5", "Transfer-Encoding: chunked"],
    "chunked and length": ["Transfer-Encoding: chunked", "Content-Length: 5"],
    "two lengths": ["Content-Length: 5", "Content-Length: 6"],
    "the same length twice": ["Content-Length: 5", "Content-Length: 5"],
    "a list of lengths": ["Content-Length: 5, 5"],
    "a negative length": ["Content-Length: -1"],
    "a signed length": ["Content-Length: +5"],
    "a hexadecimal length": ["Content-Length: 0x5"],
    "an empty length": ["Content-Length: "],
    "chunked twice": ["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"],
    "gzip, chunked": ["Transfer-Encoding: gzip, chunked"],
    "chunked, identity": ["Transfer-Encoding: chunked, identity"],
    "identity": ["Transfer-Encoding: identity"],
    "a quoted coding": ['Transfer-Encoding: "chunked"'],
    "vertical tab before chunked": ["Transfer-Encoding: \x0bchunked"],
    "an unknown coding": ["Transfer-Encoding: xchunked"],
}


def expect_one_refusal(data, *statuses):
    """Were the body taken as the next request, there would be a second answer."""
    got = everything(data)
    assert got[:13] in [b"HTTP/1.1 %d " % status for status in statuses], got[:300]
    assert got.count(b"HTTP/1.1 ") == 1, got


@check_each(FRAMINGS)
def contradictory_framing_gets_one_refusal_and_the_end(headers):
    expect_one_refusal(head("POST", "/v1/promotions", "mallory", headers) +
                       b"0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: s\r\n\r\n", 400, 501)


@check
def chunked_in_HTTP_1_0_is_refused():
    data = b"POST /v1/promotions HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    assert everything(data).startswith(b"HTTP/1.1 400 ")


@check_each({
    "-1": b"-1", "-2": b"-2", "0x10": b"0x10", "+5": b"+5", "a space": b" 5", "nothing": b"",
    "an extension": b"5;a=b", "2^64": b"10000000000000005", "2^60": b"1" + b"0" * 15,
    "not a number": b"zz", "LF alone": b"5\n"})
def a_bad_chunk_size_is_refused(size):
    expect_one_refusal(head("POST", UPLOAD, None, ["Transfer-Encoding: chunked"]) + size +
                       b"\r\nhello\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: s\r\n\r\n",
                       400, 413)


@check
def trailer_fields_are_refused():
    data = head("POST", UPLOAD, None, ["Transfer-Encoding: chunked"]) + \
        b"0\r\nAuthorization: Bearer x\r\n\r\n"
    assert everything(data).startswith(b"HTTP/1.1 400 ")


@check
def two_thousand_pipelined_requests_are_answered_one_by_one():
    one = head("GET", "/healthz")
    got = everything(one * 1999 + head("GET", "/healthz", None, ["Connection: close"]))
    assert got.count(b"HTTP/1.1 200 ") == 2000, got.count(b"HTTP/1.1 ")


# --- bodies -------------------------------------------------------------------------------------


@check
def a_huge_body_without_credentials_is_refused_unread():
    for path in (RECEIVE, "/v1/promotions", "/v1/tokens", "/v1/policy/explain"):
        answer = exchange(head("POST", path, None, ["Content-Length: 10737418240"]))
        expect_problem(answer, 401)
        endless = itertools.chain([head("POST", path, None, ["Transfer-Encoding: chunked"])],
                                  chunked(itertools.repeat(b"a" * 65536, 1000)))
        expect_problem(exchange(endless, "POST"), 401)


@check
def a_length_over_the_limit_is_refused_unread():
    for path in (RECEIVE, UPLOAD, "/v1/promotions", "/v1/promotions/1/merge", "/v1/tokens"):
        for length in (10 << 30, 10**18 - 1, 10**30):
            answer = exchange(head("POST", path, "mallory", [f"Content-Length: {length}"]))
            expect_problem(answer, 413)


@check_each({path: path for path in (
    UPLOAD, "/v1/promotions", "/v1/promotions/1/comments", "/v1/tokens", "/v1/policy/explain")})
def a_chunked_body_without_end_is_cut_at_the_limit(path):
    endless = itertools.chain([head("POST", path, "mallory", ["Transfer-Encoding: chunked"])],
                              chunked(itertools.repeat(b" " * 65536, 2000)))
    expect_problem(exchange(endless, "POST"), 413)


@check
def a_chunked_push_without_end_is_cut_at_the_limit():
    endless = itertools.chain([head("POST", RECEIVE, "mallory", ["Transfer-Encoding: chunked"])],
                              chunked(itertools.repeat(b"a" * MIB, 600)))
    expect_problem(exchange(endless, "POST"), 413)


@check
def a_body_where_none_belongs_is_refused():
    for method, path in (("GET", "/healthz"), ("GET", "/v1/whoami"), ("DELETE", "/v1/tokens/x")):
        expect_problem(request(method, path, "mallory", b"{}"), 413)


# --- compression --------------------------------------------------------------------------------


GZIP = ["Content-Encoding: gzip"]


@check_each({"by ratio": BOMB, "by size": gzip.compress(
    random.Random(0).randbytes(160_000) + bytes(24 * MIB), 9)})
def a_gzip_bomb_to_upload_pack_is_refused(body):
    expect_problem(request("POST", UPLOAD, None, body, GZIP), 413)
    expect_problem(request("POST", UPLOAD, "mallory", body, GZIP), 413)


@check
def a_gzip_bomb_to_receive_pack_is_refused():
    expect_problem(request("POST", RECEIVE, "mallory", BOMB, GZIP), 413)


@check
def a_gzip_bomb_of_JSON_is_refused():
    expect_problem(request("POST", "/v1/promotions", "mallory", BOMB, GZIP), 413)


@check
def fifty_gzip_bombs_at_once_are_refused():
    problems = []

    def attack():
        try:
            expect_problem(request("POST", UPLOAD, "mallory", BOMB, GZIP), 413, 503)
        except AssertionError as problem:
            problems.append(problem)
    attackers = [threading.Thread(target=attack) for _ in range(50)]
    for attacker in attackers:
        attacker.start()
    for attacker in attackers:
        attacker.join()
    assert not problems, problems[0]


@check_each({
    "noise": random.Random(1).randbytes(5000),
    "a magic number alone": b"\x1f\x8b",
    "cut off": gzip.compress(b"0000" * 1000)[:-9],
    "a wrong checksum": gzip.compress(b"0000")[:-8] + bytes(8),
    "two members": gzip.compress(b"0000") + gzip.compress(b"0000"),
    "garbage behind it": gzip.compress(b"0000") + b"garbage",
    "zlib, not gzip": zlib.compress(b"0000"),
    "a reserved flag": b"\x1f\x8b\x08\xe0" + gzip.compress(b"0000")[4:],
})
def gzip_garbage_is_refused(body):
    for path in (UPLOAD, RECEIVE, "/v1/promotions"):
        expect_problem(request("POST", path, "mallory", body, GZIP), 400)


@check_each({coding: coding for coding in ("br", "deflate", "zstd", "gzip, gzip", "compress", "*")})
def another_coding_is_refused(coding):
    expect_problem(request("POST", UPLOAD, "mallory", b"0000", [f"Content-Encoding: {coding}"]),
                   415)


run()
