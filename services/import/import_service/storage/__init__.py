"""The import service's tables and queries."""

from import_service.storage import erasing, imports, pairs, rows, uploads
from import_service.storage.tables import metadata

__all__ = ["erasing", "imports", "metadata", "pairs", "rows", "uploads"]
