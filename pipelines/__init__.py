"""What is done with journals: importing, completeness, reporting, export."""

DISTRIBUTION = "svod"
