"""Databases and broker for one test run, on the servers that `AMQP_URL` and `DATABASE_URL` name."""

from __future__ import annotations

import os
import secrets
import shlex
from dataclasses import dataclass
from typing import Any

import psycopg2
from psycopg2 import sql
from sqlalchemy.engine import URL, make_url

from chassis.config import libpq_url, sqlalchemy_url
from chassis.rabbitmqctl import Rabbitmqctl


def amqp_url() -> str:
    """The broker for tests."""
    return os.environ["AMQP_URL"]


@dataclass(frozen=True, slots=True)
class TestDatabase:
    """One service's database and roles, with random names; `drop` removes them."""

    __test__ = False

    admin: str
    owner: str
    application: str
    name: str

    @classmethod
    def allot(cls, service: str, admin_url: str | None = None) -> TestDatabase:
        """Chooses names and passwords for `DATABASE_URL`'s server or another; `chassis prepare` creates them."""
        admin = make_url(sqlalchemy_url(admin_url or os.environ["DATABASE_URL"]))
        name = f"t{secrets.token_hex(4)}_{service}"

        def url(role: str) -> str:
            return plain(admin.set(username=role, password=secrets.token_hex(8), database=name))

        return cls(plain(admin), url(f"{name}_owner"), url(f"{name}_app"), name)

    @property
    def superuser(self) -> str:
        """This database for the superuser, whom no rule about rows holds back."""
        return plain(make_url(sqlalchemy_url(self.admin)).set(database=self.name))

    def query(self, statement: str, parameters: Any = None) -> list[Any]:
        """Rows as the superuser sees them; commits."""
        connection = psycopg2.connect(self.superuser)
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement, parameters)
                return cursor.fetchall() if cursor.description else []
        finally:
            connection.close()

    def drop(self) -> None:
        """Removes database and roles."""
        connection = psycopg2.connect(libpq_url(sqlalchemy_url(self.admin)))
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(self.name))
            )
            for role in (f"{self.name}_owner", f"{self.name}_app"):
                cursor.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))
        connection.close()


def plain(url: URL) -> str:
    """The URL as libpq reads it."""
    return libpq_url(url.render_as_string(hide_password=False))


def rabbitmqctl() -> Rabbitmqctl:
    """What administers the tests' broker: the command in `RABBITMQCTL`."""
    return Rabbitmqctl(shlex.split(os.environ["RABBITMQCTL"]))
