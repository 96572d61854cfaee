"""Plumbing that every Tandem service and the gateway share; it knows nothing of tutoring."""

from chassis.time_zones import pin_data

# Here rather than in each entry point: a process that imports any part of the chassis can't be started past it.
pin_data()
