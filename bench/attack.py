"""`bin/bench attack`: attacks a system of its own, and measures what everybody else feels of it.

Everybody has an address of their own: the gateway is told to count on one proxy, whose header the clients write. Fails
when others' 99th percentile is more than twice what it was before, when anybody else gets an error, when /healthz takes
more than a second, or when five seconds after the end not all is as before, the attacked owner's sign-in included.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence

from bench.attackers import fire
from bench.attacks import ATTACKS, Attack, victim_of
from bench.bystanders import Bystanders, Seen, bystanders, signs_in_as
from bench.system import Measured, fresh
from local_runner.errors import CannotStart

HOME = "198.51.100.7"
SETTINGS = {"RATE_LIMIT_SCALE": "1", "TRUSTED_PROXIES": "1"}
# How much slower others may get, at the 99th percentile.
MOST_SLOWER = 2.0
MOST_HEALTH_MS = 1000.0
RECOVERY_SECONDS = 5.0


def main(arguments: Sequence[str]) -> int:
    """1 when others were hurt by any of the attacks."""
    options = parse(arguments)
    chosen = ATTACKS.values() if options.attack == "all" else [ATTACKS[options.attack]]
    print("Starting a system of its own ...", flush=True)
    with fresh(**SETTINGS) as measured:
        hurt = [attack.name for attack in chosen if not stands(measured, attack, options)]
    if hurt:
        print(f"\nFAILED: {', '.join(hurt)}")
    return 1 if hurt else 0


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The command line."""
    names = "; ".join(f"{attack.name}: {attack.what}" for attack in ATTACKS.values())
    parser = argparse.ArgumentParser(prog="bin/bench attack", description=__doc__)
    parser.add_argument(
        "--attack", choices=[*ATTACKS, "all"], default="guesses", help=f"{names} (default guesses)"
    )
    parser.add_argument("--guesses", type=int, default=10_000, help="wrong logins (default 10000)")
    parser.add_argument("--clients", type=int, default=1, help="who guess at once (default 1)")
    parser.add_argument(
        "--addresses", type=int, default=1, help="of each attacker, in turn (default 1)"
    )
    parser.add_argument("--rate", type=float, help="requests a second (default: the attack's own)")
    parser.add_argument(
        "--seconds", type=float, default=30, help="of attacks at a rate (default 30)"
    )
    parser.add_argument("--quiet-seconds", type=float, default=20, help="before (default 20)")
    return parser.parse_args(arguments)


def stands(measured: Measured, attack: Attack, options: argparse.Namespace) -> bool:
    """Measures before, meanwhile and afterwards; whether nobody else was hurt."""
    print(f"\n{attack.name}: {attack.what}", flush=True)
    victim, owner = victim_of(measured)
    at_home = signs_in_as(measured.url, owner, HOME)
    if (status := at_home()) != 200:
        raise RuntimeError(f"the owner could not sign in: {status}")
    weapons = attack.weapons(measured, options, owner)
    with bystanders(victim, another_login(measured)) as others:
        before = seen(others, "before", options.quiet_seconds)
        answers = fire(measured.url, weapons, attack.pace(options))
        during = seen(others, "meanwhile")
        print(f"attackers were told: {answers}")
        time.sleep(RECOVERY_SECONDS)
        others.taken()
        after = seen(others, "afterwards", options.quiet_seconds / 2)
    problems = hurts(before, during, after, at_home())
    for problem in problems:
        print(f"! {problem}")
    return not problems


def another_login(measured: Measured) -> str:
    """Of somebody whom nobody attacks."""
    return victim_of(measured)[1]


def seen(others: Bystanders, phase: str, seconds: float = 0.0) -> Seen:
    """What others saw in the time since the last phase, and so many seconds more."""
    time.sleep(seconds)
    taken = others.taken()
    print(f"{phase}:\n{taken}", flush=True)
    return taken


def hurts(before: Seen, during: Seen, after: Seen, owners_status: int) -> list[str]:
    """What is not as it should be."""
    problems = []
    for phase, found in (("meanwhile", during), ("afterwards", after)):
        slower = found.work.p99 / before.work.p99 if before.work.p99 else 0.0
        print(f"others' p99 {phase}: {slower:.2f} x before (at most {MOST_SLOWER})")
        if slower > MOST_SLOWER:
            problems.append(f"others were {slower:.2f} times slower {phase}")
        if found.failures:
            problems.append(f"{found.failures} requests of others failed {phase}")
        if found.health.worst > MOST_HEALTH_MS:
            problems.append(f"/healthz took {found.health.worst:.0f} ms {phase}")
    print(f"/healthz at worst: {during.health.worst:.0f} ms")
    print(f"the owner's sign-in from home afterwards: {owners_status}")
    if owners_status != 200:
        problems.append("the owner of the attacked login did not get in")
    return problems


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except CannotStart as error:
        sys.exit(f"bin/bench: {error}")
