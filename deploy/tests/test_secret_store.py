"""Generated passwords."""

from __future__ import annotations

from pathlib import Path

from local_runner.secret_store import SecretStore


def test_a_secret_stays_the_same_over_restarts(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    first = SecretStore(path).get("postgres_password")

    assert SecretStore(path).get("postgres_password") == first


def test_two_secrets_differ_and_need_no_escaping(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets.json")

    assert store.get("a") != store.get("b")
    assert store.get("a").isalnum()
    assert len(store.get("a")) == 40


def test_only_the_owner_can_read_them(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    SecretStore(path).get("a")

    assert path.stat().st_mode & 0o077 == 0


def test_a_given_secret_is_kept_unless_there_was_one(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "secrets.json")

    assert store.keep("demo_password", "chosen") == "chosen"
    assert store.keep("demo_password", "later") == "chosen"
