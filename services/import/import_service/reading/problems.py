"""Why a file can't be used as a whole."""

from __future__ import annotations


class UnreadableFile(Exception):
    """The file is refused. `code` is stable; `column` names a header where one is to blame."""

    def __init__(self, code: str, detail: str, *, column: str | None = None) -> None:
        super().__init__(code, detail)
        self.code = code
        self.detail = detail
        self.column = column

    def to_json(self) -> dict[str, str | None]:
        """The shape that `get_import` shows."""
        return {"code": self.code, "column": self.column, "detail": self.detail}
