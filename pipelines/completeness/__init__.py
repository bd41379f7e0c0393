"""Holds the journals against the rules."""
