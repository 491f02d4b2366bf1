"""`python -m node`: the same commands as the console script `chandlery`."""

import sys

from node.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
