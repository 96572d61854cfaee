"""The key that tests vouch for actors with. The processes that they start believe it, and may sign with it, too."""

from __future__ import annotations

import functools
import os

from chassis.signing import (
    ActorSigner,
    ActorVerifier,
    SigningKey,
    read_signing_key,
    read_verifying_keys,
)

SIGNING = "ACTOR_SIGNING_KEY"
VERIFYING = "ACTOR_VERIFYING_KEYS"


@functools.cache
def environment() -> dict[str, str]:
    """The settings for processes under test: those of the environment, else of a key made for this test run."""
    if SIGNING in os.environ and VERIFYING in os.environ:
        return {name: os.environ[name] for name in (SIGNING, VERIFYING)}
    key = SigningKey.generate("gateway")
    return {SIGNING: str(key), VERIFYING: str(key.public)}


@functools.cache
def signer() -> ActorSigner:
    """Vouches for the actors of tests."""
    return ActorSigner(read_signing_key(environment()[SIGNING]))


@functools.cache
def verifier() -> ActorVerifier:
    """What services under test, and fakes of services, believe."""
    return ActorVerifier(read_verifying_keys(environment()[VERIFYING]))
