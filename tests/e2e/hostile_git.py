"""Hostile Git: pkt-lines, commands, ref names, push options and fetch requests."""

import hashlib
import itertools
import re

from hostile_client import (WORK, check, check_each, chunked, exchange, expect_printable,
                            expect_problem, head, request, run)
from hostile_pack import (CAPABILITIES, COMMIT, HIDDEN, RECEIVE, UNKNOWN, UPLOAD, GIT, ZERO, Report,
                          command, expect_refused, new_ref, oid_of, pkt, plain, push, push_bytes,
                          refs_of)

V2 = ["Git-Protocol: version=2"]


# --- what comes before the pack -----------------------------------------------------------------


REFS = [b"refs/heads/guest/../deploy", b"refs/heads/guest/..", b"refs/../../x",
        b"refs/heads/guest/a..b", b"refs/heads/guest/a@{1}", b"refs/heads/guest/@",
        b"refs/heads/guest/a.lock", b"refs/heads/guest/a.lock/b", b"refs/heads/guest/.a",
        b"refs/heads/guest/a.", b"refs/heads/guest//a", b"refs/heads/guest/",
        b"/refs/heads/guest/a",
        b"refs/heads/guest/-x", b"refs/heads/guest/--upload-pack=x", b"refs/heads/guest/a b",
        b"refs/heads/guest/a\x1b[2J", b"refs/heads/guest/a\nok refs/heads/deploy",
        b"refs/heads/guest/a\r", b"refs/heads/guest/a\x7f", b"refs/heads/guest/a\t",
        b"refs/heads/guest/\xff\xfe", b"refs/heads/guest/\xc2\x9b2J",
        "refs/heads/guest/\u202ea".encode(), b"refs/heads/guest/$(touch x)",
        b"refs/heads/guest/`x`", b"refs/heads/guest/a;b", b"refs/heads/guest/a~1",
        b"refs/heads/guest/a^", b"refs/heads/guest/a:b", b"refs/heads/guest/a?",
        b"refs/heads/guest/*", b"refs/heads/guest/[a", b"refs/heads/guest/a\\b",
        b"refs/heads/guest/%2e%2e", b"refs/heads/guest/" + b"a" * 300, b"HEAD", b"refs", b"refs/",
        b"refs/x", b"heads/guest/a", b"", b".git/config", b"FETCH_HEAD", b"refs/heads/deploy",
        b"refs/heads/audit", b"refs/replace/" + HIDDEN, b"refs/notes/commits", b"refs/meta/config",
        b"refs/tags/v1", b"refs/stash", b"refs/heads/guest", b"refs/heads/guest/good/below"]


@check_each({ascii(ref)[2:-1][:60]: ref for ref in REFS})
def a_ref_name_that_is_wrong_or_not_ours_is_refused(ref):
    before = refs_of()
    new, pack = plain()
    expect_refused(push(new, pack, ref), before)


