"""``python data_scripts/extract``, from any folder."""

import os
import sys

# Python has put this folder itself on the path, where our modules would hide others of the same name.
sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

try:
    from extract.command import main
except ImportError as error:
    sys.exit(f"extract: {error}")

if __name__ == "__main__":
    sys.exit(main())
