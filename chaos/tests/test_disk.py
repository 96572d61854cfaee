from __future__ import annotations

import errno
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Iterator
from pathlib import Path

import pytest

from chaos.disk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    disk = small_disk(tmp_path / "disk", 5)
    if disk is None:
        pytest.skip("nothing may be mounted here")
    yield disk
    subprocess.run(["umount", str(disk.folder)], capture_output=True, check=True)  # nosec B603 B607 # our own words, without a shell


def test_a_full_disk_takes_nothing_until_there_is_room_again(disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(OSError) as refused:
        (disk.folder / "more").write_bytes(b"x" * 10_000)
    assert refused.value.errno == errno.ENOSPC
    disk.make_room()
    (disk.folder / "more").write_bytes(b"x" * 10_000)


def test_room_is_made_on_a_disk_that_was_never_full(disk: SmallDisk) -> None:
    disk.make_room()
    assert list(disk.folder.iterdir()) == []
