"""Tries to break Tandem's promises, and checks in a recorded history that they held: see `bin/chaos --help`."""
