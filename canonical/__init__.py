"""What a journal is: one vocabulary for every portal, and the store that keeps it.

Knows no portal, no pipeline, no screen. Everything else imports from here; nothing here imports from anywhere else.
"""

DISTRIBUTION = "svod"
