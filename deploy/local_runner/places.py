"""Where things are: the checkout, its projects, and the folder that one running system keeps its state in."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from local_runner.errors import CannotStart

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("identity", "assignment", "booking", "messaging", "import")
IMPORT_FOLDERS = ("libs/chassis", *(f"services/{name}" for name in SERVICES), "gateway", "deploy")


def package_of(service: str) -> str:
    """'import' is a Python keyword, so every package carries a suffix."""
    return f"{service}_service"


@dataclass(frozen=True)
class RunDir:
    """The folder of one running system: pid and log files, generated secrets, private servers' data."""

    path: Path

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> RunDir:
        """`RUN_DIR`, else `.run` in the checkout; a relative path counts from the working directory."""
        return cls(Path(environment.get("RUN_DIR") or ROOT / ".run").absolute())

    def make(self) -> None:
        """Makes the folder, and refuses one that an earlier run of another account has files in."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            files = [path for path in self.path.iterdir() if path.is_file()]
        except OSError as error:
            raise CannotStart(
                f"{self.path} can't be used: {error}.\nName another folder in RUN_DIR."
            ) from error
        for path in (self.path, *files):
            if is_anothers(path) and not os.access(path, os.R_OK | os.W_OK):
                raise CannotStart(
                    f"{path} is another account's, of an earlier run. Name another folder in RUN_DIR, "
                    f"or have root give it to you: chown -R {os.geteuid()} {self.path}"
                )
        if not os.access(self.path, os.W_OK | os.X_OK):
            raise CannotStart(f"{self.path} can't be written. Name another folder in RUN_DIR.")

    @property
    def identity(self) -> str:
        """A short name that differs between two run folders of one machine."""
        return hashlib.sha256(str(self.path).encode()).hexdigest()[:10]

    @property
    def env_file(self) -> Path:
        """Written once all is ready."""
        return self.path / "env"

    @property
    def mail_folder(self) -> Path:
        """Where mails are written when no mail server is set."""
        return self.path / "mail"

    @property
    def demo_mark(self) -> Path:
        """There once the demo organization is complete; names the database it is in."""
        return self.path / "demo-loaded"

    @property
    def containers_mark(self) -> Path:
        """There once containers have data of this folder, in volumes of Docker's."""
        return self.path / "data-in-containers"

    def pid_file(self, process: str) -> Path:
        """Holds the process id while the process runs."""
        return self.path / f"{process}.pid"

    def log_file(self, process: str) -> Path:
        """Standard output and error of the process."""
        return self.path / f"{process}.log"


def is_anothers(path: Path) -> bool:
    """Whether it belongs to another account than this process's. False for what has just gone."""
    try:
        return path.stat().st_uid != os.geteuid()
    except FileNotFoundError:
        return False


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Replaces the file in one step: a reader sees the old text or the new, never half of it.

    In a folder of another account's, `account_folders.write_file` does so as that account.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)  # of a process that was killed, with its mode
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(path)
