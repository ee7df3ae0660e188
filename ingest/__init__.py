"""Fills the store: sources -> documents -> passages -> vectors -> one report."""
