"""`python -m central_baseline.dns SETTINGS.json`: one name server process."""

import asyncio
import json
import logging
import sys
from pathlib import Path

from central_baseline.dns.server import serve
from central_baseline.dns.zone import settings_from

if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s")
    asyncio.run(serve(settings_from(json.loads(Path(sys.argv[1]).read_text()))))
