"""Hostile REST: every operation of schemas/openapi.json with wrong parameters and bodies.

The document is also held against the server and against the routes in its source.
"""

import json
import re
from urllib.parse import quote

from hostile_client import (SOURCE, check, check_each, control, exchange, expect_problem, head,
                            request, run)

DOCUMENT = json.loads((SOURCE / "schemas" / "openapi.json").read_text())
MIB = 1 << 20
CONTROL = ("/v1/fsck", "/v1/reindex")  # over the control socket only

# A value for each parameter with which its operation has something to answer.
GOOD = {"repository": "platform", "ref": "refs/heads/audit", "version": "1", "from": "1", "to": "1",
        "number": "3", "index": "0", "id": "tok_0000000000000000", "path": "0/000.p/1",
        "service": "git-upload-pack", "since": "2026-01-01T00:00:00Z", "limit": "5", "verdict":
        "approve", "state": "open"}
# The values of these strings are a closed set or have a grammar.
CLOSED = {"state", "outcome", "type", "until", "cursor", "verdict", "service"}
BODY = {"flow": "deploy", "repository": "platform", "ref": "refs/heads/audit", "commit": "1" * 40,
        "title": "t", "message": "m", "path": "app.yaml", "line": 1, "identity": "mallory",
        "expires": "1h", "scope": "read", "at": "2026-01-01T00:00:00Z", "repairRefs": False,
        "envelope": {"payload": "e30=", "payloadType": "x", "signatures": []}}


class Operation:
    def __init__(self, method, path, words):
        self.method, self.path = method.upper(), path
        self.parameters = {p["name"]: p for p in words.get("parameters", [])}
        content = words.get("requestBody", {}).get("content", {})
        self.schema = content.get("application/json", {}).get("schema")
        self.name = f"{self.method} {path}"

    def target(self, values=(), leave_out=None):
        """Its path and query with good values for what is required, and `values`."""
        chosen = {name: GOOD[name] for name, p in self.parameters.items() if p["required"]}
        chosen.update(values)
        chosen.pop(leave_out, None)
        path, query = self.path, []
        for name, value in chosen.items():
            if self.parameters[name]["in"] == "path":
                path = path.replace("{" + name + "}", value)
            else:
                query.append(f"{name}={value}")
        return path + ("?" + "&".join(query) if query else "")

    def ask(self, target, body=None):
        """As an administrator, or the host's operator: nobody reaches more."""
        if self.path in CONTROL:
            return control(self.method, target, body or b"")
        return request(self.method, target, "alice", body)


OPERATIONS = [Operation(method, path, words) for path, item in DOCUMENT["paths"].items()
              for method, words in item.items() if method != "parameters"]
BY_NAME = {operation.name: operation for operation in OPERATIONS}
WITH_BODY = {operation.name: operation for operation in OPERATIONS if operation.schema}
WITH_PARAMETERS = {operation.name: operation for operation in OPERATIONS if operation.parameters}


def is_no_route(answer):
    return answer.status in (404, 405) and b"routing the request" in answer.body


# --- the document -------------------------------------------------------------------------------


@check
def the_server_serves_this_document():
    answer = request("GET", "/openapi.json")
    assert answer.status == 200 and answer.json() == DOCUMENT


@check_each(BY_NAME)
def what_is_documented_exists(operation):
    # A body that no operation takes, so that nothing happens.
    body = b"[]" if operation.method == "POST" else None
    answer = operation.ask(operation.target(), body)
    assert answer is not None and not is_no_route(answer), answer
    assert answer.status < 500, answer


@check
def every_route_in_the_source_is_documented():
    call = re.compile(r"\b(?:add\(Method::k(\w+),\s*|(get|post)\()\"(/[^\"]*)\"")
    routes = set()
    for file in sorted((SOURCE / "api" / "http").glob("*_routes.cc")):
        for match in call.finditer(file.read_text()):
            path = re.sub(r"\{(\w+)\.\.\.\}", r"{\1}", match[3])
            path = path.replace("/git/{repository}/", "/git/{repository}.git/")
            routes.add(f"{(match[1] or match[2]).upper()} {path}")
    assert len(routes) > 30, routes
    assert routes == set(BY_NAME), f"only in one of both: {sorted(routes ^ set(BY_NAME))}"


@check
def a_refusal_has_every_member_that_the_document_promises():
    promised = DOCUMENT["components"]["schemas"]["Problem"]["required"]
    for answer in (request("GET", "/nowhere"), request("GET", "/v1/repository", "alice"),
                   request("GET", "/v1/whoami"), request("GET", "/v1/promotions/999", "alice"),
                   request("POST", "/v1/promotions", "alice", b"["),
                   request("POST", "/v1/promotions/3/merge", "alice", b"{}")):
        expect_problem(answer)
        missing = [name for name in promised if name not in answer.json()]
        assert not missing, f"{missing} missing in {answer}"


