"""Plumbing that every Tandem service and the gateway share; it knows nothing of tutoring."""
