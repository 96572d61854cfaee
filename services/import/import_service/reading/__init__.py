"""From an uploaded file to rows: what it is, which column means what, and what each row says.

Runs in a child process of its own (`python -m import_service.reading`) that has neither database nor network, so it
imports the standard library only. Nothing here knows who exists; that is decided later, from the rows.
"""
