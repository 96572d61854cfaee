"""Reading a multipart upload, and cutting a file into pieces that fit a message."""

from __future__ import annotations

import base64
import hashlib
from collections import Counter
from collections.abc import Iterator
from typing import IO, Any

from flask import request
from marshmallow import Schema
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge, UnsupportedMediaType

from chassis.errors import Invalid
from gateway.parts import parts
from gateway.reading import MISSING, client, invalid, invalid_names

# A message holds a chunk in base64, at most 1 MiB of it.
CHUNK = 768 * 1024
LONGEST_NAME = 255
# The boundaries, headers and fields around the file.
AROUND_THE_FILE = 64 * 1024


class UploadBody:
    """Reads `multipart/form-data` with one `file` and the text fields of `schema`. Large files wait on disk."""

    def __init__(self, schema: type[Schema]) -> None:
        self._schema = schema
        self._known = frozenset(schema().load_fields)

    def parameter(self) -> dict[str, Any]:
        """For the OpenAPI document."""
        return {
            "in": "files",
            "content_type": "multipart/form-data",
            "required": True,
            "schema": self._schema,
        }

    def read(self) -> dict[str, Any]:
        """The fields as text, and `file`; a 4xx error that names what is wrong."""
        if request.mimetype != "multipart/form-data":
            raise UnsupportedMediaType("Send the file as multipart/form-data.")
        request.max_content_length = parts().settings.max_upload + AROUND_THE_FILE
        with parts().receiving.place(client()):
            given = {**request.form.to_dict(), **request.files.to_dict()}
        if unknown := given.keys() - self._known:
            raise invalid_names(unknown, [])
        refuse_repeated()
        if not isinstance(given.get("file"), FileStorage):
            raise invalid([("file", MISSING)])
        return given


def refuse_repeated() -> None:
    """Invalid if a field came twice: nobody could tell which one was meant."""
    names = Counter(name for name, _ in request.form.items(multi=True))
    names.update(name for name, _ in request.files.items(multi=True))
    repeated = sorted(name for name, count in names.items() if count > 1)
    if repeated:
        raise invalid([(name, "Given more than once.") for name in repeated])


def name_of(file: FileStorage) -> str:
    """The name its owner gave the file, without folders and what can't be shown."""
    name = (file.filename or "").replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in name if c.isprintable()).strip()[-LONGEST_NAME:] or "upload"


def size_of(file: IO[bytes]) -> int:
    """The file's bytes; RequestEntityTooLarge beyond the limit, Invalid when there are none."""
    size = file.seek(0, 2)
    file.seek(0)
    limit = parts().settings.max_upload
    if size > limit:
        raise RequestEntityTooLarge(f"A file may have up to {limit // 1024 // 1024} MB.")
    if size == 0:
        raise Invalid.field("/file", "The file is empty.")
    return size


def chunks(file: IO[bytes]) -> Iterator[tuple[int, str]]:
    """(position, base64) of each piece, in order."""
    position = 0
    while piece := file.read(CHUNK):
        yield position, base64.b64encode(piece).decode()
        position += 1


def sha256_of(file: IO[bytes]) -> str:
    """The file's digest in hex; leaves it at its start."""
    file.seek(0)
    digest = hashlib.sha256()
    while piece := file.read(CHUNK):
        digest.update(piece)
    file.seek(0)
    return digest.hexdigest()
