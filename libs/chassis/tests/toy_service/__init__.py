"""A service without a domain, to test the chassis with."""
