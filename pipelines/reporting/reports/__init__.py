"""The reports, a module each: what is in its `REPORT` is all there is to say of it."""
