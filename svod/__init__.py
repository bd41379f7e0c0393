"""The front door: the command line, the settings and the names that outsiders may import."""

DISTRIBUTION = "svod"
__version__ = "0.1.0"
