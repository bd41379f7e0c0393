"""Proposes a layout for a file that none fits, by what its columns hold."""
