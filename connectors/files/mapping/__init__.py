"""Makes canonical records of the pages of files; pure."""