@check
def control_routes_do_not_exist_over_TCP():
    for path in CONTROL:
        for person in (None, "mallory", "alice"):
            answer = request("POST", path, person, b"{}")
            expect_problem(answer, 404)
            assert is_no_route(answer), answer


@check_each(BY_NAME)
def another_method_is_refused(operation):
    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        if f"{method} {operation.path}" not in BY_NAME:
            answer = control(method, operation.target()) if operation.path in CONTROL else \
                request(method, operation.target(), "alice")
            expect_problem(answer, 405)


@check_each({name: operation for name, operation in BY_NAME.items()
             if operation.path not in CONTROL})
def without_a_token_nothing_breaks(operation):
    answer = request(operation.method, operation.target())
    assert answer is not None and answer.status < 500, answer
    if answer.status >= 400:
        expect_problem(answer)
    elif operation.path.startswith(("/v1/promotions", "/v1/tokens", "/v1/entries", "/v1/whoami")):
        raise AssertionError(answer)


# --- parameters ---------------------------------------------------------------------------------


NO_NUMBERS = ["x", "-1", "%2B1", "1.5", "1e3", "0x1", "%201", "1%20", "01", "1_000", "",
              "9223372036854775808", "18446744073709551616", "9" * 400, "%D9%A1", "NaN", "null"]
NO_WORDS = ["nonsense", "%1b[2J", "%e2%80%ae", "a" * 5000, "open'--", "*"]
TRAVERSALS = ["..", "../..", "../../../../etc/passwd", "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
              "..%2f..%2fetc%2fpasswd", "%252e%252e%252fetc", "/etc/passwd", "%2fetc%2fpasswd",
              "....//....//etc/passwd", "..%5c..%5cetc", "%c0%ae%c0%ae/etc", "platform/../system",
              "platform%00.git", "refs/heads/../../config", "refs/heads/audit/../deploy",
              "file:///etc/passwd", "~root", "$HOME", "-x", "--upload-pack=x", "platform.git",
              "PLATFORM", "a/" * 100, "system/.", "./platform", "%0a", "%0d%0aX-Evil:1", "%1b%5b2J"]


@check_each(WITH_PARAMETERS)
def a_parameter_that_is_missing_is_refused(operation):
    for name, parameter in operation.parameters.items():
        if parameter["required"] and parameter["in"] == "query":
            expect_problem(operation.ask(operation.target(leave_out=name)), 400)


@check_each(WITH_PARAMETERS)
def a_parameter_that_is_wrong_is_refused(operation):
    body = b"[]" if operation.schema else None
    for name, parameter in operation.parameters.items():
        if parameter["schema"]["type"] == "integer":
            wrong = NO_NUMBERS
        elif name in CLOSED:
            wrong = NO_WORDS
        else:
            continue
        for value in wrong:
            expect_problem(operation.ask(operation.target({name: value}), body), 400, 403, 404)


@check_each(WITH_PARAMETERS)
def a_parameter_given_twice_is_refused(operation):
    for name, parameter in operation.parameters.items():
        if parameter["in"] == "query":
            value = GOOD.get(name, "x")
            target = operation.target({name: value})
            expect_problem(operation.ask(f"{target}&{name}={value}"), 400)


@check_each(WITH_PARAMETERS)
def a_path_that_leads_elsewhere_reaches_nothing(operation):
    body = b"0000" if operation.path.startswith("/git/") and operation.method == "POST" else None
    for name, parameter in operation.parameters.items():
        for value in TRAVERSALS:
            if parameter["in"] == "query":
                value = quote(value, safe="%")
            answer = operation.ask(operation.target({name: value}), body)
            assert answer is not None and answer.status < 500, (value, answer)
            assert answer.header("x-evil") is None, answer
            for leak in (b"root:", b"[core]", b"BEGIN OPENSSH"):
                assert leak not in answer.body, (value, answer)
            if answer.status >= 400:
                expect_problem(answer)
            elif parameter["in"] == "path" or name in ("repository", "ref"):
                # A list may be asked for what does not exist; then it is empty.
                listed = [v for v in answer.json().values() if isinstance(v, list)]
                assert operation.path in ("/v1/entries", "/v1/promotions") and listed == [[]], \
                    (value, answer)


