"""Who holds an office is asked of the nodes themselves, at the moment."""

import json
from pathlib import Path

from aiohttp import web
from aiohttp.test_utils import TestServer

from bench.adapters.offices import make_locator


def agent(status: int) -> TestServer:
    """A node's agent that answers /primary with a status."""

    async def answer(request: web.Request) -> web.Response:
        return web.Response(status=status)

    app = web.Application()
    app.router.add_get("/primary", answer)
    return TestServer(app)


async def test_the_primary_is_the_node_that_says_so(tmp_path: Path) -> None:
    async with agent(503) as one, agent(200) as two:
        agents = {
            "db1": str(one.make_url("")).rstrip("/"),
            "db2": str(two.make_url("")).rstrip("/"),
        }
        (tmp_path / "admin.json").write_text(json.dumps({"agents": agents}))
        locate = make_locator(tmp_path)
        assert locate is not None
        assert await locate("primary") == "db2"
        assert await locate("web") is None
    # Both are gone now: nobody holds it, and that is an answer.
    assert await locate("primary") is None


def test_a_target_without_agents_has_no_offices(tmp_path: Path) -> None:
    assert make_locator(tmp_path) is None
    (tmp_path / "admin.json").write_text("{}")
    assert make_locator(tmp_path) is None
