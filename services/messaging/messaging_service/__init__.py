"""Conversations between an instructor and a student who are assigned to each other."""