@check
def paths_that_are_no_routes_reach_nothing():
    for path in ("//", "/.", "/..", "/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/v1",
                 "/v1/../trust.json", "/v1//server", "/v1/server/", "/log/tile/../checkpoint",
                 "/log/tile/..%2f..%2fkeys%2flog", "/log/tile/entries/000/../../../keys/log",
                 "/git/../keys/log", "/git/.git/info/refs", "/git/a/../platform.git/info/refs",
                 "/keys/log", "/ledger.db", "/control.sock", "/git/" + "a/" * 2000 + "info/refs",
                 "/" + "%2e" * 2000, "/v1/promotions/" + "1/" * 1000):
        expect_problem(request("GET", path, "alice"), 400, 404)


@check
def a_hundred_thousand_characters_of_query_are_refused():
    expect_problem(request("GET", "/v1/entries?" + "&".join(f"a{n}=1" for n in range(500)),
                           "alice"), 400)
    expect_problem(request("GET", "/v1/entries?text=" + "a" * 100_000, "alice"), 414)
    for text in ('"', "'", "NEAR(", "*", "^", "a AND", "OR OR", "{", "col:x", "%00", "%ff", "((((",
                 '" OR 1=1 --', "a" * 7000, "-" * 5000, '"' * 5001, "%20" * 2000):
        answer = request("GET", f"/v1/entries?text={quote(text, safe='%')}", "alice")
        assert answer is not None and answer.status < 500, (text, answer)


# --- bodies -------------------------------------------------------------------------------------


WRONG = {
    "string": [1, 1.5, True, [], {}, ["x"], {"x": 1}],
    "integer": ["x", "1", 1.5, True, [], {}, -1, 1 << 63, 1e400, -(1 << 63)],
    "boolean": [0, 1, "true", [], {}],
    "object": [1, "x", True, [], {}, {"payload": 1}, {"payload": "%%%", "payloadType": "x",
                                                       "signatures": []},
               {"payload": "e30=", "payloadType": "x", "signatures": 1},
               {"payload": "e30=", "payloadType": "x", "signatures": [1]},
               {"payload": "e30=", "payloadType": "x", "signatures": [{"keyid": 1, "sig": []}]},
               {"payload": "e30=", "payloadType": "x", "signatures": [{}] * 10_000}],
}
NO_IDS = ["", "1" * 39, "1" * 41, "g" * 40, "HEAD", "refs/heads/audit", "-x", "1" * 39 + "\n"]


def type_of(schema):
    """(its type, whether null is one of its values)"""
    kinds = schema.get("type", "object")
    kinds = kinds if isinstance(kinds, list) else [kinds]
    return next(kind for kind in kinds if kind != "null"), "null" in kinds


def good_body(operation):
    return {name: BODY[name] for name in operation.schema["properties"]}


def wrong_bodies(operation):
    schema, good = operation.schema, good_body(operation)
    for name in schema.get("required", []):
        yield {k: v for k, v in good.items() if k != name}
    for name, rule in schema["properties"].items():
        kind, nullable = type_of(rule)
        for value in WRONG[kind] + ([] if nullable else [None]):
            yield good | {name: value}
        if "pattern" in rule:
            for value in NO_IDS:
                yield good | {name: value}
    yield good | {"unknown": 1}
    yield good | {"__proto__": {}}


@check_each(WITH_BODY)
def a_member_that_is_wrong_is_refused(operation):
    for body in wrong_bodies(operation):
        answer = operation.ask(operation.target(), json.dumps(body).encode())
        assert answer is not None and 400 <= answer.status < 500, (body, answer)
        expect_problem(answer)


def texts(good):
    """Bodies that are no JSON of the kind that is asked for."""
    whole = json.dumps(good).encode()
    return {
        "a list": b"[]", "a string": b'"x"', "a number": b"1", "null": b"null", "cut off": b'{"a":',
        "two": b"{}{}", "garbage behind": whole + b"x", "a comment": b"/**/" + whole,
        "a trailing comma": b'{"a":1,}', "single quotes": b"{'a':1}", "NaN": b'{"a":NaN}',
        "a byte order mark": b"\xef\xbb\xbf" + whole, "UTF-16": whole.decode().encode("utf-16"),
        "not UTF-8": b'{"message":"\xff\xfe","title":"\xff","identity":"\xff"}',
        "an overlong form": b'{"message":"\xc0\xaf"}', "a surrogate": b'{"message":"\xed\xa0\x80"}',
        "an escaped surrogate alone": b'{"message":"\\ud800"}', "a control byte": b'{"a":"\x01"}',
        "NUL": b'{"a":"\0"}', "a name twice": b'{"flow":"deploy","flow":"deploy","message":"a",'
        b'"message":"b","commit":"1","commit":"2"}',
        "an escaped name twice": b'{"message":"a","\\u006dessage":"b"}',
        "a hundred thousand lists": b"[" * 100_000,
        "a hundred thousand objects": b'{"message":' * 80_000,
        "deep and closed": b'{"message":' + b"[" * 5000 + b"]" * 5000 + b"}",
        "a number of a million digits": b'{"line":' + b"9" * (MIB - 100) + b"}",
        "an exponent": b'{"line":1e999999999}',
        "a hundred thousand names": json.dumps({str(n): n for n in range(60_000)}).encode(),
        "over a megabyte": b'{"message":"' + b"a" * MIB + b'"}',
    }


