"""Retrieval measured on a folder in BEIR layout: `dataset` reads it, `measure` searches it, `record` keeps the result
of every query in a file, `statistics` and `abstention` judge differences, `summary` puts the figures together,
`markdown` and `plot` show them."""
