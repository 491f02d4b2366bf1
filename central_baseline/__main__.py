"""`python -m central_baseline`: the same as `chandlery central`."""

import sys

from central_baseline.cli import main

if __name__ == "__main__":
    sys.exit(main())
