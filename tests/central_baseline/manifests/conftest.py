"""Every rung, written once in either format."""

from dataclasses import replace
from pathlib import Path

import pytest

from central_baseline.manifests.options import options_for
from central_baseline.manifests.writing import write_manifests
from central_baseline.rungs import RUNGS

ADDRESSES = {
    "origin": "203.0.113.1",
    "eu": "203.0.113.11",
    "us": "203.0.113.12",
    "ap": "203.0.113.13",
}


def write(rung: str, form: str, folder: Path) -> Path:
    options = options_for(rung)
    if options.rung.regions and form == "kubernetes":
        options = replace(options, addresses=ADDRESSES)
    write_manifests(options, form, folder)
    return folder


@pytest.fixture(scope="session", params=RUNGS)
def compose_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(f"compose-{request.param}")
    return request.param, write(request.param, "compose", folder)


@pytest.fixture(scope="session", params=RUNGS)
def kubernetes_folder(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path]:
    folder = tmp_path_factory.mktemp(f"kubernetes-{request.param}")
    return request.param, write(request.param, "kubernetes", folder)
