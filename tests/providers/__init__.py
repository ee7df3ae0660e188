"""Fake providers: servers of this machine that speak the wire formats of those who serve models."""
