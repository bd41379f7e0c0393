"""Where journals disagree: people, journals, and the life of a discrepancy."""

DISTRIBUTION = "svod"
