"""How to read one portal: a folder a portal, found by the registry."""

DISTRIBUTION = "svod"
