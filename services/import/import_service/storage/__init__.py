"""The import service's tables and queries."""

from import_service.storage import imports, pairs, rows, uploads
from import_service.storage.tables import metadata

__all__ = ["imports", "metadata", "pairs", "rows", "uploads"]
