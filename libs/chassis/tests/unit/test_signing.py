"""Signed actors: who is believed, who is not, and what believing costs."""

import base64
import json
import time
import uuid

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given
from hypothesis import strategies as st

from chassis import commands, signing
from chassis.context import Actor
from chassis.errors import Forbidden
from chassis.signing import (
    ActorSigner,
    ActorVerifier,
    MalformedKey,
    SigningKey,
    read_signing_key,
    read_verifying_keys,
)
from chassis.testing import wait_until

GATEWAY, IMPORT = SigningKey.generate("gateway"), SigningKey.generate("import")
PERSON = Actor(uuid.uuid4(), uuid.uuid4(), frozenset({"admin"}))


def claims(**changes):
    now = int(time.time())
    good = {
        "iss": "gateway",
        "sub": str(PERSON.user_id),
        "org": str(PERSON.organization_id),
        "roles": ["admin"],
        "iat": now,
        "exp": now + 60,
    }
    changed = {**good, **changes}
    return {name: value for name, value in changed.items() if value is not None}


def token(key=GATEWAY, key_id=None, algorithm="EdDSA", secret=None, **changes):
    headers = {"kid": key_id or key.id}
    return jwt.encode(claims(**changes), secret or key.key, algorithm, headers=headers)


def part(content):
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def unsigned(algorithm):
    return f"{part({'alg': algorithm, 'kid': GATEWAY.id})}.{part(claims())}."


def tampered(**changes):
    head, _, signature = token().split(".")
    return f"{head}.{part(claims(**changes))}.{signature}"


def test_a_good_token_says_whom_it_is_for():
    assert ActorVerifier([GATEWAY.public]).verify(token()) == PERSON


PUBLIC_RAW = GATEWAY.key.public_key().public_bytes_raw()
PUBLIC_PEM = GATEWAY.key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
NOW = int(time.time())


@pytest.mark.parametrize(
    "bad",
    [
        None, 5, "", "x", "a.b.c", "..", "\N{SNOWMAN}", "\ud800", b"bytes", "x" * 100_000, "null", "[]", "{}",
        json.dumps({"user_id": str(PERSON.user_id), "organization_id": str(PERSON.organization_id), "roles": []}),
        unsigned("none"), unsigned("None"), unsigned("EdDSA"), unsigned("HS256"),
        tampered(roles=["owner"]), tampered(org=str(uuid.uuid4())),
        token(SigningKey.generate("gateway"), GATEWAY.id), token(SigningKey.generate("gateway")),
        token(IMPORT), token(IMPORT, iss="import"), token(iss="import"), token(iss=None),
        token(algorithm="HS256", secret=PUBLIC_RAW), token(algorithm="HS256", secret=PUBLIC_RAW.hex()),
        token(exp=NOW - 60), token(exp=None), token(exp="never"), token(iat=None), token(iat=NOW + 3600),
        token(exp=[1]),
        token(sub=None), token(sub="x"), token(org=None), token(org="x"), token(roles=None), token(roles="owner"),
        token(roles=[1]), token(roles={"owner": 1}), token(nbf=NOW + 3600), token()[:-2], token() + "x", "x" + token(),
    ],
)  # fmt: skip
def test_what_nobody_trusted_signed_for_now_is_refused(bad):
    with pytest.raises(Forbidden, match=r"access\.bad_actor") as refused:
        ActorVerifier([GATEWAY.public]).verify(bad)
    assert str(PERSON.user_id) not in str(refused.value.to_wire())


def test_a_key_can_not_be_used_in_another_issuers_name():
    verifier = ActorVerifier([GATEWAY.public, IMPORT.public])
    assert verifier.verify(token(IMPORT, iss="import")) == PERSON
    for forged in (token(IMPORT, iss="gateway"), token(GATEWAY, iss="import")):
        with pytest.raises(Forbidden):
            verifier.verify(forged)


def test_a_known_token_is_refused_once_it_has_expired():
    verifier = ActorVerifier([GATEWAY.public])
    text = token(exp=int(time.time()) - signing.LEEWAY_SECONDS + 3)
    assert verifier.verify(text) == PERSON
    wait_until(lambda: is_refused(verifier, text), 5)


