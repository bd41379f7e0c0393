"""The kit that every connector is held against, shipped with the hub."""