@check_each(WITH_BODY)
def a_text_that_is_wrong_is_refused(operation):
    for name, text in texts(good_body(operation)).items():
        answer = operation.ask(operation.target(), text)
        assert answer is not None and 400 <= answer.status < 500, (name, answer)
        expect_problem(answer)


@check
def text_too_long_or_with_controls_is_refused_or_kept_as_text():
    for path, body in (("/v1/promotions/3/comments", {"message": "a" * 20_000}),
                       ("/v1/promotions/3/comments", {"message": ""}),
                       ("/v1/promotions/3/comments", {"message": "m", "path": "../../etc/passwd"}),
                       ("/v1/promotions/3/comments", {"message": "m", "path": "/etc", "line": 1}),
                       ("/v1/promotions", {"flow": "../../x"}), ("/v1/promotions", {"flow": "x\0"}),
                       ("/v1/promotions", {"flow": "deploy", "title": "t" * 500_000}),
                       ("/v1/promotions", {"flow": "deploy", "repository": "../system"}),
                       ("/v1/promotions", {"flow": "deploy", "ref": "refs/../x"}),
                       ("/v1/tokens", {"identity": "../alice"}),
                       ("/v1/tokens", {"identity": "alice", "expires": "-1h"}),
                       ("/v1/tokens", {"identity": "alice", "expires": "9" * 30 + "d"}),
                       ("/v1/tokens", {"identity": "alice", "repository": "*" * 5000})):
        answer = request("POST", path, "alice", json.dumps(body).encode())
        assert answer is not None and 400 <= answer.status < 500, (body, answer)


@check
def an_idempotency_key_is_bounded_and_bound_to_its_request():
    path = "/v1/promotions/3/comments"
    for key in ("", "a" * 201):
        expect_problem(request("POST", path, "alice", b'{"message":"m"}',
                               [f"Idempotency-Key: {key}"]), 400)
    key = ["Idempotency-Key: ../../x"]
    first = request("POST", path, "alice", b'{"message":"once"}', key)
    assert first.status in (200, 201), first
    again = request("POST", path, "alice", b'{"message":"once"}', key)
    assert again.status in (200, 201) and again.body == first.body, again
    expect_problem(request("POST", path, "alice", b'{"message":"other"}', key), 409)
    # Another caller's answer is not handed out: mallory does not see this promotion.
    expect_problem(request("POST", path, "mallory", b'{"message":"once"}', key), 403, 404)


@check_each({"mallory": "mallory", "reconciler": "reconciler"})
def a_token_of_little_scope_does_and_reads_nothing_more(person):
    own = request("GET", "/v1/tokens", person).json()["tokens"]
    assert {token["identity"] for token in own} == {person}, own
    hidden = ["/v1/entries", "/v1/entries/0", "/v1/promotions/3",
              "/v1/promotions/3/changes", "/v1/promotions/3/statement",
              "/v1/repository?repository=system",
              "/v1/versions?repository=platform&ref=refs/heads/audit",
              "/v1/version?repository=platform&ref=refs/heads/audit&version=1",
              "/v1/diff?repository=platform&ref=refs/heads/audit&from=1&to=2",
              "/v1/snapshot?repository=platform&ref=refs/heads/audit",
              "/v1/archive?repository=platform&ref=refs/heads/audit&version=1",
              "/log/tile/entries/000.p/1"]
    for target in hidden:
        expect_problem(request("GET", target, person), 403, 404)
    for path, body in (("/v1/tokens", {"identity": "alice", "scope": "admin"}),
                       ("/v1/promotions/3/merge", {}), ("/v1/promotions/3/close", {}),
                       ("/v1/promotions", {"flow": "deploy"}),
                       ("/v1/promotions", {"flow": "system"}),
                       ("/v1/policy/explain", {"repository": "system", "ref": "refs/heads/deploy",
                                               "commit": "1" * 40})):
        answer = request("POST", path, person, json.dumps(body).encode())
        expect_problem(answer, 403, 404)


@check
def a_request_of_no_content_type_or_a_wrong_one_breaks_nothing():
    for kind in ("text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=",
                 "application/json; charset=utf-16", "a" * 5000):
        answer = request("POST", "/v1/promotions", "alice", b"a=b", [f"Content-Type: {kind}"])
        expect_problem(answer)
    expect_problem(exchange(head("POST", "/v1/promotions", "alice", ["Content-Length: 0"])), 400)


run()
