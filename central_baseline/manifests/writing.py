"""Writing a rung's manifests into a folder, and keeping its secrets there.

The promise: written again, the passwords are the same, so that a running shop can be
changed; secrets lie in files of their own, which `.gitignore` names. It refuses a
folder that holds something else.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import yaml

from central_baseline.composition.storefront import delivery_pem
from central_baseline.config import Secrets
from central_baseline.errors import RefusedError, UsageError
from central_baseline.manifests.blueprint import Blueprint
from central_baseline.manifests.compose_file import compose_document, path_of
from central_baseline.manifests.draw import compose_addresses, draw
from central_baseline.manifests.image import dockerfile
from central_baseline.manifests.kubernetes import kubernetes_documents
from central_baseline.manifests.options import ORIGIN, ManifestOptions, ManifestSecrets
from central_baseline.manifests.units import WEB
from central_baseline.supervisor.descriptor import write_document

KEPT = "secrets.json"
IGNORED = "secrets/\nsecrets.yaml\nsecrets.json\ndelivery.pem\n"
FORMATS = ("compose", "kubernetes")


def write_manifests(options: ManifestOptions, form: str, folder: Path) -> list[Path]:
    """Write them; returns the files an operator starts with."""
    folder.mkdir(parents=True, exist_ok=True)
    secrets = _secrets(folder)
    options = replace(_addressed(options, form), names_move=form == "compose")
    blueprint = draw(options, secrets, delivery_pem(folder))
    _write(folder / ".gitignore", IGNORED)
    _write(folder / "Dockerfile", dockerfile())
    if form == "compose":
        return [folder / "Dockerfile", _write_compose(blueprint, folder)]
    documents, hidden = kubernetes_documents(blueprint)
    _write(folder / "kubernetes.yaml", to_yaml(documents))
    _write(folder / "secrets.yaml", to_yaml(hidden), 0o600)
    return [folder / name for name in ("Dockerfile", "kubernetes.yaml", "secrets.yaml")]


def to_yaml(documents: Iterable[dict[str, Any]]) -> str:
    """Documents as people write them: blocks, long texts line by line."""
    text: str = yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, explicit_start=True
    )
    return text


def _write_compose(blueprint: Blueprint, folder: Path) -> Path:
    for unit in blueprint.units:
        for container in unit.containers:
            for file in container.files:
                path = folder / path_of(unit, container, file.name, file.secret)
                path.parent.mkdir(parents=True, exist_ok=True)
                _write(path, file.text)
    # Containers read the files as another user; the folder keeps out everybody else.
    (folder / "secrets").chmod(0o700)
    _write(folder / "compose.yaml", to_yaml([compose_document(blueprint)]))
    return folder / "compose.yaml"


def _addressed(options: ManifestOptions, form: str) -> ManifestOptions:
    if not options.rung.regions:
        return options
    needed = {ORIGIN, *options.rung.regions}
    unknown = sorted(set(options.addresses) - needed)
    if unknown:
        raise UsageError(
            f"--address knows {', '.join(sorted(needed))}, not {unknown[0]}"
        )
    if set(options.addresses) == needed:
        return options
    if options.addresses or form != "compose":
        missing = ", ".join(sorted(needed - set(options.addresses)))
        raise UsageError(
            f"name servers answer with public addresses: name those of {missing} "
            "(--address eu=203.0.113.7 ...)"
        )
    # One machine: the addresses of its own network.
    return replace(options, addresses=compose_addresses(options), edge_port=WEB)


def _secrets(folder: Path) -> ManifestSecrets:
    path = folder / KEPT
    if not path.exists():
        if any(folder.iterdir()):
            raise RefusedError(
                f"{folder} is not empty and holds no manifests; choose another --out"
            )
        made = ManifestSecrets.fresh()
        write_document(path, asdict(made), 0o600)
        return made
    known = json.loads(path.read_text())
    return ManifestSecrets(Secrets(**known["rung"]), known["raft"], known["cache"])


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    os.fchmod(descriptor, mode)  # whatever the umask: containers are another user
    with os.fdopen(descriptor, "w") as file:
        file.write(text)


class _Dumper(yaml.SafeDumper):
    """Long texts as blocks, and nothing by reference."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)
