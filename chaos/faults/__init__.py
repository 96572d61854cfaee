"""Everything that can be done to a running system, by name."""

from __future__ import annotations

from chaos.faults import broker, clocks, database, deliveries, network, processes, standstills
from chaos.faults.kind import Fault, Kind

__all__ = ["KINDS", "Fault", "Kind"]

KINDS: dict[str, Kind] = {
    kind.name: kind
    for module in (processes, broker, database, network, clocks, deliveries, standstills)
    for kind in module.KINDS
}
