"""Reads exported files of any format into sheets of typed cells; what a file is, its content says."""
