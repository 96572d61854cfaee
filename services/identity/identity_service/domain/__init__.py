"""The rules of identity, without a framework: people, organizations, passwords, tokens."""
