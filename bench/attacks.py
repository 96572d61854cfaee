"""The attacks that `bin/bench attack` knows. One more: a weapon, a function that prepares it, an entry in `ATTACKS`."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.attackers import Pace, Shot, Weapon, addresses
from bench.http import Connection
from bench.system import Measured
from bench.world import API, PASSWORD, Organization, sign_up

IN_ORGANIZATIONS = 10
# More wrong ones would be refused for being attempts too many; right ones are given back.
ONE_WRONG_IN = 40


@dataclass(frozen=True)
class Attack:
    """`weapons` prepares and returns an attacker each; `victim` is the login that must get in afterwards."""

    name: str
    what: str
    weapons: Callable[[Measured, argparse.Namespace, str], Sequence[Weapon]]
    pace: Callable[[argparse.Namespace], Pace]


def at(per_second: float) -> Callable[[argparse.Namespace], Pace]:
    """So many a second, unless the command line says otherwise."""
    return lambda options: Pace(options.rate or per_second, options.seconds)


def in_a_row(options: argparse.Namespace) -> Pace:
    """As many guesses as the command line says."""
    return Pace(most=options.guesses // options.clients)


@dataclass(frozen=True)
class Guesses:
    """Wrong passwords of one login."""

    login: str
    number: int
    addresses: tuple[str, ...]

    def shot(self, number: int) -> Shot:
        """A guess."""
        payload = {"login": self.login, "password": f"wrong password {self.number} {number}"}
        address = self.addresses[number % len(self.addresses)]
        return Shot("POST", f"{API}/auth/login", payload, address=address)


def guesses(_: Measured, options: argparse.Namespace, victim: str) -> Sequence[Weapon]:
    """Each attacker has addresses of their own."""
    all_ = addresses(1, options.clients * options.addresses)
    return [
        Guesses(victim, number, tuple(all_[number :: options.clients]))
        for number in range(options.clients)
    ]


@dataclass(frozen=True)
class ManyOrganizations:
    """Sign-ins that are tried in many organizations, most of them right."""

    login: str
    addresses: tuple[str, ...]

    def shot(self, number: int) -> Shot:
        """A sign-in."""
        password = PASSWORD if number % ONE_WRONG_IN else f"wrong password {number}"
        address = self.addresses[number % len(self.addresses)]
        payload = {"login": self.login, "password": password}
        return Shot("POST", f"{API}/auth/login", payload, address=address)


def many_organizations(measured: Measured, options: argparse.Namespace, _: str) -> Sequence[Weapon]:
    """A login with an account in each of as many organizations as a sign-in is tried in."""
    login = f"attacker.{uuid.uuid4().hex}@example.org"
    for _organization in range(IN_ORGANIZATIONS):
        Connection(measured.url).call("POST", f"{API}/organizations", new_organization(login))
    return [ManyOrganizations(login, tuple(addresses(2, options.addresses)))]


def new_organization(login: str) -> dict[str, object]:
    """What signs one up."""
    owner = {"first_name": "Eve", "last_name": "Bench", "email": login, "password": PASSWORD}
    return {"name": f"Bench {uuid.uuid4().hex}", "time_zone": "UTC", "owner": owner}


@dataclass(frozen=True)
class OwnPassword:
    """Changes of one's own password, to what it is."""

    token: str
    addresses: tuple[str, ...]

    def shot(self, number: int) -> Shot:
        """A change: two hashes."""
        address = self.addresses[number % len(self.addresses)]
        payload = {"current_password": PASSWORD, "password": PASSWORD}
        return Shot("PATCH", f"{API}/me", payload, self.token, address)


def own_password(measured: Measured, options: argparse.Namespace, _: str) -> Sequence[Weapon]:
    """Somebody with an account."""
    return [OwnPassword(sign_up(measured).token, tuple(addresses(3, options.addresses)))]


@dataclass(frozen=True)
class NewUsers:
    """New people with passwords."""

    token: str
    addresses: tuple[str, ...]

    def shot(self, number: int) -> Shot:
        """One more."""
        address = self.addresses[number % len(self.addresses)]
        payload = {
            "roles": ["student"],
            "first_name": "Sam",
            "last_name": "Bench",
            "email": f"student.{uuid.uuid4().hex}@example.org",
            "password": PASSWORD,
        }
        return Shot("POST", f"{API}/users", payload, self.token, address)


def new_users(measured: Measured, options: argparse.Namespace, _: str) -> Sequence[Weapon]:
    """Somebody with an organization."""
    return [NewUsers(sign_up(measured).token, tuple(addresses(4, options.addresses)))]


@dataclass(frozen=True)
class SignUps:
    """New organizations."""

    addresses: tuple[str, ...]

    def shot(self, number: int) -> Shot:
        """One more."""
        address = self.addresses[number % len(self.addresses)]
        payload = new_organization(f"eve.{uuid.uuid4().hex}@example.org")
        return Shot("POST", f"{API}/organizations", payload, address=address)


def sign_ups(_: Measured, options: argparse.Namespace, __: str) -> Sequence[Weapon]:
    """Anybody."""
    return [SignUps(tuple(addresses(5, options.addresses)))]


ATTACKS = {
    attack.name: attack
    for attack in (
        Attack("guesses", "wrong passwords of one login, in a row", guesses, in_a_row),
        Attack(
            "many-organizations",
            f"sign-ins in {IN_ORGANIZATIONS} organizations each",
            many_organizations,
            at(9),
        ),
        Attack("own-password", "changes of one's own password", own_password, at(40)),
        Attack("new-users", "new people with passwords", new_users, at(80)),
        Attack("sign-ups", "new organizations", sign_ups, at(9)),
    )
}


def victim_of(measured: Measured) -> tuple[Organization, str]:
    """A fresh organization that goes on with its work meanwhile, and its owner's login."""
    organization = sign_up(measured)
    login: str = organization.api.call("GET", f"{API}/me")["email"]
    return organization, login
