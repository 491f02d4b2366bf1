"""`python -m central_baseline.web SETTINGS.json`: one web server process."""

import sys
from pathlib import Path

from central_baseline.web.app import run
from central_baseline.web.settings import load_settings

if __name__ == "__main__":
    run(load_settings(Path(sys.argv[1])))
