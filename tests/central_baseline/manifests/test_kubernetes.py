"""The Kubernetes manifests: valid, whole, and closed but for the rung's door."""

import base64
import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from tests.central_baseline.manifests.test_compose_file import (
    components,
    passwords_of,
)

Manifests = tuple[str, Path]
Document = dict[str, Any]
VERSION = "1.30"
INSTANCE = "app.kubernetes.io/instance"


def documents(folder: Path, *kinds: str) -> list[Document]:
    found: list[Document] = []
    for name in ("kubernetes.yaml", "secrets.yaml"):
        found += yaml.safe_load_all((folder / name).read_text())
    return [d for d in found if not kinds or d["kind"] in kinds]


def workloads(folder: Path) -> dict[str, Document]:
    kinds = ("Deployment", "StatefulSet", "Job")
    return {d["metadata"]["name"]: d for d in documents(folder, *kinds)}


def test_they_obey_the_api(kubernetes_folder: Manifests) -> None:
    for found in documents(kubernetes_folder[1]):
        kubernetes_validate.validate(found, VERSION, strict=True)
    found["spec" if "spec" in found else "data"] = ["not an object"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(found, VERSION, strict=True)


def test_every_component_of_the_rung_is_a_workload(
    kubernetes_folder: Manifests, tmp_path: Path
) -> None:
    rung, folder = kubernetes_folder
    wanted = set(components(rung, tmp_path / "rung"))
    assert set(workloads(folder)) == wanted | {"setup"}


def test_only_entrances_get_a_public_service(
    kubernetes_folder: Manifests, tmp_path: Path
) -> None:
    rung, folder = kubernetes_folder
    roles = components(rung, tmp_path / "rung")
    doors = {"balancer", "edge", "dns"} if "balancer" in roles else {"web", "server"}
    public = {
        d["spec"]["selector"][INSTANCE]
        for d in documents(folder, "Service")
        if d["spec"]["type"] != "ClusterIP"
    }
    assert public == {name for name, role in roles.items() if role in doors}


def test_everything_is_denied_and_only_entrances_are_open_to_anybody(
    kubernetes_folder: Manifests,
) -> None:
    folder = kubernetes_folder[1]
    found = {
        d["metadata"]["name"]: d["spec"] for d in documents(folder, "NetworkPolicy")
    }
    closed = found["deny-everything"]
    assert closed == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    open_to_all = {
        name
        for name, spec in found.items()
        for rule in spec.get("ingress", [])
        if "from" not in rule
    }
    public = {
        d["spec"]["selector"][INSTANCE]
        for d in documents(folder, "Service")
        if d["spec"]["type"] != "ClusterIP"
    }
    assert open_to_all == public


def test_whoever_may_call_is_let_in_and_the_other_way_round(
    kubernetes_folder: Manifests,
) -> None:
    out: set[tuple[str, str, int]] = set()
    into: set[tuple[str, str, int]] = set()
    for found in documents(kubernetes_folder[1], "NetworkPolicy"):
        name, spec = found["metadata"]["name"], found["spec"]
        for way, key, pairs in (("egress", "to", out), ("ingress", "from", into)):
            for rule in spec.get(way, []):
                for peer in rule.get(key, []):
                    if "podSelector" not in peer:
                        continue
                    other = peer["podSelector"]["matchLabels"][INSTANCE]
                    for port in rule["ports"]:
                        pair = (name, other) if way == "egress" else (other, name)
                        pairs.add((*pair, port["port"]))
    assert out == into
    assert ("balancer", "database", 5432) not in out


def test_addresses_in_configurations_are_allowed_by_a_policy(
    kubernetes_folder: Manifests,
) -> None:
    """What a unit's files name as host:port, it may reach."""
    folder = kubernetes_folder[1]
    allowed: set[tuple[str, str, int]] = set()
    for found in documents(folder, "NetworkPolicy"):
        for rule in found["spec"].get("egress", []):
            for peer in rule.get("to", []):
                if "podSelector" in peer:
                    other = peer["podSelector"]["matchLabels"][INSTANCE]
                    allowed |= {
                        (found["metadata"]["name"], other, port["port"])
                        for port in rule["ports"]
                    }
    names = "|".join(workloads(folder))
    place = re.compile(rf"[@ \",/]({names}):(\d+)")
    seen = 0
    for found in documents(folder, "ConfigMap", "Secret"):
        unit = found["metadata"]["name"].rpartition("-")[0]
        for text in found["data"].values():
            if found["kind"] == "Secret":
                text = base64.b64decode(text).decode()
            for name, port in place.findall(text):
                if name != unit:
                    seen += 1
                    assert (unit, name, int(port)) in allowed
    assert seen > 0


def test_names_are_asked_of_the_system_which_knows_the_search_domains(
    kubernetes_folder: Manifests,
) -> None:
    """HAProxy's own look-ups would ask for a bare `app1`, which nobody knows."""
    texts = [
        text
        for found in documents(kubernetes_folder[1], "ConfigMap")
        for name, text in found["data"].items()
        if name == "haproxy.cfg"
    ]
    alone = kubernetes_folder[0] in {"single", "database", "vertical"}
    assert bool(texts) == (not alone)
    assert not [text for text in texts if "resolvers" in text]


def test_volumes_keep_the_permissions_that_postgres_insists_on(
    kubernetes_folder: Manifests,
) -> None:
    for found in workloads(kubernetes_folder[1]).values():
        context = found["spec"]["template"]["spec"]["securityContext"]
        assert context["fsGroupChangePolicy"] == "OnRootMismatch"


def test_pods_are_restricted_probed_and_bounded(kubernetes_folder: Manifests) -> None:
    for name, found in workloads(kubernetes_folder[1]).items():
        pod = found["spec"]["template"]["spec"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            tag = container["image"].rpartition(":")[2]
            assert tag[0].isdigit()
            own = container["securityContext"]
            assert own["readOnlyRootFilesystem"] is True
            assert own["allowPrivilegeEscalation"] is False
            assert "memory" in container["resources"]["limits"]
            if name != "setup":
                assert {"readinessProbe", "livenessProbe"} <= set(container)


def test_databases_keep_their_disk_and_stay_apart(kubernetes_folder: Manifests) -> None:
    for name, found in workloads(kubernetes_folder[1]).items():
        keeps = name in {"database", "server"} or name.startswith("db")
        assert (found["kind"] == "StatefulSet") == keeps
        if name.startswith("db"):
            apart = found["spec"]["template"]["spec"]["affinity"]["podAntiAffinity"]
            assert "requiredDuringSchedulingIgnoredDuringExecution" in apart


def test_passwords_are_in_secrets_alone(kubernetes_folder: Manifests) -> None:
    folder = kubernetes_folder[1]
    text = (folder / "kubernetes.yaml").read_text()
    assert not [word for word in passwords_of(folder) if word in text]
    assert (folder / "secrets.yaml").stat().st_mode & 0o777 == 0o600
