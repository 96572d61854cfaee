"""What a run folder notes about its data: whether containers hold it, and which database has the demo organization.

A folder may come up on other servers than last time; what it notes must not be believed of those.
"""

from __future__ import annotations

import contextlib

import psycopg2

from local_runner.backing.choice import Backing
from local_runner.places import RunDir, write_whole

# A PostgreSQL cluster has this number from its making; the database is another one once it was dropped.
IDENTITY = """
SELECT format('%%s/%%s', system_identifier, (SELECT oid FROM pg_database WHERE datname = %s)) FROM pg_control_system()
"""


def note_containers(run_dir: RunDir, backing: Backing) -> None:
    """Notes that data of the folder is in Docker's volumes, so that it is not given up unseen."""
    if backing.has_containers:
        run_dir.containers_mark.touch()


def database_identity(url: str, database: str) -> str:
    """A text that differs between two databases of the same name; empty where the server does not say."""
    try:
        with contextlib.closing(psycopg2.connect(url, connect_timeout=5)) as connection:
            cursor = connection.cursor()
            cursor.execute(IDENTITY, (database,))
            return "".join(str(value) for value in cursor.fetchone() or ())
    except psycopg2.Error:
        return ""


def note_demo(run_dir: RunDir, identity: str) -> None:
    """Notes which database has the demo organization, if it was loaded."""
    if run_dir.demo_mark.exists():
        write_whole(run_dir.demo_mark, f"{identity}\n")


def forget_demo_elsewhere(run_dir: RunDir, identity: str) -> None:
    """Drops the note when it is about another database than the one of that identity."""
    if run_dir.demo_mark.exists():
        noted = run_dir.demo_mark.read_text(encoding="utf-8").strip()
        if identity and noted != identity:
            run_dir.demo_mark.unlink()
