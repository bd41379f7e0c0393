"""`python -m svod`"""

from svod.cli import main

main()