NEW = oid_of(COMMIT, b"")
FIRST = command(NEW) + b"\0 " + CAPABILITIES
COMMANDS = {
    "nothing": b"",
    "a length of letters": b"zzzz",
    "a length of three": b"0003",
    "a length beyond the end": b"fff0" + FIRST,
    "a negative length": b"-001" + FIRST,
    "a length with a prefix": b"0x10" + FIRST,
    "a length with a space": b" 010" + FIRST,
    "no flush": pkt(FIRST),
    "a delimiter": pkt(FIRST) + b"0001",
    "a response end": pkt(FIRST) + b"0002",
    "an empty command": pkt(b"") + b"0000",
    "a command of 80 spaces": pkt(b" " * 90) + b"0000",
    "ids of 39 digits": pkt(b"0" * 39 + b" " + b"1" * 39 + b" refs/heads/guest/x\0") + b"0000",
    "ids of letters": pkt(command(b"z" * 40)) + b"0000",
    "two zero ids": pkt(command(ZERO) + b"\0 " + CAPABILITIES) + b"0000",
    "no space": pkt(b"0" * 100) + b"0000",
    "a ref twice": pkt(FIRST) + pkt(command(NEW)) + b"0000",
    "capabilities twice": pkt(FIRST) + pkt(command(NEW, b"refs/heads/guest/y") + b"\0 atomic") +
                          b"0000",
    "a capability that was not offered": pkt(command(NEW) + b"\0 push-cert=x") + b"0000",
    "another hash": pkt(command(NEW) + b"\0 object-format=sha256") + b"0000",
    "a push certificate": pkt(b"push-cert\0 " + CAPABILITIES) + b"0000",
    "a shallow line of noise": pkt(b"shallow x") + pkt(FIRST) + b"0000",
    "a thousand and one refs": pkt(FIRST) + b"".join(
        pkt(command(NEW, b"refs/heads/guest/%d" % n)) for n in range(1001)) + b"0000",
    "capabilities of sixty kilobytes": pkt(command(NEW) + b"\0 " + b"a" * 60_000) + b"0000",
    "four megabytes of shallow lines": pkt(b"shallow " + UNKNOWN) * 90_000 + pkt(FIRST) + b"0000",
    "noise": hashlib.shake_128(b"x").digest(50_000),
    "HTML": b"<html>" * 1000,
}


@check_each(COMMANDS)
def commands_that_are_wrong_are_refused(body):
    before = refs_of()
    for tail in (b"", plain()[1].bytes()):
        expect_refused(push_bytes(body + tail), before)


OPTIONS = {
    "a newline": [b"dry-run\nentry: 1"], "an escape": [b"\x1b]0;owned\x07"], "NUL": [b"a\0b"],
    "CR": [b"a\rb"], "DEL": [b"\x7f"], "not UTF-8": [b"\xff"], "too long": [b"a" * 1025],
    "too many": [b"a"] * 33,
}


def push_with_options(new, pack, options, ref):
    body = pkt(command(new, ref) + b"\0 push-options " + CAPABILITIES) + b"0000"
    return push_bytes(body + b"".join(pkt(option) for option in options) + b"0000" + pack.bytes())


@check_each(OPTIONS)
def push_options_that_are_wrong_are_refused(options):
    before = refs_of()
    new, pack = plain()
    expect_refused(push_with_options(new, pack, options, new_ref()), before)


@check
def push_options_without_an_end_are_refused():
    before = refs_of()
    body = pkt(command(NEW) + b"\0 push-options " + CAPABILITIES) + b"0000"
    expect_refused(push_bytes(body + pkt(b"a")), before)
    expect_refused(push_bytes(body + b"0001"), before)


@check
def a_push_option_reaches_no_program():
    new, pack = plain()
    touched = WORK / "touched"
    options = [b"--upload-pack=touch %s" % str(touched).encode(), b"$(touch %s)" %
               str(touched).encode(), b"; touch %s" % str(touched).encode(), b"core.hooksPath=/tmp"]
    report = push_with_options(new, pack, options, b"refs/heads/guest/options")
    assert report.answer.status == 200 and not touched.exists(), report


@check
def a_push_that_never_ends_is_cut_at_the_first_wrong_packet():
    endless = itertools.chain(
        [head("POST", RECEIVE, "mallory", ["Transfer-Encoding: chunked"])],
        chunked(itertools.repeat(pkt(FIRST) * 300, 500)))
    expect_problem(exchange(endless, "POST"), 400, 413)


@check
def a_push_without_a_token_or_to_nowhere_is_refused():
    new, pack = plain()
    body = pkt(command(new) + b"\0 " + CAPABILITIES) + b"0000" + pack.bytes()
    before = refs_of()
    expect_problem(request("POST", RECEIVE, None, body), 401)
    expect_problem(request("POST", RECEIVE, "reconciler", body), 403)
    for name in ("nowhere", "system", "..", "%2e%2e", "platform.git/../system", "platform%2f..",
                 "platform%00", "a" * 300, "PLATFORM", "platform/", "-x"):
        expect_refused(Report(request("POST", f"/git/{name}.git/git-receive-pack", "mallory",
                                      body)), before)


