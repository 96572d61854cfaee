"""What identity does, one function per operation."""
