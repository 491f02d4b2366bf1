"""What a rung tells the world: descriptor.json, and admin.json for its operator."""

import json
import os
from pathlib import Path
from typing import Any

from central_baseline.supervisor.plan import Plan

SCHEMA = 1


def descriptor(plan: Plan, control: Path) -> dict[str, Any]:
    """The document that fault injectors and load generators read."""
    return {
        "schema": SCHEMA,
        "world": "central",
        "rung": plan.rung,
        "endpoints": [
            {"url": endpoint.url, "protocol": "http", "component": endpoint.component}
            for endpoint in plan.endpoints
        ],
        "control": str(control),
        "components": [
            {"name": component.name, "role": component.role}
            for stage in plan.stages
            for component in stage
        ],
        "links": [
            {"from": link.source, "to": link.target, "address": link.address}
            for link in plan.links
        ],
        "durability": plan.durability,
        "software": dict(plan.software),
    }


def write_document(path: Path, document: object, mode: int = 0o644) -> None:
    """Replace a JSON file as a whole: a reader sees the old one or the new one."""
    scratch = path.with_name(f".{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor_number = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor_number, "w") as file:
        json.dump(document, file, indent=2)
        file.write("\n")
    scratch.replace(path)
