"""Targets as a user names them, and what that means.

    single, replicated, cdn, ...        a rung of the centralized ladder, started here
    validators-4                        a chain of so many validators, started here
    validators-4-pyevm, -native         the same with that executor
    validators-4-plain                  the same without TLS between the validators
    validators-4-detect-20s             the same, a dead one noticed after so long
    replicated-detect-20s               a rung likewise; without it: as shipped
    synthetic                           the target of known truth
    chain=URL                           any JSON-RPC endpoint: anvil, geth, Besu, ours
    central=FILE                        a rung that runs elsewhere, by its descriptor
    chain=FILE                          a chain that runs elsewhere, by its descriptor

A name may be given to what runs elsewhere: `besu:chain=URL`.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path

from bench.errors import BenchError

CENTRAL_RUNGS = (
    "single",
    "database",
    "vertical",
    "horizontal",
    "replicated",
    "cached",
    "cdn",
)
VALIDATORS = re.compile(r"validators-([1-9]\d*)((?:-(?:pyevm|native|plain))*)")
DETECTION = re.compile(r"(.+)-detect-([1-9]\d{0,3})s")
REMOTE = re.compile(r"(?:([a-z0-9][a-z0-9.-]{0,39}):)?(chain|central)=(.+)")


@dataclass(frozen=True, slots=True)
class TargetSpec:
    """One target: `text` as it was given, `name` as reports call it. `kind` is
    "synthetic", "central" or "validators" for what is started here, "url" or
    "descriptor" for what runs elsewhere at `where`. `detection_s` is the time after
    which what has died silently is to be noticed; 0: as shipped."""

    text: str
    name: str
    kind: str
    where: str = ""
    validators: int = 0
    options: tuple[str, ...] = ()
    accounts: str = ""
    detection_s: int = 0

    @property
    def rung(self) -> str:
        """The rung's own name, of a central target that is started here."""
        return self.text.partition("-detect-")[0]

    @property
    def is_remote(self) -> bool:
        """True if the run neither starts nor stops it."""
        return self.kind in ("url", "descriptor")


def parse_target(text: str) -> TargetSpec:
    """What a target's text means; BenchError with all that there are otherwise."""
    if (match := DETECTION.fullmatch(text)) and not REMOTE.fullmatch(text):
        timed = parse_target(match[1])
        if timed.kind not in ("central", "validators") or timed.detection_s:
            raise BenchError(f"'{text}': {match[1]} has no detection timer to set")
        return replace(timed, text=text, name=text, detection_s=int(match[2]))
    if text == "synthetic":
        return TargetSpec(text, text, "synthetic")
    if text in CENTRAL_RUNGS:
        return TargetSpec(text, text, "central")
    if match := VALIDATORS.fullmatch(text):
        options = tuple(match[2].strip("-").split("-")) if match[2] else ()
        return TargetSpec(
            text, text, "validators", validators=int(match[1]), options=options
        )
    if match := REMOTE.fullmatch(text):
        return _remote(text, match[1], match[2], match[3])
    known = ", ".join([*CENTRAL_RUNGS, "validators-N", "synthetic"])
    raise BenchError(
        f"there is no target '{text}'; there are: {known}, "
        "chain=URL, chain=DESCRIPTOR and central=DESCRIPTOR"
    )


def _remote(text: str, name: str | None, world: str, where: str) -> TargetSpec:
    if where.startswith(("http://", "https://")):
        if world == "central":
            raise BenchError(
                f"'{text}': a central rung is named by its descriptor.json, beside "
                "which its admin.json lies: the bench needs both"
            )
        plain = re.sub(r"^https?://", "", where).rstrip("/")
        made = f"chain-{re.sub(r'[^a-zA-Z0-9.-]', '-', plain)}"
        return TargetSpec(text, name or made, "url", where.rstrip("/"))
    path = Path(where)
    if not path.is_file():
        raise BenchError(f"'{text}': {path} is no file; name a descriptor.json or URL")
    made = re.sub(r"[^a-zA-Z0-9.-]", "-", path.resolve().parent.name)
    return TargetSpec(text, name or f"{world}-{made}", "descriptor", str(path))


def parse_targets(texts: tuple[str, ...]) -> list[TargetSpec]:
    """All targets of a run; no two may have the same name."""
    specs = [parse_target(text) for text in texts]
    names = [spec.name for spec in specs]
    for name in names:
        if names.count(name) > 1:
            raise BenchError(
                f"two targets are called '{name}'; name them: one:chain=URL"
            )
    return specs
