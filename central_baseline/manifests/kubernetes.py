"""A blueprint as Kubernetes manifests, with the firewall as NetworkPolicies.

Nothing may talk to anything unless a policy says so; only what the rung shows to the
world is open to it. Every pod runs as an ordinary user with a read-only root and no
privileges (Pod Security Standard `restricted`).
Source: Kubernetes API reference (apps/v1, batch/v1, networking.k8s.io/v1).
"""

import base64
import hashlib
from typing import Any

from central_baseline.manifests.blueprint import (
    FILES,
    SCRATCH,
    STATE,
    Blueprint,
    Container,
    Probe,
    Unit,
)
from central_baseline.manifests.image import USER, image

Document = dict[str, Any]
APP = "app.kubernetes.io/"
STATE_SIZE = "10Gi"
APART = {"database", "web", "dns"}  # never two on one machine, if it can be helped


def kubernetes_documents(blueprint: Blueprint) -> tuple[list[Document], list[Document]]:
    """The manifests, and apart from them the secrets."""
    space = f"chandlery-{blueprint.rung}"
    found = [_namespace(space)]
    secrets: list[Document] = []
    for unit in blueprint.units:
        config, secret = _files(unit)
        found += config
        secrets += secret
        found += [_workload(unit, _digest(unit)), *_services(unit)]
    found += _budgets(blueprint) + policies(blueprint)
    for document in (*found[1:], *secrets):
        document["metadata"]["namespace"] = space
        document["metadata"].setdefault("labels", {})[f"{APP}part-of"] = space
    return found, secrets


def policies(blueprint: Blueprint) -> list[Document]:
    """Deny everything, then allow what the blueprint allows."""
    found = [_policy("deny-everything", {"podSelector": {}}, ["Ingress", "Egress"])]
    names = _policy("ask-names", {"podSelector": {}}, ["Egress"])
    names["spec"]["egress"] = [
        {"ports": [{"protocol": p, "port": 53} for p in ("UDP", "TCP")]}
    ]
    found.append(names)
    for unit in blueprint.units:
        spec: Document = {"podSelector": _selects(unit.name)}
        policy = _policy(unit.name, spec, ["Ingress", "Egress"])
        policy["spec"]["ingress"] = [
            {"from": [{"podSelector": _selects(rule.source)}], "ports": _ports(rule)}
            for rule in blueprint.sources_of(unit.name)
        ] + [
            {"ports": [{"protocol": port.protocol, "port": port.number}]}
            for port in unit.ports
            if port.public is not None
        ]
        policy["spec"]["egress"] = [
            {"to": [{"podSelector": _selects(rule.target)}], "ports": _ports(rule)}
            for rule in blueprint.targets_of(unit.name)
        ] + [
            # By the address that the world uses, which name servers look at.
            {"to": [{"ipBlock": {"cidr": f"{target.address}/32"}}], "ports": outside}
            for rule in blueprint.targets_of(unit.name)
            if (target := blueprint.unit(rule.target)).address is not None
            and (outside := _public_ports(target))
        ]
        if unit.name in blueprint.outside:
            ports = [
                {"protocol": "TCP", "port": port}
                for port in blueprint.outside[unit.name]
            ]
            anywhere = [{"ipBlock": {"cidr": "0.0.0.0/0"}}]
            policy["spec"]["egress"].append({"to": anywhere, "ports": ports})
        found.append(policy)
    return found


def _ports(rule: Any) -> list[Document]:
    return [{"protocol": "TCP", "port": port} for port in rule.ports]


def _public_ports(unit: Unit) -> list[Document]:
    return [
        {"protocol": port.protocol, "port": port.public}
        for port in unit.ports
        if port.public is not None
    ]


def _policy(name: str, spec: Document, kinds: list[str]) -> Document:
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name},
        "spec": {**spec, "policyTypes": kinds},
    }


def _selects(unit: str) -> Document:
    return {"matchLabels": {f"{APP}instance": unit}}


def _namespace(name: str) -> Document:
    restricted = {"pod-security.kubernetes.io/enforce": "restricted"}
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": restricted},
    }


def _labels(unit: Unit) -> dict[str, str]:
    return {f"{APP}instance": unit.name, f"{APP}component": unit.role}


def _files(unit: Unit) -> tuple[list[Document], list[Document]]:
    config: list[Document] = []
    secret: list[Document] = []
    for container in unit.containers:
        plain = {file.name: file.text for file in container.files if not file.secret}
        hidden = {
            file.name: base64.b64encode(file.text.encode()).decode()
            for file in container.files
            if file.secret
        }
        name = f"{unit.name}-{container.name}"
        if plain:
            config.append(_holder("ConfigMap", name, plain))
        if hidden:
            secret.append({**_holder("Secret", name, hidden), "type": "Opaque"})
    return config, secret


def _holder(kind: str, name: str, data: dict[str, str]) -> Document:
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name},
        "data": data,
    }


def _digest(unit: Unit) -> str:
    """Changes with the configuration, so that pods are replaced when it does."""
    texts = [file.text for container in unit.containers for file in container.files]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _workload(unit: Unit, digest: str) -> Document:
    keeps = any(container.keeps for container in unit.containers)
    template = {
        "metadata": {
            "labels": _labels(unit),
            "annotations": {"chandlery/configuration": digest},
        },
        "spec": _pod(unit),
    }
    found: Document = {"metadata": {"name": unit.name, "labels": _labels(unit)}}
    if unit.once:
        spec: Document = {"backoffLimit": 10, "template": template}
        return {"apiVersion": "batch/v1", "kind": "Job", **found, "spec": spec}
    spec = {
        "replicas": 1,
        "selector": _selects(unit.name),
        "template": template,
    }
    if not keeps:
        return {"apiVersion": "apps/v1", "kind": "Deployment", **found, "spec": spec}
    spec["serviceName"] = unit.name
    spec["volumeClaimTemplates"] = [
        {
            "metadata": {"name": "state"},
            "spec": {
                "accessModes": ["ReadWriteOnce"],
                "resources": {"requests": {"storage": STATE_SIZE}},
            },
        }
    ]
    return {"apiVersion": "apps/v1", "kind": "StatefulSet", **found, "spec": spec}


