"""What `status` says of a rung in which something does not run."""

import pytest

from central_baseline.standing import Copies, meaning

CDN = {
    "db1": "database",
    "db2": "database",
    "db3": "database",
    "app1": "web",
    "app2": "web",
    "balancer": "balancer",
    "cache": "cache",
    "edge-eu": "edge",
    "edge-us": "edge",
    "dns1": "dns",
    "dns2": "dns",
}
WHOLE = Copies("db1", ("db2", "db3"))


def said(
    dead: set[str], copies: Copies | None = WHOLE, roles: dict[str, str] | None = None
) -> str:
    components = [
        {"name": name, "role": role, "state": "dead" if name in dead else "running"}
        for name, role in (roles or CDN).items()
    ]
    return "; ".join(meaning(components, copies))


def test_where_everything_runs_nothing_is_said() -> None:
    assert said(set()) == ""
    assert said(set(), None, {"server": "server"}) == ""
    assert said(set(), None, {"app1": "web", "database": "database"}) == ""


@pytest.mark.parametrize(
    ("dead", "sentence"),
    [
        ({"app1"}, "app1 missing: the other app servers serve everything"),
        ({"app1", "app2"}, "nothing is served until one of app1 and app2 is back"),
        ({"balancer"}, "nothing but the static files that edges keep is served"),
        ({"cache"}, "without cache every read asks the database"),
        ({"edge-us"}, "shoppers near edge-us are sent to the next nearest edge"),
        ({"edge-eu", "edge-us"}, "the shop's name leads to the origin itself"),
        ({"dns1"}, "without dns1 the other name server answers"),
        ({"dns1", "dns2"}, "nobody answers for the shop's name"),
        ({"db3"}, "everything is served by db1 and db2; one more dead database node"),
        ({"db1"}, "no primary: a standby takes over"),
        ({"db2", "db3"}, "1 of 3 database nodes run and an order needs 2"),
    ],
)
def test_each_death_has_its_sentence(dead: set[str], sentence: str) -> None:
    assert sentence in said(dead)


def test_what_has_no_second_one_stops() -> None:
    assert "nothing is served until server" in said(
        {"server"}, None, {"server": "server"}
    )
    roles = {"app1": "web", "database": "database"}
    assert "no order is taken or read until database is back" in said(
        {"database"}, None, roles
    )
    roles = {"app1": "web", "balancer": "balancer", "database": "database"}
    assert said({"balancer"}, None, roles) == "nothing is served until balancer is back"


def test_a_standby_that_has_yet_to_catch_up_is_no_copy() -> None:
    assert said(set(), Copies("db1", ("db3",))) == (
        "db2 has yet to catch up before it is a copy"
    )
    nobody = "no standby is known as a copy of db1 yet: an order waits until one has it"
    assert said(set(), Copies("db1", ())) == nobody
    # What agents still call a copy may be dead already.
    assert nobody in said({"db3"}, Copies("db1", ("db3",)))
    assert "no primary" in said(set(), None)
