"""Access and refresh tokens: opaque, stored only as a digest, and derivable again for a repeated call.

A call that is repeated with its operation id must answer what it answered first, although no token is stored. So tokens
are derived from the operation by a keyed hash: whoever lacks the key can't guess them, whatever they know of the
operation. Operations that carry a password are sealed with the same key, because a plain digest of their arguments
could be tried against a list of passwords far faster than argon2id allows.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from dataclasses import dataclass, field
from datetime import timedelta

MIN_SECRET_LENGTH = 32


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What one sign-in or refresh hands out."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Tokens:
    """Makes tokens with the service's secret."""

    secret: bytes = field(repr=False)
    access_life: timedelta = timedelta(minutes=15)
    refresh_life: timedelta = timedelta(days=30)
    # However often it is refreshed.
    login_life: timedelta = timedelta(days=90)

    def __post_init__(self) -> None:
        if len(self.secret) < MIN_SECRET_LENGTH:
            raise ValueError(f"TOKEN_SECRET must have at least {MIN_SECRET_LENGTH} characters")

    def pair_for(self, operation_id: uuid.UUID, sealed_fingerprint: str) -> TokenPair:
        """The tokens of an operation: the same again for the same, and for no other arguments."""
        return TokenPair(
            self._derive("access", operation_id, sealed_fingerprint),
            self._derive("refresh", operation_id, sealed_fingerprint),
        )

    def seal(self, fingerprint: str) -> str:
        """A fingerprint of secret arguments that can't be tried without the key."""
        return self._keyed(f"fingerprint:{fingerprint}").hex()

    def _derive(self, purpose: str, operation_id: uuid.UUID, sealed_fingerprint: str) -> str:
        digest = self._keyed(f"{purpose}:{operation_id}:{sealed_fingerprint}")
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def _keyed(self, text: str) -> bytes:
        return hmac.new(self.secret, text.encode(), hashlib.sha256).digest()


def digest_of(token: str) -> bytes:
    """How a token is stored. A plain SHA-256 is enough for 256 random bits."""
    return hashlib.sha256(token.encode()).digest()
