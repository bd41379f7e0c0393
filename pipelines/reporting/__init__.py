"""Reports: a report is one module of `reports`, a way to print it one module of `formats`."""
