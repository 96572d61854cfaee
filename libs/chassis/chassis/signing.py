"""Whom a call acts for, signed: the gateway vouches for the actor, and a service believes nobody else.

The actor travels as a short-lived JWT (RFC 7519) signed with Ed25519. A key belongs to one issuer; a process trusts the
keys that its settings name, several at once so that keys can be exchanged while everything runs, and of each key only
tokens of its own issuer. A service that calls others on behalf of its caller hands on the token it was given.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from chassis.context import Actor
from chassis.errors import Forbidden

ALGORITHM: Final = "EdDSA"
CLAIMS: Final = ("iss", "sub", "org", "roles", "iat", "exp")
TOKEN_SECONDS: Final = 60
# By so much may the clocks of two machines differ.
LEEWAY_SECONDS: Final = 5
LONGEST_TOKEN: Final = 4096
BAD_ACTOR: Final = "access.bad_actor"
REMEMBERED: Final = 4096
KEY_BYTES: Final = 32


class MalformedKey(ValueError):
    """A setting holds no key; the text never repeats what it holds."""


@dataclass(frozen=True, slots=True)
class VerifyingKey:
    """The public half of an issuer's key."""

    id: str
    issuer: str
    key: Ed25519PublicKey

    def __str__(self) -> str:
        return key_text(self.id, self.issuer, self.key.public_bytes_raw())


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The private half. `str` of it is the secret setting; `repr` is safe to log."""

    id: str
    issuer: str
    key: Ed25519PrivateKey = field(repr=False)

    def __str__(self) -> str:
        raw = self.key.private_bytes(
            serialization.Encoding.Raw,
            serialization.PrivateFormat.Raw,
            serialization.NoEncryption(),
        )
        return key_text(self.id, self.issuer, raw)

    @property
    def public(self) -> VerifyingKey:
        """What those who verify need."""
        return VerifyingKey(self.id, self.issuer, self.key.public_key())

    @classmethod
    def generate(cls, issuer: str) -> SigningKey:
        """A fresh key of `issuer`."""
        return cls(secrets.token_hex(4), issuer, Ed25519PrivateKey.generate())


def key_text(key_id: str, issuer: str, raw: bytes) -> str:
    """A key as a setting: safe in shells, URLs and lists."""
    return f"{key_id}:{issuer}:{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"


def read_key(text: str) -> tuple[str, str, bytes]:
    """Id, issuer and raw bytes of `key_text`, also with padding."""
    key_id, _, rest = text.strip().partition(":")
    issuer, _, encoded = rest.partition(":")
    try:
        raw = base64.b64decode(encoded.rstrip("=") + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedKey("a key is id:issuer:base64") from error
    if not (key_id and issuer) or len(raw) != KEY_BYTES:
        raise MalformedKey("a key is id:issuer:base64 of 32 bytes")
    return key_id, issuer, raw


def read_signing_key(text: str) -> SigningKey:
    """The setting `ACTOR_SIGNING_KEY`. MalformedKey if it is none."""
    key_id, issuer, raw = read_key(text)
    return SigningKey(key_id, issuer, Ed25519PrivateKey.from_private_bytes(raw))


def read_verifying_keys(text: str) -> tuple[VerifyingKey, ...]:
    """The setting `ACTOR_VERIFYING_KEYS`: keys separated by commas. MalformedKey if one is none, or none is there."""
    found = [read_key(each) for each in text.split(",") if each.strip()]
    if not found or len({key_id for key_id, _, _ in found}) < len(found):
        raise MalformedKey("there must be a key, and each id once")
    return tuple(
        VerifyingKey(key_id, issuer, Ed25519PublicKey.from_public_bytes(raw))
        for key_id, issuer, raw in found
    )


class ActorSigner:
    """Signs actors. A token is handed out again for half its life, so that it always has some left."""

    def __init__(self, key: SigningKey, *, seconds: int = TOKEN_SECONDS) -> None:
        self._key = key
        self._seconds = seconds
        self._signed: dict[Actor, tuple[float, str]] = {}

    def sign(self, actor: Actor) -> str:
        """A token for `actor`."""
        now = time.time()
        renew_at, token = self._signed.get(actor, (0.0, ""))
        if now < renew_at:
            return token
        token = self._sign(actor, int(now))
        remember(self._signed, actor, (now + self._seconds / 2, token))
        return token

    def _sign(self, actor: Actor, now: int) -> str:
        claims = {
            "iss": self._key.issuer,
            "sub": str(actor.user_id),
            "org": str(actor.organization_id),
            "roles": sorted(actor.roles),
            "iat": now,
            "exp": now + self._seconds,
        }
        return jwt.encode(claims, self._key.key, ALGORITHM, headers={"kid": self._key.id})


class ActorVerifier:
    """Tells whom a token is for, if a trusted issuer signed it. Remembers each verified token until it expires."""

    def __init__(self, keys: Iterable[VerifyingKey]) -> None:
        self._keys: Mapping[str, VerifyingKey] = {key.id: key for key in keys}
        self._verified: dict[str, tuple[float, Actor]] = {}

    def verify(self, token: Any) -> Actor:
        """Whom the token is for; Forbidden `access.bad_actor` if it is not good, without saying why."""
        if not isinstance(token, str) or len(token) > LONGEST_TOKEN:
            raise bad_actor()
        known = self._verified.get(token)
        if known is not None and time.time() < known[0]:
            return known[1]
        try:
            claims = self._claims_of(token)
            found = Actor(
                uuid.UUID(claims["sub"]), uuid.UUID(claims["org"]), roles_of(claims["roles"])
            )
        except (jwt.PyJWTError, ValueError, TypeError, AttributeError) as error:
            raise bad_actor() from error
        remember(self._verified, token, (claims["exp"] + LEEWAY_SECONDS, found))
        return found

    def _claims_of(self, token: str) -> dict[str, Any]:
        key = self._keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise jwt.InvalidKeyError("unknown key")
        # The key decides about algorithm and issuer, never the token.
        return jwt.decode(
            token,
            key.key,
            algorithms=[ALGORITHM],
            issuer=key.issuer,
            leeway=LEEWAY_SECONDS,
            options={"require": list(CLAIMS)},
        )


def roles_of(claim: Any) -> frozenset[str]:
    """The roles; TypeError for anything but a list of texts."""
    if not isinstance(claim, list) or not all(isinstance(role, str) for role in claim):
        raise TypeError("roles is no list of texts")
    return frozenset(claim)


def remember(cache: dict[Any, Any], key: Any, value: Any) -> None:
    """Keeps the value; a full cache starts afresh, which costs a signature each and never grows."""
    if len(cache) >= REMEMBERED:
        cache.clear()
    cache[key] = value


def bad_actor() -> Forbidden:
    """What a caller learns: nothing that would help to forge a better one."""
    return Forbidden(BAD_ACTOR, "It is not proven for whom this call acts.")


def main(arguments: Sequence[str]) -> int:
    """`signing-keys ISSUER`: prints a new pair as the two settings."""
    if len(arguments) != 1 or not arguments[0].isidentifier():
        print("usage: python -m chassis signing-keys ISSUER   (gateway or import)")
        return 2
    key = SigningKey.generate(arguments[0])
    print(f"ACTOR_SIGNING_KEY={key}")
    print(f"ACTOR_VERIFYING_KEYS={key.public}")
    return 0
