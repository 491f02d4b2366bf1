"""A blueprint as a compose file: one machine with containers, or a swarm's.

Three networks are the firewall: `public` is where the world comes in, `web` leads from
the balancer to the app servers, `data` from them to databases and cache; the latter two
are internal, they have no way out. (`outside` is for who calls servers that exist
already.) Containers of one unit share the address of a service that does nothing else
than hold it: were it one of themselves, its restart would leave the others with the
address of before. Source: the Compose Specification.
"""

from typing import Any

from central_baseline.manifests.blueprint import (
    FILES,
    SCRATCH,
    STATE,
    Blueprint,
    Container,
    Port,
    Probe,
    Unit,
)
from central_baseline.manifests.draw import ADDRESSES
from central_baseline.manifests.image import USER, image

HOLDER = Container("address", ("sleep", "infinity"), memory_mb=16, grace_s=1)
PRIVATE = ("web", "data")
SHARED = 8000  # added to ports that several on one machine want
NETWORKS = {
    "setup": ("data",),
    "database": ("data",),
    "cache": ("data",),
    "server": ("public", "data"),
    "web": ("web", "data"),
    "balancer": ("public", "web"),
    "edge": ("public",),
    "dns": ("public",),
}
Document = dict[str, Any]


def compose_document(blueprint: Blueprint) -> Document:
    """The whole file. Names of configs and secrets are paths below the folder."""
    services: Document = {}
    configs: Document = {}
    secrets: Document = {}
    for unit in blueprint.units:
        together = len(unit.containers) > 1
        if together:
            holder = _program(unit, HOLDER) | _standing(blueprint, unit)
            holder |= {"init": True, "healthcheck": {"test": ["CMD", "true"]}}
            services[unit.name] = holder
        for container in unit.containers:
            name = f"{unit.name}-{container.name}" if together else unit.name
            services[name] = _service(blueprint, unit, container, together)
            for file in container.files:
                place = secrets if file.secret else configs
                place[key_of(unit, container, file.name)] = {
                    "file": f"./{path_of(unit, container, file.name, file.secret)}"
                }
    volumes: Document = {
        f"{unit.name}-state": {}
        for unit in blueprint.units
        if any(container.keeps for container in unit.containers)
    }
    used = {n for unit in blueprint.units for n in _networks(blueprint, unit)}
    return {
        "name": f"chandlery-{blueprint.rung}",
        "services": services,
        "networks": {name: _network(name) for name in sorted(used)},
        "volumes": volumes,
        **({"configs": configs} if configs else {}),
        "secrets": secrets,
    }


def key_of(unit: Unit, container: Container, file: str) -> str:
    return f"{unit.name}-{container.name}-{file.replace('.', '-')}"


def path_of(unit: Unit, container: Container, file: str, secret: bool) -> str:
    """Where a file lies, below the folder of the manifests."""
    return f"{'secrets' if secret else 'config'}/{unit.name}/{container.name}-{file}"


def _program(unit: Unit, container: Container) -> Document:
    """What every service is given, whatever it does."""
    return {
        "image": image(),
        "command": [word.replace("$", "$$") for word in container.command],
        "user": f"{USER}:{USER}",
        "read_only": True,
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "tmpfs": [f"{SCRATCH}:uid={USER},gid={USER}", "/tmp"],
        "restart": "on-failure" if unit.once else "unless-stopped",
        "stop_grace_period": f"{container.grace_s}s",
        "deploy": {"resources": {"limits": _limits(container)}},
    }


def _service(
    blueprint: Blueprint, unit: Unit, container: Container, together: bool
) -> Document:
    found = _program(unit, container)
    if together:
        found["network_mode"] = f"service:{unit.name}"
        found["depends_on"] = {unit.name: {"condition": "service_started"}}
    else:
        found |= _standing(blueprint, unit)
    if unit.role in {"web", "server"} and container.name.startswith("web"):
        found.setdefault("depends_on", {})["setup"] = {
            "condition": "service_completed_successfully"
        }
    if container.probe is not None:
        found["healthcheck"] = _healthcheck(container.probe)
    if container.keeps:
        found["volumes"] = [
            {"type": "volume", "source": f"{unit.name}-state", "target": STATE}
        ]
    for kind, secret in (("configs", False), ("secrets", True)):
        files = [file for file in container.files if file.secret is secret]
        if files:
            found[kind] = [
                {
                    "source": key_of(unit, container, file.name),
                    "target": f"{FILES}/{file.name}",
                }
                for file in files
            ]
    return found


def _standing(blueprint: Blueprint, unit: Unit) -> Document:
    """How a unit stands in the networks."""
    networks: Document = {name: {} for name in _networks(blueprint, unit)}
    if unit.address is not None and unit.address.startswith(ADDRESSES):
        networks["public"] = {"ipv4_address": unit.address}
    ports = [
        {
            "target": port.number,
            "published": str(_published(blueprint, unit, port)),
            "protocol": port.protocol.lower(),
            "mode": "host",
        }
        for port in unit.ports
        if port.public is not None
    ]
    found: Document = {"hostname": unit.name, "networks": networks}
    if ports:
        found["ports"] = ports
    if unit.role == "setup":
        targets = {rule.target for rule in blueprint.targets_of(unit.name)}
        if targets:
            found["depends_on"] = {
                name: {"condition": "service_started"} for name in sorted(targets)
            }
    return found


def _published(blueprint: Blueprint, unit: Unit, port: Port) -> int:
    """The public number to the first, another one to who shares the machine."""
    assert port.public is not None
    first, *others = [
        other.name
        for other in sorted(blueprint.units, key=lambda unit: unit.role != "balancer")
        if any(p.public == port.public for p in other.ports)
    ]
    if unit.name == first:
        return port.public
    return SHARED + port.public + others.index(unit.name) + 1


def _networks(blueprint: Blueprint, unit: Unit) -> tuple[str, ...]:
    names = NETWORKS[unit.role]
    if unit.is_public and "public" not in names:
        names = ("public", *names)
    if unit.name in blueprint.outside:
        names = (*names, "outside")
    has_balancer = any(other.role == "balancer" for other in blueprint.units)
    return names if has_balancer else tuple(n for n in names if n != "web")


def _network(name: str) -> Document:
    if name in PRIVATE:
        return {"internal": True}
    if name == "outside":
        return {}
    return {"ipam": {"config": [{"subnet": f"{ADDRESSES}0/24"}]}}


def _healthcheck(probe: Probe) -> Document:
    words = ["CMD", "python", "-m", "central_baseline.manifests.probe", probe.kind]
    words += ["127.0.0.1", str(probe.port), *([probe.subject] if probe.subject else [])]
    return {
        "test": words,
        "interval": "10s",  # each is a start of Python
        "timeout": "5s",
        "retries": 3,
        "start_period": "60s",
    }


def _limits(container: Container) -> Document:
    limits: Document = {"memory": f"{container.memory_mb}M"}
    if container.cores is not None:
        limits["cpus"] = str(container.cores)
    return limits
