"""The compose file has the whole rung, and shows the world no more than its door."""

from pathlib import Path
from typing import Any

import compose_spec
import pytest
import yaml

from central_baseline.composition.compose import compose
from central_baseline.config import Layout, Settings

Manifests = tuple[str, Path]


def document(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "compose.yaml").read_text())
    return found


def components(rung: str, folder: Path) -> dict[str, str]:
    """Names and roles of the rung as it runs here, by the same definitions."""
    layout = Layout(folder)
    layout.claim(rung)
    plan = compose(Settings(rung, folder), layout)
    return {c.name: c.role for stage in plan.stages for c in stage}


def test_it_obeys_the_compose_specification(compose_folder: Manifests) -> None:
    text = (compose_folder[1] / "compose.yaml").read_text()
    compose_spec.PyCompose.from_yaml(text)
    broken = text.replace("restart: unless-stopped", "restart: sometimes", 1)
    with pytest.raises(ValueError, match="sometimes"):
        compose_spec.PyCompose.from_yaml(broken)


def test_every_component_of_the_rung_is_there(
    compose_folder: Manifests, tmp_path: Path
) -> None:
    rung, folder = compose_folder
    services = document(folder)["services"]
    wanted = components(rung, tmp_path / "rung")
    beside = {n for n, s in services.items() if "network_mode" in s} | {"setup"}
    assert set(services) - beside == set(wanted)


def test_only_entrances_are_published(
    compose_folder: Manifests, tmp_path: Path
) -> None:
    rung, folder = compose_folder
    services = document(folder)["services"]
    published = {name for name, service in services.items() if "ports" in service}
    roles = components(rung, tmp_path / "rung")
    doors = {"balancer", "edge", "dns"}
    if "balancer" not in roles:
        doors = {"web", "server"}
    assert published == {name for name, role in roles.items() if role in doors}
    for name, service in services.items():
        if name not in published and "networks" in service:
            assert "public" not in service["networks"], name


def test_private_networks_have_no_way_out(compose_folder: Manifests) -> None:
    networks = document(compose_folder[1])["networks"]
    assert {name for name, net in networks.items() if net.get("internal")} == (
        set(networks) - {"public"}
    )


def test_services_are_looked_after_and_hold_no_privilege(
    compose_folder: Manifests,
) -> None:
    found = document(compose_folder[1])
    for name, service in found["services"].items():
        image, _, tag = service["image"].rpartition(":")
        assert image, name
        assert tag[0].isdigit()
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["user"].split(":")[0] != "0"
        assert "memory" in service["deploy"]["resources"]["limits"]
        if name != "setup":
            assert service["restart"] == "unless-stopped"
            assert service["healthcheck"]["test"][0] == "CMD"


def test_who_shares_an_address_shares_that_of_a_service_that_never_ends(
    compose_folder: Manifests,
) -> None:
    """A container that joined another one's network is cut off when that restarts."""
    services = document(compose_folder[1])["services"]
    holders = {
        service["network_mode"].removeprefix("service:")
        for service in services.values()
        if "network_mode" in service
    }
    assert holders == {n for n in services if "sleep" in services[n]["command"]}
    assert bool(holders) == (compose_folder[0] not in {"database", "horizontal"})


def test_addresses_that_may_change_are_looked_up_again(
    compose_folder: Manifests,
) -> None:
    found = list((compose_folder[1]).rglob("*haproxy.cfg"))
    assert bool(found) == (compose_folder[0] not in {"single", "database", "vertical"})
    for path in found:
        assert "resolvers system init-addr none" in path.read_text()


def test_databases_and_nothing_else_keep_a_volume(compose_folder: Manifests) -> None:
    found = document(compose_folder[1])
    keeping = {n for n, s in found["services"].items() if "volumes" in s}
    assert keeping == {
        n
        for n in found["services"]
        if n in {"database", "server-postgres"} or n[:2] == "db"
    }
    named = {v["source"] for n in keeping for v in found["services"][n]["volumes"]}
    assert named == set(found["volumes"])


def test_files_that_are_named_are_there_and_passwords_are_secrets(
    compose_folder: Manifests,
) -> None:
    folder = compose_folder[1]
    found = document(folder)
    for kind in ("configs", "secrets"):
        held = found.get(kind, {})
        used = {
            entry["source"]
            for service in found["services"].values()
            for entry in service.get(kind, [])
        }
        assert used == set(held)
        assert all((folder / entry["file"]).is_file() for entry in held.values())
    assert (folder / "secrets").stat().st_mode & 0o777 == 0o700
    passwords = passwords_of(folder)
    for path in folder.rglob("*"):
        if path.is_file() and "secrets" not in path.relative_to(folder).parts[0]:
            text = path.read_text()
            assert not [word for word in passwords if word in text], path


def passwords_of(folder: Path) -> list[str]:
    known = yaml.safe_load((folder / "secrets.json").read_text())
    return [*known["rung"].values(), known["raft"], known["cache"]]
