"""`python -m flashmail`."""

from flashmail.cli import main

main()
