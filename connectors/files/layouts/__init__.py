"""Layouts: what a file that staff export looks like, as data (docs/layouts.md)."""
