"""`python -m bench.synthetic DIR [TRUTH_JSON]`: the target of known truth."""

import asyncio
import json
import sys
from pathlib import Path

from bench.synthetic.supervisor import serve
from bench.synthetic.truth import Truth

if __name__ == "__main__":
    truth = Truth(**json.loads(sys.argv[2])) if len(sys.argv) > 2 else Truth()
    asyncio.run(serve(Path(sys.argv[1]).resolve(), truth))