# --- fetching -----------------------------------------------------------------------------------


def is_refusal(answer):
    """A problem, or an answer whose only content is git's word for a refusal."""
    assert answer is not None, "the connection ended without an answer"
    assert not answer.cut, f"the answer breaks off, and says nothing: {answer}"
    if answer.status == 200:
        assert re.match(rb"[0-9a-f]{4}ERR ", answer.body) and b"PACK" not in answer.body, answer
        expect_printable(answer.body[8:].decode())
    else:
        expect_problem(answer)


def want(oid, capabilities=b""):
    return pkt(b"want " + oid + capabilities + b"\n")


def fetch_v2(*arguments):
    return pkt(b"command=fetch") + b"0001" + b"".join(map(pkt, arguments)) + b"0000"


@check_each({
    "nothing": b"", "a flush": b"0000", "letters": b"zzzz", "a length of three": b"0003",
    "a length beyond the end": b"ffffwant", "noise": hashlib.shake_128(b"y").digest(50_000),
    "a want of noise": pkt(b"want x") + b"0000",
    "a want of 39": pkt(b"want " + b"1" * 39) + b"0000",
    "a want with a path": pkt(b"want ../../etc/passwd") + b"0000",
    "an unknown line": want(UNKNOWN) + pkt(b"evil") + b"0000",
    "another hash": want(UNKNOWN, b" object-format=sha256") + b"0000",
    "an escape": pkt(b"\x1b[2J\x1b]0;owned\x07") + b"0000",
    "v2: no command": pkt(b"agent=x") + b"0000", "v2: escape": pkt(b"command=\x1b[2J") + b"0000",
    "v2: an unknown command": pkt(b"command=object-info") + b"0000",
    "v2: bundle-uri": pkt(b"command=bundle-uri") + b"0000",
    "v2: a command twice": pkt(b"command=fetch") + pkt(b"command=evil") + b"0000",
    "v2: after its end": fetch_v2(b"done") + b"0000",
    "v2: want-ref": fetch_v2(b"want-ref refs/heads/audit", b"done"),
    "v2: packfile-uris": fetch_v2(b"packfile-uris https", b"done"),
    "v2: an escape": fetch_v2(b"want \x1b[2J"),
    "v2: ls-refs of noise": pkt(b"command=ls-refs") + b"0001" + pkt(b"\0\1\2") + b"0000",
})
def a_fetch_request_that_is_wrong_is_refused(body):
    for headers in ([], V2, ["Git-Protocol: version=1"], ["Git-Protocol: " + "version=9:" * 800]):
        expect_problem(request("POST", UPLOAD, "mallory", body, headers))
        expect_problem(request("POST", UPLOAD, None, body, headers))


@check_each({"unknown": UNKNOWN, "hidden": HIDDEN, "zero": ZERO})
def a_want_that_is_not_readable_is_refused(oid):
    for capabilities in (b"", b" side-band-64k ofs-delta"):
        is_refusal(request("POST", UPLOAD, "mallory", want(oid, capabilities) + b"0000" +
                           pkt(b"done\n")))
    is_refusal(request("POST", UPLOAD, "mallory", fetch_v2(b"want " + oid, b"done"), V2))


@check
def a_hidden_want_answers_like_an_unknown_one():
    def answers(oid):
        for body, headers in ((want(oid) + b"0000" + pkt(b"done\n"), []),
                              (fetch_v2(b"want " + oid, b"done"), V2)):
            answer = request("POST", UPLOAD, "mallory", body, headers)
            yield answer.status, answer.body.replace(oid, b"OID")
    assert list(answers(HIDDEN)) == list(answers(UNKNOWN))


