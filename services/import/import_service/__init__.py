"""The Multi-User Upload Tool: reads an uploaded file, plans what it would do, does it, and says what became of it."""
