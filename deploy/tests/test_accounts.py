"""Which account processes run as, and the folders they get. As root they step down, an ordinary user stays."""

from __future__ import annotations

import os
import pwd
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
import sys
from pathlib import Path

import pytest

from local_runner import accounts
from local_runner.accounts import (
    Account,
    can_run,
    can_use,
    hand_over,
    make_system_account,
    own_account,
    own_folder,
    remove_folder,
    stepping_down,
)

IS_ROOT = os.geteuid() == 0


@pytest.fixture
def account() -> Account | None:
    return own_account()


@pytest.fixture
def out_of_reach(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as root's home is; what has to lie elsewhere lies beside it, where everybody comes."""
    monkeypatch.setattr(accounts, "ELSEWHERE", open_folder / "elsewhere")
    home = open_folder / "home"
    home.mkdir(mode=0o700)
    return home


def write_as(account: Account | None, path: Path) -> None:
    command = [*stepping_down(account), "tee", str(path)]
    subprocess.run(command, input=b"by the account", check=True, stdout=subprocess.DEVNULL, cwd="/")  # nosec B603 # our own words, without a shell


def test_root_gets_an_account_for_the_system_and_an_ordinary_user_stays(
    account: Account | None,
) -> None:
    if IS_ROOT:
        assert account is not None
        assert account.uid not in {0, os.geteuid()}
        assert account.name in {"tandem", "nobody"}
    else:
        assert account is None


def test_the_account_is_neither_the_databases_nor_the_brokers(account: Account | None) -> None:
    names = {entry.pw_name for entry in pwd.getpwall()} & {"postgres", "rabbitmq"}
    servers = {pwd.getpwnam(name).pw_uid for name in names}

    assert account is None or account.uid not in servers


def test_an_account_that_is_there_already_stays_as_it_is() -> None:
    before = own_account()
    make_system_account("tandem")

    assert own_account() == before


def test_a_person_called_as_the_system_does_not_become_its_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    person = pwd.struct_passwd(("tandem", "x", 1000, 1000, "", "/home/tandem", "/bin/sh"))
    nobody = pwd.struct_passwd(("nobody", "x", 65534, 65534, "", "/", "/bin/false"))
    known = {"tandem": person, "nobody": nobody}
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(accounts, "make_system_account", lambda name: None)
    monkeypatch.setattr(pwd, "getpwnam", known.__getitem__)

    assert own_account() == Account("nobody", 65534, 65534)


def test_this_python_runs_as_whoever_starts_it() -> None:
    assert can_run(Path(sys.executable), None)


def test_a_python_in_roots_home_is_for_root_alone(
    out_of_reach: Path, account: Account | None
) -> None:
    link = out_of_reach / "python"
    link.symlink_to(sys.executable)

    assert can_run(link, account) == (account is None)


def test_a_folder_within_reach_stays_where_it_is(
    out_of_reach: Path, account: Account | None
) -> None:
    wanted = out_of_reach.parent / "mail"

    assert own_folder(wanted, account) == wanted
    assert can_use(wanted, account)


def test_a_folder_in_roots_home_is_made_elsewhere_and_removed_with_its_link(
    out_of_reach: Path, account: Account | None
) -> None:
    wanted = out_of_reach / "mail"
    folder = own_folder(wanted, account)
    write_as(account, folder / "1.eml")

    assert (wanted / "1.eml").read_text() == "by the account"
    assert folder.is_relative_to(out_of_reach) == (account is None)
    assert folder.stat().st_mode & 0o777 == 0o700

    remove_folder(wanted)
    assert not wanted.is_symlink()
    assert not folder.exists()


@pytest.mark.parametrize("place", ["home", "."])
def test_a_folder_that_root_has_filled_before_is_handed_over_with_its_files(
    out_of_reach: Path, account: Account | None, place: str
) -> None:
    wanted = out_of_reach.parent / place / "mail"
    wanted.mkdir(mode=0o700)
    (wanted / "old.eml").write_text("old")

    for _ in range(2):  # and again at the next start
        folder = hand_over(wanted, account)
        write_as(account, folder / "new.eml")

    assert wanted.is_symlink() == (account is not None and place == "home")
    assert (wanted / "old.eml").read_text() == "old"
    assert (wanted / "new.eml").read_text() == "by the account"


def test_root_does_not_follow_what_the_account_puts_in_a_folders_place(
    out_of_reach: Path, account: Account | None
) -> None:
    precious = out_of_reach / "precious"
    precious.mkdir()
    private = out_of_reach.parent / "private"
    private.symlink_to(precious)
    wanted = out_of_reach / "mail"
    wanted.symlink_to(private)

    remove_folder(wanted)

    assert precious.is_dir()
