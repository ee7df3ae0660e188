"""Checks of text by origin: each file one check, each finding a Verdict; `policy` acts on them."""
