"""Errors planted into consensus, driver, pool, sync and storage: seeds must notice.

    python -m tests.node.simulation.mutants [WORD ...]

copies `node` to a temporary folder, replaces one piece of text, and runs seeds there
until a checker objects; lists the seed that did, or SURVIVES (exit code 1). A word
selects the mutants whose names hold it. `test_mutants` keeps the texts current and
runs them all under `pytest -m long`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.node.consensus.mutants import ROOT, Mutant

SEEDS = 400
"""Within so many seeds each of them is noticed."""
TIMEOUT_S = 600

VALIDATORS = "node/chain/validators.py"
JUSTIFICATION = "node/consensus/justification.py"
MESSAGE_LOG = "node/consensus/message_log.py"
HEIGHT = "node/consensus/height.py"
ENGINE = "node/consensus/engine.py"
STATE = "node/consensus/round_state.py"
CODEC = "node/consensus/codec.py"
ROUNDS = "node/consensus/rounds.py"
LOOP = "node/driver/loop.py"
DRIVER = "node/driver/driver.py"
PROPOSALS = "node/driver/blocks/proposals.py"
RECOVERY = "node/driver/blocks/recovery.py"
COMMITS = "node/driver/blocks/commits.py"
VERIFICATION = "node/sync/verification.py"
POOL = "node/txpool/pool.py"
SAFETY_LOG = "node/storage/safety_log.py"

MUTANTS = (
    Mutant(
        "quorum off by one",
        VALIDATORS,
        "return -(-2 * n // 3)",
        "return max(1, -(-2 * n // 3) - 1)",
    ),
    Mutant(
        "quorum of 2f + 1",
        VALIDATORS,
        "return -(-2 * n // 3)",
        "return 2 * faulty_max(n) + 1",
    ),
    Mutant(
        "safety log written after sending",
        LOOP,
        "                await self._persist(effects)\n"
        "                batch = self._perform(effects)",
        "                batch = self._perform(effects)\n"
        "                await self._persist(effects)",
    ),
    Mutant(
        "safety log not synced",
        SAFETY_LOG,
        "                self._files.sync(self._file)\n            except OSError:",
        "                pass\n            except OSError:",
    ),
    Mutant(
        "safety log forgotten at restart",
        DRIVER,
        "safety = context.ports.safety.load()\n        self._engine",
        "safety = type(context.ports.safety.load())()\n        self._engine",
    ),
    Mutant(
        "prepared certificate forgotten at restart",
        ROUNDS,
        "state.prepared = guard.prepared",
        "state.prepared = None",
    ),
    Mutant(
        "lock forgotten in the ROUND_CHANGE",
        ROUNDS,
        "state, prepared = self._state, self._state.prepared",
        "state, prepared = self._state, None",
    ),
    Mutant(
        "body not durable",
        LOOP,
        "ports.store.put_body(height, digest, block)",
        "pass",
    ),
    Mutant(
        "body not asked to be durable",
        HEIGHT,
        "self._out.emit(PersistBody(state.height, digest))",
        "pass",
    ),
    Mutant(
        "highest prepared round not looked for",
        JUSTIFICATION,
        "prepared_round > highest_round",
        "highest is None",
    ),
    Mutant(
        "any proposal is justified",
        HEIGHT,
        "if not is_justified_proposal(message, state.validators, state.parent):",
        "if not is_justified_proposal and message:",
    ),
    Mutant(
        "one validator counts twice",
        JUSTIFICATION,
        "len(authors) != len(signed) or len(authors) < validators.quorum",
        "len(signed) < validators.quorum",
    ),
    Mutant(
        "jump to the smallest round",
        MESSAGE_LOG,
        "others.sort(reverse=True)",
        "others.sort()",
    ),
    Mutant(
        "jump after f validators",
        ROUNDS,
        "self._state.validators.faulty_max + 1",
        "self._state.validators.faulty_max",
    ),
    Mutant(
        "stale proposals accepted",
        HEIGHT,
        "is_first = proposal.round == state.round and state.accepted is None",
        "is_first = state.accepted is None",
    ),
    Mutant(
        "nothing is sent again",
        ROUNDS,
        "self._out.emit(Broadcast(message))",
        "pass",
    ),
    Mutant(
        "a set iterated",
        MESSAGE_LOG,
        "latest = (self._round_changes.get(who) for who in self._validators.addresses)",
        "latest = (self._round_changes.get(who) for who in self._validators.members)",
    ),
    Mutant(
        "blocks of the future accepted",
        PROPOSALS,
        "rules.validate(header, parent, self._context.ports.clock.wall_s())",
        "rules.validate(header, parent, None)",
    ),
    Mutant(
        "invalid blocks called valid",
        PROPOSALS,
        "valid=not reason,",
        "valid=True,",
    ),
    Mutant(
        "state not caught up at start",
        RECOVERY,
        "for stored in _from(store, height + 1):",
        "for stored in _from(store, newest + 1):",
    ),
    Mutant(
        "look-ups not made anew at start",
        RECOVERY,
        "for stored in _from(store, store.indexed_height() + 1):",
        "for stored in _from(store, newest + 1):",
    ),
    Mutant(
        "block not stored before it is final",
        COMMITS,
        "await context.write(lambda: store.append(final))",
        "context.tasks.spawn(context.write(lambda: store.append(final)))",
    ),
    Mutant(
        "sync without seals",
        VERIFICATION,
        "        validate_certificate("
        "certificate, validators, checks.domain, checks.verifier)",
        "        assert validators",
    ),
    Mutant(
        "synced seals of another block of the height",
        VERIFICATION,
        "if certificate.digest != block.digest:",
        "if not certificate.digest:",
    ),
    Mutant(
        "PREPAREs one short of a quorum lock",
        HEIGHT,
        "if len(prepares) < quorum:",
        "if len(prepares) < max(1, quorum - 1):",
    ),
    Mutant(
        "COMMITs one short of a quorum are final",
        HEIGHT,
        "if len(commits) < state.validators.quorum:",
        "if len(commits) < max(1, state.validators.quorum - 1):",
    ),
    Mutant(
        "proposer does not wait for a quorum of ROUND_CHANGEs",
        ROUNDS,
        "if len(changes) < state.validators.quorum:",
        "if len(changes) < state.validators.quorum - 1:",
    ),
    Mutant(
        "safety log written beside the loop",
        LOOP,
        "await self._persist(effects)\n",
        "self._context.tasks.spawn(self._persist(effects))\n",
    ),
    Mutant(
        "safety log rewritten without a sync",
        SAFETY_LOG,
        "            files.sync(file)\n            files.replace(fresh, self._path)",
        "            files.replace(fresh, self._path)",
    ),
    Mutant(
        "only the first record of a step logged",
        LOOP,
        "ports.safety.append(records)",
        "ports.safety.append(records[:1])",
    ),
    Mutant(
        "prepared certificate not in the safety record",
        CODEC,
        'rlp.encode(b"") if prepared is None else encode_certificate(prepared),',
        'rlp.encode(b""),',
    ),
    Mutant(
        "prepared certificate forgotten in the next round",
        STATE,
        "        self.accepted = None\n        self.justification",
        "        self.accepted = None\n        self.prepared = None\n"
        "        self.justification",
    ),
    Mutant(
        "bodies written after the safety log",
        LOOP,
        "            for height, digest, block in bodies:\n"
        "                ports.store.put_body(height, digest, block)\n"
        "            if bans:\n"
        "                ports.safety.forbid(max(bans))\n"
        "            if records:\n"
        "                ports.safety.append(records)",
        "            if bans:\n"
        "                ports.safety.forbid(max(bans))\n"
        "            if records:\n"
        "                ports.safety.append(records)\n"
        "            for height, digest, block in bodies:\n"
        "                ports.store.put_body(height, digest, block)",
    ),
    Mutant(
        "lowest prepared round proposed again",
        JUSTIFICATION,
        "if prepared_round is not None and prepared_round > highest_round:",
        "if prepared_round is not None and (\n"
        "            highest is None or prepared_round < highest_round\n"
        "        ):",
    ),
    Mutant(
        "PREPAREs of a justification not counted",
        JUSTIFICATION,
        "return claimed and is_prepared(message.prepares, expected, validators)",
        "return claimed",
    ),
    Mutant(
        "proposer proposes afresh in a locked round",
        ROUNDS,
        "        highest = highest_prepared(signed)\n",
        "        highest = None if signed else highest_prepared(signed)\n",
    ),
    Mutant(
        "coinbase of a fresh block not looked at",
        JUSTIFICATION,
        "fresh = message.block.header.coinbase == proposer and not message.prepares",
        "fresh = proposer is not None and not message.prepares",
    ),
    Mutant(
        "jump to the smallest of all rounds heard",
        MESSAGE_LOG,
        "return others[count - 1] if",
        "return others[-1] if",
    ),
    Mutant(
        "no jump at all",
        ROUNDS,
        "        if target > self._state.round:\n",
        "        if target > self._state.round + 10**6:\n",
    ),
    Mutant(
        "PREPAREs of any round lock",
        MESSAGE_LOG,
        "return _matching([kept.get(round_) for kept in found], digest)\n\n"
        "    def commits",
        "return _matching(\n"
        "            [next(iter(kept.values()), None) for kept in found], digest\n"
        "        )\n\n"
        "    def commits",
    ),
    Mutant(
        "ROUND_CHANGEs of later rounds justify",
        MESSAGE_LOG,
        "m.signed.payload.round == round_]",
        "m.signed.payload.round >= round_]",
    ),
    Mutant(
        "messages of past heights heard",
        ENGINE,
        "if self._height is not None and signed.payload.height == current:",
        "if self._height is not None and signed.payload.height <= current:",
    ),
    Mutant(
        "evidence not asked to be kept",
        HEIGHT,
        "self._out.emit(RecordEvidence(evidence))",
        "pass",
    ),
    Mutant(
        "evidence counted and not kept",
        DRIVER,
        "        self._context.tasks.spawn(work)\n\n    def _fail",
        "        work.close()\n\n    def _fail",
    ),
    Mutant(
        "evidence kept of the first liar alone",
        MESSAGE_LOG,
        "if key in self._accused:",
        "if self._accused:",
    ),
    Mutant(
        "pool evicts without a trace",
        POOL,
        "batch.dropped.append(Dropped(victim.info.hash, DropReason.EVICTED))",
        "pass",
    ),
    Mutant(
        "pool without a limit",
        POOL,
        "return len(self._entries) >= transactions or",
        "return len(self._entries) >= transactions * 1000 or",
    ),
)


@dataclass(frozen=True)
class Caught:
    """What noticed the mutant; `seed` is None when nothing did."""

    seed: int | None
    finding: str


def hunt(mutant: Mutant, seeds: int = SEEDS, root: Path = ROOT) -> Caught:
    """Run seeds on the mutated code until one fails."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "rust", "*.so")
        shutil.copytree(root / "node", copy / "node", ignore=ignored)
        path = copy / mutant.path
        text = path.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: its text occurs {text.count(mutant.old)}")
        path.write_text(text.replace(mutant.old, mutant.new))
        if "set iterated" in mutant.name:
            return _differing(copy, seeds)
        return _failing(copy, seeds)