def _pod(unit: Unit) -> Document:
    volumes: list[Document] = [
        {"name": "scratch", "emptyDir": {"medium": "Memory", "sizeLimit": "256Mi"}},
        {"name": "tmp", "emptyDir": {"sizeLimit": "64Mi"}},
    ]
    for container in unit.containers:
        sources = []
        name = f"{unit.name}-{container.name}"
        if any(not file.secret for file in container.files):
            sources.append({"configMap": {"name": name}})
        if any(file.secret for file in container.files):
            sources.append({"secret": {"name": name}})
        volumes.append(
            {
                "name": f"files-{container.name}",
                "projected": {"defaultMode": 0o440, "sources": sources},
            }
        )
    pod: Document = {
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "terminationGracePeriodSeconds": max(c.grace_s for c in unit.containers),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            # Not at each start: PostgreSQL refuses data that a group may write to.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(container) for container in unit.containers],
        "volumes": volumes,
    }
    if unit.once:
        pod["restartPolicy"] = "OnFailure"
    if unit.region is not None:
        pod["nodeSelector"] = {"topology.kubernetes.io/region": unit.region}
    if unit.role in APART:
        pod["affinity"] = _apart(unit)
    return pod


def _apart(unit: Unit) -> Document:
    term = {
        "labelSelector": {"matchLabels": {f"{APP}component": unit.role}},
        "topologyKey": "kubernetes.io/hostname",
    }
    if unit.role == "database":
        # Two copies on one machine are one copy.
        rule: Document = {"requiredDuringSchedulingIgnoredDuringExecution": [term]}
    else:
        rule = {
            "preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "podAffinityTerm": term}
            ]
        }
    return {"podAntiAffinity": rule}


def _container(container: Container) -> Document:
    mounts = [
        {"name": "scratch", "mountPath": SCRATCH},
        {"name": "tmp", "mountPath": "/tmp"},
        {"name": f"files-{container.name}", "mountPath": FILES, "readOnly": True},
    ]
    if container.keeps:
        mounts.append({"name": "state", "mountPath": STATE})
    limits = {"memory": f"{container.memory_mb}Mi"}
    if container.cores is not None:
        limits["cpu"] = str(container.cores)
    found: Document = {
        "name": container.name,
        "image": image(),
        "command": list(container.command),
        "resources": {"limits": limits, "requests": {"cpu": "100m", **limits}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": mounts,
    }
    if container.probe is not None:
        look = _look(container.probe)
        # A probe that is a program of its own costs a start of Python each time.
        every_s, patience_s = (10, 5) if "exec" in look else (2, 2)
        found["readinessProbe"] = {
            **look,
            "periodSeconds": every_s,
            "timeoutSeconds": patience_s,
        }
        # Patient: what only waits for another part gains nothing by a restart.
        alive = look if container.probe.kind == "dns" else _tcp(container.probe.port)
        found["livenessProbe"] = {
            **alive,
            "initialDelaySeconds": 60,
            "periodSeconds": 10,
            "timeoutSeconds": 5,
            "failureThreshold": 6,
        }
    return found


def _look(probe: Probe) -> Document:
    if probe.kind == "http":
        return {"httpGet": {"path": probe.subject, "port": probe.port}}
    if probe.kind == "tcp":
        return _tcp(probe.port)
    words = ["python", "-m", "central_baseline.manifests.probe", probe.kind]
    return {"exec": {"command": [*words, "127.0.0.1", str(probe.port), probe.subject]}}


def _tcp(port: int) -> Document:
    return {"tcpSocket": {"port": port}}


def _services(unit: Unit) -> list[Document]:
    """A private name for the unit; and where it is public, a way in."""
    if not unit.ports:
        return []

    def service(name: str, kind: str, ports: list[Document]) -> Document:
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "labels": _labels(unit)},
            "spec": {
                "type": kind,
                "selector": _selects(unit.name)["matchLabels"],
                # The members of a cluster meet before they are ready.
                "publishNotReadyAddresses": unit.role == "database",
                "ports": ports,
            },
        }

    inside = [
        {"name": p.name, "port": p.number, "protocol": p.protocol} for p in unit.ports
    ]
    found = [service(unit.name, "ClusterIP", inside)]
    outside = [
        {
            "name": port.name,
            "port": port.public,
            "targetPort": port.number,
            "protocol": port.protocol,
        }
        for port in unit.ports
        if port.public is not None
    ]
    if outside:
        public = service(f"{unit.name}-public", "LoadBalancer", outside)
        # Name servers tell regions apart by who asks.
        public["spec"]["externalTrafficPolicy"] = "Local"
        found.append(public)
    return found


def _budgets(blueprint: Blueprint) -> list[Document]:
    """Whoever empties machines takes one member of a role at a time."""
    roles = [unit.role for unit in blueprint.units if not unit.once]
    return [
        {
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": f"one-{role}-at-a-time"},
            "spec": {
                "maxUnavailable": 1,
                "selector": {"matchLabels": {f"{APP}component": role}},
            },
        }
        for role in dict.fromkeys(roles)
        if roles.count(role) > 1
    ]
