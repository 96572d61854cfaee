"""The copy of code and libraries for an account that can't read the checkout, made of a small checkout."""

from __future__ import annotations

import contextlib
import resource
import shutil
import subprocess  # nosec B404 # commands are lists of our own words, without a shell
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from local_runner import account_folders, interpreter
from local_runner import readable_copy as module
from local_runner.accounts import own_account, stepping_down
from local_runner.errors import CannotStart
from local_runner.interpreter import for_services, from_copy
from local_runner.places import IMPORT_FOLDERS
from local_runner.readable_copy import Copy, readable_copy


@pytest.fixture
def copies(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where copies go, within everybody's reach."""
    monkeypatch.setattr(account_folders, "SHARED", open_folder / "copies")
    monkeypatch.setattr(module, "COPIES", open_folder / "copies")
    return open_folder / "copies"


@pytest.fixture
def libraries(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small environment instead of the whole one: the real Python, and one library."""
    environment = open_folder / "home" / ".venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(module.PYTHON.resolve())
    (environment / "pyvenv.cfg").write_text(f"home = {module.PYTHON.resolve().parent}\n")
    (environment / "tandem.stamp").write_text("first")
    version = next(iter((module.VENV / "lib").glob("python3.*"))).name
    packages = environment / "lib" / version / "site-packages"
    packages.mkdir(parents=True)
    (packages / "some_library.py").write_text("NAME = 'library'\n")
    (packages / "tandem.pth").write_text("/somewhere\n")
    monkeypatch.setattr(module, "VENV", environment)
    monkeypatch.setattr(module, "PYTHON", environment / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", environment / "tandem.stamp")
    return packages


@pytest.fixture
def checkout(open_folder: Path, libraries: Path) -> Path:
    """In a folder as root's home is, and with files that are for their owner alone."""
    root = open_folder / "home"
    for number, folder in enumerate(IMPORT_FOLDERS):
        package = root / folder / f"package_{number}"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(f"NUMBER = {number}\n")
    tests = root / "gateway" / "tests"
    tests.mkdir()
    (tests / "__init__.py").touch()
    (root / "gateway" / "secrets.json").write_text("{}")
    for path in root.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o700 if path.is_dir() else 0o600)
    root.chmod(0o700)
    return root


def told(copy: Copy, program: str) -> str:
    """What a program says that runs from the copy as the account of the system."""
    account = own_account()
    words = [*stepping_down(account), "env", str(copy.python), "-c", program]
    interpreter = from_copy(copy, account)
    done = subprocess.run(  # nosec B603 # our own words, without a shell
        words, env=interpreter.variables, cwd="/", capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


@pytest.fixture
def readable_checkout(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """As one that was cloned where everybody comes."""
    for path in (checkout, *checkout.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    monkeypatch.setattr(interpreter, "ROOT", checkout)
    monkeypatch.setattr(module, "ROOT", checkout)
    monkeypatch.setattr(interpreter, "VENV", module.VENV)
    monkeypatch.setattr(interpreter, "PYTHON", module.PYTHON)
    return checkout


def runs_from_a_copy(copies: Path) -> bool:
    with for_services() as chosen:
        return chosen.python.is_relative_to(copies)


def test_a_checkout_that_the_account_can_read_is_run_in_place(
    copies: Path, readable_checkout: Path
) -> None:
    assert not runs_from_a_copy(copies)


def test_a_checkout_that_has_become_readable_keeps_no_copy(
    copies: Path, readable_checkout: Path, open_folder: Path
) -> None:
    elsewhere = open_folder / "elsewhere"
    shutil.copytree(readable_checkout, elsewhere, symlinks=True)
    with readable_copy(readable_checkout), readable_copy(elsewhere):
        runs_from_a_copy(copies)
        assert len(list(copies.iterdir())) == 2
    shutil.rmtree(elsewhere)

    runs_from_a_copy(copies)

    assert len(list(copies.iterdir())) == (2 if own_account() is None else 0)


def test_starts_at_the_same_time_do_not_stumble_over_what_the_other_removes(
    copies: Path, checkout: Path, open_folder: Path
) -> None:
    def start(number: int) -> None:
        with readable_copy(checkout):
            pass

    with readable_copy(checkout):
        origins = [home / module.ORIGIN for home in copies.iterdir()]
        for number in range(30):
            gone = copies / f"gone-{number}" / "code-1"
            gone.mkdir(parents=True)
            shutil.copy(origins[0], gone.parent)
            (gone.parent / module.ORIGIN).write_text(str(open_folder / "gone"))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(start, range(8)))

    assert not list(copies.glob("gone-*"))


@pytest.mark.parametrize("kind", ["module", "folder", "library"])
def test_one_unreadable_file_is_enough_for_a_copy(
    copies: Path, readable_checkout: Path, libraries: Path, kind: str
) -> None:
    package = readable_checkout / IMPORT_FOLDERS[2] / "package_2"
    (package / "more").mkdir()
    (package / "slots.py").touch()
    places = {"module": package / "slots.py", "folder": package / "more"}
    places.get(kind, libraries / "some_library.py").chmod(0o700 if kind == "folder" else 0o600)

    assert runs_from_a_copy(copies) == (own_account() is not None)


def test_neither_wrong_code_nor_unreadable_compiled_files_are_reasons_for_a_copy(
    copies: Path, readable_checkout: Path
) -> None:
    package = readable_checkout / IMPORT_FOLDERS[2] / "package_2"
    (package / "__init__.py").write_text("no Python\n")
    (package / "__pycache__").mkdir(mode=0o700)

    assert not runs_from_a_copy(copies)


def test_the_account_runs_packages_and_libraries_of_a_checkout_it_cant_read(
    copies: Path, checkout: Path
) -> None:
    shown = "some_library.NAME, package_6.NUMBER, package_6.__file__"
    program = f"import some_library, package_0, package_6; print({shown})"
    with readable_copy(checkout) as copy:
        name, number, file = told(copy, program).split()

    assert (name, number) == ("library", "6")
    assert file.startswith(str(copies))


def test_only_packages_are_copied_and_only_their_owner_may_change_them(
    copies: Path, checkout: Path
) -> None:
    with readable_copy(checkout):
        found = [path for path in copies.rglob("*") if not path.is_symlink()]

    names = {path.name for path in found}
    assert not {"tests", "secrets.json", "tandem.pth"} & names
    assert "package_0" in names
    assert not [path for path in found if path.stat().st_mode & 0o022]


def test_an_edit_counts_at_the_next_start_and_the_old_copy_goes(
    copies: Path, checkout: Path
) -> None:
    program = "import package_0; print(package_0.NUMBER)"
    with readable_copy(checkout) as before:
        assert told(before, program) == "0"
    (checkout / IMPORT_FOLDERS[0] / "package_0" / "__init__.py").write_text("NUMBER = 100\n")

    with readable_copy(checkout) as after:
        assert told(after, program) == "100"

    assert after.python == before.python
    assert not before.import_path[0].exists()


def test_nothing_is_copied_again_that_has_not_changed(copies: Path, checkout: Path) -> None:
    with readable_copy(checkout) as first:
        times = [folder.stat().st_ctime_ns for folder in first.import_path]
    with readable_copy(checkout) as second:
        assert second == first
        assert [folder.stat().st_ctime_ns for folder in second.import_path] == times


def test_new_libraries_make_a_new_environment(
    copies: Path, checkout: Path, libraries: Path
) -> None:
    with readable_copy(checkout) as before:
        pass
    (libraries / "some_library.py").write_text("NAME = 'newer'\n")
    module.STAMP.write_text("second")

    with readable_copy(checkout) as after:
        assert told(after, "import some_library; print(some_library.NAME)") == "newer"
    assert not before.python.exists()


def test_a_system_that_runs_keeps_its_copy_while_another_starts_from_newer_code(
    copies: Path, checkout: Path
) -> None:
    with readable_copy(checkout) as running:
        (checkout / IMPORT_FOLDERS[0] / "package_0" / "new.py").touch()
        with readable_copy(checkout) as newer:
            assert newer != running
            assert told(running, "import package_0; print(package_0.NUMBER)") == "0"


def test_what_an_interrupted_start_has_left_is_no_copy(copies: Path, checkout: Path) -> None:
    with readable_copy(checkout) as copy:
        code = copy.import_path[0].parents[1]
    half = code.with_name(f".{code.name}")
    code.rename(half)
    (half / IMPORT_FOLDERS[0] / "package_0" / "__init__.py").unlink()

    with readable_copy(checkout) as copy:
        assert told(copy, "import package_0; print(package_0.NUMBER)") == "0"
    assert not half.exists()


def test_a_copy_that_was_half_removed_when_its_start_was_killed_is_no_copy(
    copies: Path, checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_in_the_middle(folder: Path, **options: bool) -> None:
        for path in folder.rglob("package_0"):
            remove(path)
            raise KeyboardInterrupt

    with readable_copy(checkout):
        pass
    added = checkout / IMPORT_FOLDERS[0] / "package_0" / "new.py"
    added.touch()
    remove = shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", killed_in_the_middle)
        with pytest.raises(KeyboardInterrupt), readable_copy(checkout):
            pass
    added.unlink()

    with readable_copy(checkout) as copy:
        assert told(copy, "import package_0; print(package_0.NUMBER)") == "0"
    assert len(list(copies.glob("*/.*"))) == 0


@contextlib.contextmanager
def no_room_for_files_above(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_start_without_room_for_the_copy_says_so_and_leaves_nothing(
    copies: Path, checkout: Path, libraries: Path
) -> None:
    (libraries / "large.bin").write_bytes(bytes(100_000))

    with (
        no_room_for_files_above(50_000),
        pytest.raises(CannotStart, match=f"{copies} is needed and can't be written"),
        readable_copy(checkout),
    ):
        pass

    assert not list(copies.rglob("*.bin"))


def test_a_start_that_can_write_no_copy_at_all_says_so(
    checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = Path("/proc/tandem")  # nobody, root included, can make a folder in there
    monkeypatch.setattr(account_folders, "SHARED", nowhere)
    monkeypatch.setattr(module, "COPIES", nowhere)

    with pytest.raises(CannotStart, match="have the checkout"), readable_copy(checkout):
        pass


def test_the_copy_of_a_checkout_that_is_gone_is_removed(
    copies: Path, checkout: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with readable_copy(checkout):
        pass
    moved = checkout.rename(open_folder / "moved")
    for name in ("VENV", "PYTHON", "STAMP"):
        place = getattr(module, name).relative_to(checkout)
        monkeypatch.setattr(module, name, moved / place)

    with readable_copy(moved):
        assert len(list(copies.iterdir())) == 1
