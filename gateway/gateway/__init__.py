"""Tandem's HTTP API: authenticates, calls the services, composes their answers, and translates errors into HTTP."""
