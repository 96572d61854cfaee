"""What a gateway process has once: its settings, its RPC client, its token cache, its ear on the event bus."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from flask import current_app

from chassis.rpc.client import RpcClient
from chassis.signing import ActorSigner
from gateway.costly import CostlyPlaces
from gateway.ear import Ear
from gateway.limits.admission import Limits
from gateway.receiving import Receiving
from gateway.refusals import Refusals
from gateway.settings import Settings
from gateway.tokens import TokenCache
from gateway.waiting import Arrivals

KEY = "tandem"


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one process."""

    settings: Settings
    rpc: RpcClient
    tokens: TokenCache
    arrivals: Arrivals
    ear: Ear
    limits: Limits
    receiving: Receiving
    refusals: Refusals
    costly: CostlyPlaces

    @classmethod
    def build(cls, settings: Settings) -> Parts:
        """Connects nothing yet."""
        tokens = TokenCache(settings.token_cache_seconds, settings.token_cache_entries)
        arrivals = Arrivals(at_once=max(1, settings.threads // 2))
        return cls(
            settings=settings,
            rpc=RpcClient(
                settings.amqp_url,
                name="gateway",
                in_flight=settings.in_flight,
                signer=ActorSigner(settings.signing_key) if settings.signing_key else None,
            ),
            tokens=tokens,
            arrivals=arrivals,
            ear=Ear(settings.amqp_url, (arrivals.registry, tokens)),
            limits=Limits(settings),
            receiving=Receiving(max(2, settings.threads // 4), max(1, settings.threads // 10)),
            refusals=Refusals(),
            costly=CostlyPlaces(max(2, settings.threads * 3 // 4)),
        )

    def start(self) -> None:
        """Starts connecting, in threads of their own."""
        self.rpc.start()
        self.ear.start()
        self.limits.gossip.start()

    def close(self) -> None:
        """Closes the connections."""
        self.limits.gossip.close()
        self.ear.close()
        self.rpc.close()


def parts() -> Parts:
    """Those of the running application."""
    return cast("Parts", current_app.extensions[KEY])