def is_refused(verifier, text):
    try:
        verifier.verify(text)
    except Forbidden:
        return True
    return False


def test_a_known_token_is_not_verified_again(monkeypatch):
    verifier, text, decoded = ActorVerifier([GATEWAY.public]), token(), []
    real = jwt.decode
    monkeypatch.setattr(jwt, "decode", lambda *a, **k: decoded.append(1) or real(*a, **k))
    assert {id(verifier.verify(text)) for _ in range(1000)} == {id(verifier.verify(text))}
    assert decoded == [1]


def test_the_same_person_is_not_signed_for_again_before_half_of_the_tokens_life(monkeypatch):
    signer = ActorSigner(GATEWAY)
    first, now = signer.sign(PERSON), time.time()
    monkeypatch.setattr(signing.time, "time", lambda: now + 29)
    assert signer.sign(PERSON) is first
    monkeypatch.setattr(signing.time, "time", lambda: now + 31)
    assert signer.sign(PERSON) != first


def test_a_known_token_costs_less_than_a_tenth_of_a_new_one():
    verifier, rounds = ActorVerifier([GATEWAY.public]), 200
    fresh = [token(jti=str(number)) for number in range(rounds)]
    new, known = (shortest(verifier, fresh) for _ in range(2))
    assert known < new / 10


def shortest(verifier, tokens):
    """Seconds of the quickest verification: what else the machine does lengthens only some."""
    found = []
    for text in tokens:
        started = time.perf_counter()
        verifier.verify(text)
        found.append(time.perf_counter() - started)
    return min(found)


def test_memory_stays_bounded_however_many_people_call(monkeypatch):
    monkeypatch.setattr(signing, "REMEMBERED", 10)
    signer, verifier = ActorSigner(GATEWAY), ActorVerifier([GATEWAY.public])
    for _ in range(50):
        person = Actor(uuid.uuid4(), uuid.uuid4(), frozenset())
        assert verifier.verify(signer.sign(person)) == person
    assert len(signer._signed) <= 10
    assert len(verifier._verified) <= 10


@given(st.sampled_from([GATEWAY, IMPORT]), st.sampled_from(["", "=", "\n"]))
def test_keys_survive_being_settings(key, tail):
    assert str(read_signing_key(str(key) + tail)) == str(key)
    assert read_verifying_keys(f"{key.public}{tail},")[0] == key.public
    assert str(key).rpartition(":")[2] not in repr(key)


LONG = "A" * 43


@pytest.mark.parametrize(
    "text",
    [
        "",
        ",",
        "x",
        "a:b",
        "a:b:c",
        f":b:{LONG}",
        f"a::{LONG}",
        f"a:b:{LONG[1:]}",
        f"a:b:!{LONG[1:]}",
    ],
)
def test_a_setting_that_is_no_key_is_refused_without_repeating_it(text):
    for read in (read_signing_key, read_verifying_keys):
        with pytest.raises(MalformedKey) as refused:
            read(text)
        assert "AAAA" not in str(refused.value)


def test_two_keys_of_one_id_are_refused():
    with pytest.raises(MalformedKey):
        read_verifying_keys(f"{GATEWAY.public},{GATEWAY.public}")


def test_the_command_makes_a_pair_that_fits(capsys):
    assert commands.dispatch(["signing-keys", "gateway"], "") == 0
    lines = dict(line.split("=", 1) for line in capsys.readouterr().out.splitlines())
    signer = ActorSigner(read_signing_key(lines["ACTOR_SIGNING_KEY"]))
    verifier = ActorVerifier(read_verifying_keys(lines["ACTOR_VERIFYING_KEYS"]))
    assert verifier.verify(signer.sign(PERSON)) == PERSON


@pytest.mark.parametrize("words", [[], ["a:b"], ["a", "b"]])
def test_a_pair_needs_an_issuer(words):
    assert commands.dispatch(["signing-keys", *words], "") == 2
