"""What a server of ours says of itself, read with the libraries of others.

    identity.py --base URL --origin URL --schema FILE --folder FOLDER

fetches the documents of a running server, validates them, verifies their signatures with a2a-sdk and PyJWT, and writes
cards that a2a-sdk has signed into the folder, for ours to verify. One JSON line for each step, as clients do.
"""

import argparse
import base64
import hashlib
import json
import pathlib
import sys
import urllib.error
import urllib.request

import jsonschema
import jwt
from a2a.types import AgentCard
from a2a.utils._jcs import canonicalize
from a2a.utils.signing import (
    InvalidSignaturesError,
    create_agent_card_signer,
    create_signature_verifier,
)
from cryptography.hazmat.primitives.asymmetric import ec
from google.protobuf.json_format import MessageToDict, ParseDict

CARD = "/mcp/server-card"
CATALOG = "/.well-known/ai-catalog.json"
AGENT = "/.well-known/agent-card.json"
DID = "/.well-known/did.json"
TYPES = {
    CARD: "application/mcp-server-card+json",
    CATALOG: "application/ai-catalog+json",
    AGENT: "application/json",
    DID: "application/did+json",
}

arguments = argparse.ArgumentParser()
for name in ("base", "origin", "schema", "folder"):
    arguments.add_argument(f"--{name}", required=True)
arguments = arguments.parse_args()
folder = pathlib.Path(arguments.folder)


def ask(path, method="GET", **headers):
    request = urllib.request.Request(arguments.base + path, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def check(found, expected):
    if found != expected:
        raise AssertionError(f"{found!r}, rather than {expected!r}")


def document(path):
    return json.loads(ask(path)[2])


def headers():
    for path, kind in TYPES.items():
        status, found, body = ask(path)
        check((status, found["content-type"]), (200, kind))
        check(found["access-control-allow-origin"], "*")
        check(found["access-control-expose-headers"], "ETag, Link")
        check(found["link"], f'<{arguments.origin}{CATALOG}>; rel="ai-catalog"')
        assert found["cache-control"].startswith("public, max-age="), found["cache-control"]
        etag = found["etag"]
        assert etag.startswith('"'), f"{etag} is no strong tag"

        status, again, nothing = ask(path, **{"If-None-Match": etag})
        check((status, nothing, again["etag"]), (304, b"", etag))
        status, again, nothing = ask(path, "HEAD")
        check((status, nothing, again["content-length"]), (200, b"", str(len(body))))
        status, again, _ = ask(path, "POST")
        check((status, again["allow"]), (405, "GET, HEAD, OPTIONS"))
        status, again, _ = ask(path, "OPTIONS", Origin="https://a.example")
        check((status, again["access-control-allow-methods"]), (204, "GET"))


def card_schema():
    schema = json.loads(pathlib.Path(arguments.schema).read_text())
    validator = jsonschema.Draft202012Validator(
        {"$ref": "#/$defs/ServerCard", "$defs": schema["$defs"]},
        format_checker=jsonschema.FormatChecker(),
    )
    card = document(CARD)
    validator.validate(card)
    del card["name"]
    assert not validator.is_valid(card), "the schema accepts a card without a name"


def read_card(card):
    """Refuses members that A2A does not have."""
    return ParseDict(card, AgentCard())


def agent_card_form():
    card = document(AGENT)
    check(MessageToDict(read_card(card))["name"], card["name"])


def keys():
    document_ = document(DID)
    methods = {method["id"]: method for method in document_["verificationMethod"]}
    return {name: jwt.PyJWK(methods[name]["publicKeyJwk"], "ES256") for name in document_["assertionMethod"]}


def verify_theirs(card):
    create_signature_verifier(lambda kid, _: keys()[kid], ["ES256"])(read_card(card))


def agent_card_signature():
    card = document(AGENT)
    verify_theirs(card)
    card["description"] += "."
    try:
        verify_theirs(card)
    except InvalidSignaturesError:
        return
    raise AssertionError("a changed card is accepted")


def verify_jws(jws, payload, kind):
    """A detached JWS, by PyJWT."""
    header, nothing, signature = jws.split(".")
    check(nothing, "")
    encoded = base64.urlsafe_b64encode(canonicalize(payload).encode()).decode().rstrip("=")
    token = f"{header}.{encoded}.{signature}"
    found = jwt.get_unverified_header(token)
    check(found["typ"], kind)
    jwt.api_jws.decode(token, keys()[found["kid"]].key, algorithms=["ES256"])


def unsigned(signed):
    payload = json.loads(json.dumps(signed))
    return payload["signature"].pop("jws"), payload


def catalog_signatures():
    catalog = document(CATALOG)
    jws, payload = unsigned(catalog)
    verify_jws(jws, payload, "ai-catalog+jws")
    check(catalog["host"]["identifier"], catalog["signature"]["signer"])
    for entry in catalog["entries"]:
        (manifest,) = entry["trustManifests"]
        jws, payload = unsigned(manifest)
        verify_jws(jws, payload, "ai-catalog-trust-manifest+jws")
        path = entry["url"].removeprefix(arguments.origin)
        digest = "sha256:" + hashlib.sha256(ask(path)[2]).hexdigest()
        check((entry["digest"], manifest["subject"]["digest"]), (digest, digest))


def sign():
    """Cards for ours: a plain one, and one with empty members, which the SDK leaves out of what it signs."""
    private = ec.generate_private_key(ec.SECP256R1())
    public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(private.public_key()))
    (folder / "python.jwk").write_text(json.dumps(public))
    plain = {
        "name": "Wetter",
        "description": "Vorhersagen für Orte: €, 𝄞, \u2028 und \"mehr\".",
        "supportedInterfaces": [
            {"url": "https://a.example/a2a", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        ],
        "version": "1.0.0",
        "capabilities": {
            "streaming": False,
            "extensions": [{"uri": "urn:x:y", "required": True, "params": {"b": 1.5e300, "a": [1, 0.1], "é": True}}],
        },
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [{"id": "f", "name": "F", "description": "F", "tags": ["t"]}],
    }
    empty = {**plain, "description": "", "capabilities": {}}
    signer = create_agent_card_signer(private, {"alg": "ES256", "kid": "python", "typ": "JOSE"})
    for name, card in (("plain", plain), ("empty", empty)):
        signature = MessageToDict(signer(read_card(card)))["signatures"]
        text = json.dumps({**card, "signatures": signature}, ensure_ascii=False, indent=1)
        (folder / f"python-{name}.json").write_text(text, encoding="utf-8")


def main():
    failed = False
    for step in (headers, card_schema, agent_card_form, agent_card_signature, catalog_signatures, sign):
        line = {"step": step.__name__.replace("_", "-"), "ok": True}
        try:
            step()
        except Exception as error:
            failed = True
            line |= {"ok": False, "error": f"{type(error).__name__}: {error}"}
        print(json.dumps(line), flush=True)
    sys.exit(failed)


main()
