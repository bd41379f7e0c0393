"""Reads exported files: a folder in canonical form, or whatever a layout describes."""
