"""Limits on how often somebody may call; `admission` is the way in."""
