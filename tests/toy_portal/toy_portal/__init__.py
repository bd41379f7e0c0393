"""The toy portal: the worked example of docs/ADDING_A_PORTAL.md, and the proof that it works."""
