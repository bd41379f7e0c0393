"""`python -m svod`"""

from svod.cli import main

if __name__ == "__main__":  # a process that svod starts beside itself imports this module too
    main()