@check
def eight_megabytes_of_wants_are_refused():
    wants = want(UNKNOWN) * 160_000
    expect_problem(request("POST", UPLOAD, "mallory", wants + b"0000" + pkt(b"done\n")), 400)
    arguments = [b"want " + UNKNOWN] * 160_000
    expect_problem(request("POST", UPLOAD, "mallory", fetch_v2(*arguments), V2), 400)


@check
def wants_without_end_are_cut_at_the_limit():
    endless = itertools.chain(
        [head("POST", UPLOAD, "mallory", ["Transfer-Encoding: chunked"])],
        chunked(itertools.repeat(want(UNKNOWN) * 1000, 2000)))
    expect_problem(exchange(endless, "POST"), 413)


@check
def eight_megabytes_of_haves_and_prefixes_are_answered():
    good = good_want()
    haves = b"".join(pkt(b"have %040x\n" % number) for number in range(1, 150_000))
    answer = request("POST", UPLOAD, "mallory", want(good) + b"0000" + haves + pkt(b"done\n"))
    assert answer.status == 200 and b"PACK" in answer.body, answer
    prefixes = b"".join(pkt(b"ref-prefix refs/heads/%d" % n) for n in range(200_000))
    answer = request("POST", UPLOAD, "mallory",
                     pkt(b"command=ls-refs") + b"0001" + prefixes + b"0000", V2)
    assert answer.status == 200, answer


def good_want():
    """A commit that mallory may read."""
    new, pack = plain()
    assert push(new, pack).accepted
    return new


def fetches_with(argument):
    """By both protocols: a fetch of what mallory may read, and `argument`."""
    good = good_want()
    body = want(good, b" shallow filter deepen-since deepen-not") + pkt(argument + b"\n") + \
        b"0000" + pkt(b"done\n")
    yield request("POST", UPLOAD, "mallory", body)
    yield request("POST", UPLOAD, "mallory", fetch_v2(b"want " + good, argument, b"done"), V2)


@check_each({"deepen too much": b"deepen 99999999999999999999", "deepen less": b"deepen -1",
             "deepen a word": b"deepen x", "deepen since a word": b"deepen-since x",
             "deepen nothing": b"deepen "})
def a_depth_that_is_no_number_is_refused(argument):
    for answer in fetches_with(argument):
        is_refusal(answer)


@check_each({"deepen-not": b"deepen-not refs/heads/audit", "filter": b"filter blob:none",
             "sparse": b"filter sparse:oid=" + HIDDEN,
             "nested": b"filter " + b"combine:" * 500 + b"blob:none"})
def a_filter_is_refused_to_who_does_not_see_everything(argument):
    for answer in fetches_with(argument):
        is_refusal(answer)


@check
def a_shallow_line_reveals_nothing():
    for oid in (HIDDEN, UNKNOWN):
        for answer in fetches_with(b"shallow " + oid):
            assert answer is not None and answer.status < 500 and not answer.cut, answer
            assert b"replicas: 0" not in answer.body and HIDDEN not in answer.body, answer


@check
def refs_that_are_hidden_are_in_no_advertisement():
    for headers in ([], V2, ["Git-Protocol: version=1"]):
        for service in ("git-upload-pack", "git-receive-pack"):
            answer = request("GET", f"{GIT}/info/refs?service={service}", "mallory", None, headers)
            assert answer.status == 200 and HIDDEN not in answer.body, answer
            assert b"refs/heads/audit" not in answer.body, answer
    for service in ("git-upload-archive", "git-receive-pack%00", "../../etc/passwd", "", "x"):
        expect_problem(request("GET", f"{GIT}/info/refs?service={service}", "mallory"))
    expect_problem(request("GET", f"{GIT}/info/refs", "mallory"))
    for path in ("/HEAD", "/config", "/objects/info/packs", "/objects/info/alternates",
                 "/refs/heads/audit", "/info/../config", "/info/%2e%2e/config"):
        expect_problem(request("GET", GIT + path, "mallory"), 400, 404)


run()
