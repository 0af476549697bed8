"""Malformed and odd images, made from seeds: see `tests.corpus.cases`, and `make corpus` for the whole campaign."""
