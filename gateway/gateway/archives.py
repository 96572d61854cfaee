"""Answering an archive: what `gateway.exporting` wrote, sent from a temporary file."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import IO

from werkzeug.wrappers import Response

from gateway import deadlines
from gateway.exporting import Archive

ZIP = "application/zip"
BLOCK = 64 * 1024


def of_person(user_id: str) -> Response:
    """The person's archive, once it is complete; each step has a request's time, all together a minute."""
    file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the answer was sent
    try:
        Archive(deadlines.Detached().call, user_id, file).write()
    except BaseException:
        file.close()
        raise
    size = file.tell()
    file.seek(0)
    headers = {
        "Content-Disposition": f'attachment; filename="person-{user_id}.zip"',
        "Content-Length": str(size),
    }
    response = Response(blocks(file), headers=headers, content_type=ZIP)
    response.call_on_close(file.close)
    return response


def blocks(file: IO[bytes]) -> Iterator[bytes]:
    """The file's bytes, as fast as the caller takes them."""
    while block := file.read(BLOCK):
        yield block
