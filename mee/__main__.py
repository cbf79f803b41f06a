"""``python -m mee`` is ``mee``, for where the command is not on the path."""

from mee.cli import main

main()
