"""Who vouches for people on this system's bus, and whom each process believes: docs/adr/0009-signed-actors.md."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from chassis.signing import SigningKey, read_signing_key
from local_runner.secret_store import SecretStore

ISSUERS: Final = ("gateway", "import")

# Whom the import service calls, in the name of the person whose file it works off.
CALLED_BY_IMPORT: Final = ("identity", "assignment")


@dataclass(frozen=True)
class ActorKeys:
    """A key for each issuer, made at the first start."""

    secrets: SecretStore

    def of(self, issuer: str) -> SigningKey:
        """The issuer's key."""
        fresh = str(SigningKey.generate(issuer))
        return read_signing_key(self.secrets.keep(f"{issuer}_actor_key", fresh))

    def settings(self, process: str) -> dict[str, str]:
        """What one process gets to know: its own key if it has one, and the public ones of those it believes."""
        believed = ISSUERS if process in CALLED_BY_IMPORT else ("gateway",)
        found = {"ACTOR_VERIFYING_KEYS": ",".join(str(self.of(each).public) for each in believed)}
        if process in ISSUERS:
            found["ACTOR_SIGNING_KEY"] = str(self.of(process))
        return found