def _failing(copy: Path, seeds: int) -> Caught:
    outcomes = _simulate(copy, seeds, "1", "--until-failure")
    bad = [outcome for outcome in outcomes if not outcome["clean"]]
    if not bad:
        return Caught(None, "")
    return Caught(int(bad[0]["seed"]), bad[0]["findings"][0])


def _differing(copy: Path, seeds: int) -> Caught:
    """The first seed whose event log depends on how strings are hashed."""
    count = seeds // 4
    for one, other in zip(
        _simulate(copy, count, "1"), _simulate(copy, count, "2"), strict=True
    ):
        if one["log_digest"] != other["log_digest"]:
            return Caught(int(one["seed"]), "determinism: the event logs differ")
    return Caught(None, "")


def _simulate(copy: Path, seeds: int, hash_seed: str, *more: str) -> list[dict]:  # type: ignore[type-arg]
    words = ["simulate", "--seed", "1", "--count", str(seeds), "--json", *more]
    done = subprocess.run(
        [sys.executable, "-m", "node", *words],
        cwd=copy,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
    )
    if done.returncode not in (0, 1):
        raise RuntimeError(done.stderr)
    found: list[dict] = json.loads(done.stdout)  # type: ignore[type-arg]
    return found


def main(words: list[str]) -> int:
    """Hunt the selected mutants; 1 when one survives."""
    chosen = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    survivors = 0
    for mutant in chosen:
        caught = hunt(mutant)
        if caught.seed is None:
            survivors += 1
            print(f"SURVIVES  {mutant.name}", flush=True)
        else:
            print(f"seed {caught.seed:<4} {mutant.name}: {caught.finding}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} caught within {SEEDS} seeds")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
