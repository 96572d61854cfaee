"""Folders that belong to an account, and what root does in them without following what the account puts there.

Also `/var/lib/tandem`, where root keeps what other accounts have to reach.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from local_runner.accounts import Account, can_use, run_as
from local_runner.errors import CannotStart

# What lies here only root may replace: it follows links to these folders, and others run the code in them.
SHARED = Path("/var/lib/tandem")
# For folders that can't be where they belong.
ELSEWHERE = SHARED / "folders"


def own_folder(wanted: Path, account: Account | None) -> Path:
    """A folder that only `account` can enter: `wanted`, or what `wanted` links to.

    Where the account can't reach it (a checkout under /root), the folder is made in `ELSEWHERE` and linked. It is
    there once it is the account's: a start that is killed before leaves nothing that the next one takes for it.
    """
    finish_interrupted(wanted)
    if wanted.is_symlink() and not wanted.exists():
        wanted.unlink()
    if not wanted.exists():
        make(wanted, account)
    if account is not None and is_elsewhere(wanted):
        make_public(ELSEWHERE)
    if not can_use(wanted.resolve(), account):
        raise CannotStart(unusable_text(wanted.resolve(), account))
    return wanted.resolve()


def make(wanted: Path, account: Account | None) -> None:
    """Makes an empty folder for the account, at once or not at all."""
    draft = draft_of(wanted)
    try:
        draft.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise CannotStart(f"{wanted} can't be made: {error_text(error)}") from error
    give(draft, account)
    if can_use(draft, account):
        draft.rename(wanted)
    else:
        draft.rmdir()
        move_elsewhere(wanted, account)


def hand_over(wanted: Path, account: Account | None) -> Path:
    """As `own_folder`, for one that may be there already, from a run as another account. What is in it stays there.

    The files remain the other's: the account may replace them, as the folder is its own.
    """
    finish_interrupted(wanted)
    if account is not None and wanted.is_dir():
        give(wanted.resolve(), account)
        if not wanted.is_symlink() and not can_use(wanted, account):
            move_elsewhere(wanted, account)
    return own_folder(wanted, account)


def move_elsewhere(folder: Path, account: Account | None) -> None:
    """Puts a link in the folder's place, to a new one with all that it holds, if it is there.

    The link is made first, under another name, so that the next start finds what one that was killed has left. The
    account gets the new folder when nothing more is written there.
    """
    make_public(ELSEWHERE)
    link = draft_of(folder)
    private = ELSEWHERE / f"{folder.name}-{secrets.token_hex(8)}"
    with needs_room_in(ELSEWHERE):
        link.symlink_to(private)
        private.mkdir()
        if folder.exists():
            # What still runs as the account changes nothing meanwhile.
            os.chown(folder, os.geteuid(), -1, follow_symlinks=False)
            shutil.copytree(folder, private, symlinks=True, dirs_exist_ok=True)
        private.chmod(0o700)
        give(private, account)
    if folder.exists():
        folder.rename(before_move(folder))
    link.rename(folder)
    finish_interrupted(folder)


def draft_of(wanted: Path) -> Path:
    """The name of a folder, or of the link to it, until it is complete."""
    return wanted.with_name(f".{wanted.name}.new")


def before_move(wanted: Path) -> Path:
    """The name of a folder that has been copied elsewhere, until it is removed."""
    return wanted.with_name(f".{wanted.name}.old")


def finish_interrupted(wanted: Path) -> None:
    """Removes what is left of making or moving the folder; one that was about to be replaced is put back."""
    draft, old = draft_of(wanted), before_move(wanted)
    for left in (draft, old):
        # A person may have named the folder, and it may lie where others can make links.
        if left.is_symlink() and not is_elsewhere(left):
            left.unlink()
    remove_folder(draft)
    if old.exists() and not wanted.exists():
        old.rename(wanted)
    remove_folder(old)


def is_elsewhere(link: Path) -> bool:
    """Whether it is a link that we have made, into `ELSEWHERE`. An account could link to the folder of another."""
    is_ours = link.is_symlink() and link.lstat().st_uid == os.geteuid()
    return is_ours and link.readlink().parent == ELSEWHERE


def unusable_text(folder: Path, account: Account | None) -> str:
    """What a person should know and may do."""
    name = str(os.geteuid()) if account is None else account.name
    return (
        f"Account {name} can't write in {folder}: it is another's, or can't be reached.\n"
        f"Remove it, or give it away: chown -R {name} {folder}"
    )


def make_public(folder: Path) -> None:
    """Makes a folder in `SHARED` that everybody may enter and list, and only root may change, whatever the umask."""
    with needs_room_in(folder):
        SHARED.parent.mkdir(parents=True, exist_ok=True)
        for path in reversed([folder, *folder.parents]):
            if path.is_relative_to(SHARED):
                path.mkdir(mode=0o755, exist_ok=True)
                open_to_readers(path)


def open_to_readers(folder: Path) -> None:
    """Lets everybody read it. One that others could have changed is refused."""
    state = folder.stat()
    if state.st_uid != os.geteuid() or state.st_mode & 0o022:
        raise CannotStart(
            f"{folder} has to be root's, and nobody else may write in it. Look what is in it, "
            f"and remove it or: chown root {folder} && chmod 755 {folder}"
        )
    if state.st_mode & 0o755 != 0o755:
        folder.chmod(0o755)


@contextlib.contextmanager
def needs_room_in(folder: Path) -> Iterator[None]:
    """Says so where the folder can't be written: its disk may be full, or read-only."""
    try:
        yield
    except OSError as error:
        raise CannotStart(
            f"{folder} is needed and can't be written: {error_text(error)}.\nMake room there, or have the checkout "
            "and RUN_DIR where every account may come, as in /opt: nothing is needed there then."
        ) from error


def error_text(error: OSError) -> str:
    """Its first words: copying tells of each file that fails, by the thousand when the disk is full."""
    return str(error)[:300]


def give(path: Path, account: Account | None) -> None:
    """Makes the account the owner. Of a link, not of what it leads to: somebody else may have made the link."""
    if account is not None:
        os.chown(path, account.uid, account.gid, follow_symlinks=False)


def write_file(path: Path, text: str, account: Account | None) -> None:
    """Replaces a file in the account's folder, for its eyes only.

    The account does so itself: root's rights would reach whatever the account has put there, links included.
    """
    script = 'umask 077; rm -rf -- "$1.new" && cat >"$1.new" && mv -fT "$1.new" "$1"'
    run_as(account, ["sh", "-c", script, "sh", str(path)], given=text)


def remove_within(path: Path, account: Account | None) -> None:
    """Removes a file or a folder in the account's folder, if it is there; the account does so itself."""
    run_as(account, ["rm", "-rf", "--", str(path)])


def remove_folder(path: Path) -> None:
    """Removes what `own_folder` made, wherever it lies."""
    target = path.parent / path.readlink() if path.is_symlink() else path
    try:
        # The link's own target: a link in its place, made by the account, is not followed.
        if target.is_dir() and not target.is_symlink():
            shutil.rmtree(target)
        if path.is_symlink():
            path.unlink()
    except OSError as error:
        raise CannotStart(f"{target} can't be removed: {error_text(error)}") from error
