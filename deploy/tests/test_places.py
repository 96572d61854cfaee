"""Where things lie, and files that are replaced whole."""

from __future__ import annotations

from pathlib import Path

from local_runner.places import ROOT, RunDir, package_of, write_whole


def test_the_run_folder_is_in_the_checkout_unless_run_dir_names_another(tmp_path: Path) -> None:
    assert RunDir.from_environment({}).path == ROOT / ".run"
    assert RunDir.from_environment({"RUN_DIR": str(tmp_path)}).path == tmp_path


def test_two_run_folders_have_different_identities() -> None:
    assert RunDir(Path("/a")).identity != RunDir(Path("/b")).identity


def test_a_package_name_is_never_a_keyword() -> None:
    assert package_of("import") == "import_service"


def test_a_file_is_replaced_whole_and_with_the_mode_asked_for(tmp_path: Path) -> None:
    target = tmp_path / "env"
    target.write_text("old")

    write_whole(target, "new", mode=0o600)

    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [target]
