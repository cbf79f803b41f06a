"""``python -m mee`` is ``mee``, for when the command is not on the path."""

from mee.cli import main

main()
