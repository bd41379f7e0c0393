"""Care of the store: backup and restore, letting go of what is old, holding it against its invariants."""
