"""What happens between one process and one server."""

from __future__ import annotations

import random
import time

from chaos.faults.kind import PROCESSES, Fault, Kind
from chaos.proxy import Proxy, Weather
from chaos.system import BROKER, DATABASE, ChaosSystem

WAYS = (*(f"{p}/{server}" for p in PROCESSES for server in (BROKER, DATABASE)), f"gateway/{BROKER}")


def proxy_of(system: ChaosSystem, fault: Fault) -> Proxy:
    """The proxy on the way that is hit."""
    process, _, server = fault.target.partition("/")
    return system.proxies[process, server]


def hold(system: ChaosSystem, fault: Fault, weather: Weather) -> None:
    """The weather, for as long as the fault lasts."""
    with proxy_of(system, fault).having(weather):
        time.sleep(fault.seconds)


def cut(system: ChaosSystem, fault: Fault) -> None:
    """All connections break, and new ones are refused."""
    proxy = proxy_of(system, fault)
    with proxy.having(Weather(takes_connections=False)):
        proxy.cut()
        time.sleep(fault.seconds)


def delay(system: ChaosSystem, fault: Fault) -> None:
    """Everything arrives 20 to 300 ms late."""
    hold(system, fault, Weather(delay=random.Random(fault.seed).uniform(0.02, 0.3)))  # nosec B311 # chance, no secret


def throttle(system: ChaosSystem, fault: Fault) -> None:
    """2 to 40 kB per second."""
    hold(system, fault, Weather(rate=random.Random(fault.seed).randint(2_000, 40_000)))  # nosec B311 # chance, no secret


def half_open(system: ChaosSystem, fault: Fault) -> None:
    """Nothing passes and nothing is closed; in the end everything that was held back arrives."""
    hold(system, fault, Weather(passes_to_server=False, passes_to_process=False))


def half_open_then_broken(system: ChaosSystem, fault: Fault) -> None:
    """The same, and in the end the connections break."""
    proxy = proxy_of(system, fault)
    with proxy.having(Weather(passes_to_server=False, passes_to_process=False)):
        time.sleep(fault.seconds)
        proxy.cut()


KINDS = (
    Kind("cut", "connections cut and refused", cut, WAYS, weight=4),
    Kind("delay", "every packet late", delay, WAYS, weight=3),
    Kind("throttle", "a narrow line", throttle, WAYS, weight=3),
    Kind("half-open", "silence, then all at once", half_open, WAYS, weight=3),
    Kind("half-open-broken", "silence, then a break", half_open_then_broken, WAYS, weight=3),
)
