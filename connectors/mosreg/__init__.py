"""Reads «Моя школа» of the Moscow region."""
