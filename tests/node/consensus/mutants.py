"""Errors planted into the consensus code, one at a time: the tests must notice each.

    python -m tests.node.consensus.mutants [WORD ...]

works on copies of `node` and `tests` in a temporary folder, replaces one piece of
text, runs the tests named, and lists what survived (exit code 1). A word selects the
mutants whose names hold it. Add one by adding a line; `test_mutants` keeps the texts
current and runs them all under `pytest -m long`.
"""

import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
FOLDER = "tests/node/consensus"
SLOW = ("test_traps.py", "test_agreement.py")
TIMEOUT_S = 170


@dataclass(frozen=True)
class Mutant:
    """One planted error: in `path`, `old` (found once) becomes `new`."""

    name: str
    path: str
    old: str
    new: str


HEIGHT = "node/consensus/height.py"
ROUNDS = "node/consensus/rounds.py"
JUSTIFICATION = "node/consensus/justification.py"
LOG = "node/consensus/message_log.py"
SAFETY = "node/consensus/safety.py"
STATE = "node/consensus/round_state.py"
TIMERS = "node/consensus/timers.py"
ENGINE = "node/consensus/engine.py"
CODEC = "node/consensus/codec.py"
VALIDATORS = "node/chain/validators.py"

MUTANTS = (
    Mutant(
        "quorum off by one",
        VALIDATORS,
        "return -(-2 * n // 3)",
        "return -(-2 * n // 3) - 1",
    ),
    Mutant(
        "quorum of 2f + 1",
        VALIDATORS,
        "return -(-2 * n // 3)",
        "return 2 * faulty_max(n) + 1",
    ),
    Mutant(
        "jump to the smallest round",
        LOG,
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
        "lock forgotten in the round change",
        ROUNDS,
        "state, prepared = self._state, self._state.prepared",
        "state, prepared = self._state, None",
    ),
    Mutant(
        "prepared certificate forgotten at restart",
        ROUNDS,
        "state.prepared = guard.prepared",
        "state.prepared = None",
    ),
    Mutant(
        "round forgotten at restart",
        ROUNDS,
        "self.enter(guard.round)",
        "self.enter(0)",
    ),
    Mutant(
        "persisted after signing",
        STATE,
        "            self.emit(PersistSafetyRecord(record))\n"
        "        self.emit(SignAndBroadcast(draft))",
        "        self.emit(SignAndBroadcast(draft))\n"
        "        if permit is Permit.NEW:\n"
        "            self.emit(PersistSafetyRecord(record))",
    ),
    Mutant(
        "body not durable before COMMIT",
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
        "fresh block accepted in a locked round",
        JUSTIFICATION,
        "    if highest is None:\n        return fresh\n",
        "    if highest is None or fresh:\n        return fresh\n",
    ),
    Mutant(
        "prepares of the justification not checked",
        JUSTIFICATION,
        "return claimed and is_prepared(message.prepares, expected, validators)",
        "return claimed",
    ),
    Mutant(
        "round changes of other rounds justify",
        JUSTIFICATION,
        "if (claim.height, claim.round) != (proposal.height, proposal.round):",
        "if claim.height != proposal.height:",
    ),
    Mutant(
        "one validator counts twice",
        JUSTIFICATION,
        "len(authors) != len(signed) or len(authors) < validators.quorum",
        "len(signed) < validators.quorum",
    ),
    Mutant(
        "strangers count for a quorum",
        JUSTIFICATION,
        "return all(author in validators for author in authors)",
        "return True",
    ),
    Mutant(
        "prepared in the round itself",
        JUSTIFICATION,
        "if expected.round >= claim.round:",
        "if expected.round > claim.round:",
    ),
    Mutant(
        "coinbase rule dropped",
        JUSTIFICATION,
        "fresh = message.block.header.coinbase == proposer and not message.prepares",
        "fresh = not message.prepares or proposer is None",
    ),
    Mutant(
        "stale proposals accepted",
        HEIGHT,
        "is_first = proposal.round == state.round and state.accepted is None",
        "is_first = state.accepted is None",
    ),
    Mutant(
        "second proposal accepted",
        HEIGHT,
        "is_first = proposal.round == state.round and state.accepted is None",
        "is_first = proposal.round == state.round",
    ),
    Mutant(
        "anybody proposes",
        HEIGHT,
        "if message.signed.author != state.proposer(proposal.round):",
        "if message.signed.author not in state.validators:",
    ),
    Mutant(
        "block not bound to the head",
        JUSTIFICATION,
        "return follows and header.digest == payload.digest",
        "return header.digest == payload.digest",
    ),
    Mutant(
        "proposer skips its own validation",
        HEIGHT,
        "        if not event.valid:\n            self._on_block_invalid(event)",
        "        if not event.valid and not (\n"
        "            accepted and accepted.signed.author == self._own\n"
        "        ):\n            self._on_block_invalid(event)",
    ),
    Mutant(
        "prepares of round 0 lock in every round",
        HEIGHT,
        "state.log.prepares(state.round, digest)",
        "state.log.prepares(0, digest)",
    ),
    Mutant(
        "a second verdict prepares again",
        HEIGHT,
        "if state.phase is not Phase.VALIDATING or accepted is None:",
        "if accepted is None:",
    ),
    Mutant(
        "commits of the current round only",
        HEIGHT,
        "if len(commits) < state.validators.quorum:",
        "if len(commits) < state.validators.quorum or commit.round < state.round:",
    ),
    Mutant(
        "validators that left are counted",
        HEIGHT,
        "if signed.author not in state.validators:",
        "if signed.author in ():",
    ),
    Mutant(
        "evidence not recorded",
        HEIGHT,
        "if evidence is not None:",
        "if evidence is None:",
    ),
    Mutant(
        "certified block held to the clock",
        HEIGHT,
        "ValidateBlock(state.height, round_, block, proposer, certified=True)",
        "ValidateBlock(state.height, round_, block, proposer)",
    ),
    Mutant(
        "justification not frozen",
        ROUNDS,
        "        if state.round == 0 or state.justification is not None:",
        "        if state.round == 0:",
    ),
    Mutant(
        "timers not capped",
        TIMERS,
        "        if doublings >= factor.bit_length():\n"
        "            return self.round_timeout_ms * factor\n"
        "        return self.round_timeout_ms * min(1 << doublings, factor)",
        "        return self.round_timeout_ms << min(doublings, 64)",
    ),
    Mutant(
        "timer restarted by every message",
        ROUNDS,
        "if state.round == 0 or state.is_live or not state.active:",
        "if state.round == 0 or not state.active:",
    ),
    Mutant(
        "presence never notices a quorum",
        ROUNDS,
        "if present >= state.validators.quorum:",
        "if present > len(state.validators):",
    ),
    Mutant(
        "nobody moves up to those ahead",
        ROUNDS,
        "return max(following, min(common, state.round + MAX_ROUNDS_A_STEP))",
        "return following",
    ),
    Mutant(
        "steps up are not bounded",
        ROUNDS,
        "return max(following, min(common, state.round + MAX_ROUNDS_A_STEP))",
        "return max(following, common)",
    ),
    Mutant(
        "nothing is sent again",
        ROUNDS,
        "self._out.emit(Broadcast(message))",
        "pass",
    ),
    Mutant(
        "transactions put the start off",
        ROUNDS,
        "if self._out.now_ms + wait_ms < deadline_ms:",
        "if wait_ms:",
    ),
    Mutant(
        "signing goes back in rounds",
        SAFETY,
        "        if payload.round < self.round:\n            return Permit.NEVER",
        "        if payload.round < self.round:\n            return Permit.NEW",
    ),
    Mutant(
        "two blocks in one round",
        SAFETY,
        "Permit.NEW if later and self._is_consistent(payload) else",
        "Permit.NEW if later else",
    ),
    Mutant(
        "the same kind signed twice",
        SAFETY,
        "return Permit.AGAIN if same else Permit.NEVER",
        "return Permit.AGAIN",
    ),
    Mutant(
        "a forbidden height is signed",
        SAFETY,
        "if height <= self._sign_above:",
        "if height < self._sign_above:",
    ),
    Mutant(
        "a clone goes unnoticed",
        ENGINE,
        "if self._guard.lacks(signed.payload) and",
        "if not self._guard.lacks(signed.payload) and",
    ),
    Mutant(
        "an observer signs",
        STATE,
        "        if not state.active:\n            return\n        permit",
        "        permit",
    ),
    Mutant(
        "the future window has no limit",
        LOG,
        "kept[peer] = deque(maxlen=limit)",
        "kept[peer] = deque(maxlen=limit * 1000)",
    ),
    Mutant(
        "rounds are kept for ever",
        LOG,
        "if len(rounds) > ROUNDS_KEPT:",
        "if len(rounds) > ROUNDS_KEPT * 1000:",
    ),
    Mutant(
        "round changes of later rounds count",
        LOG,
        "m.signed.payload.round == round_]",
        "m.signed.payload.round >= round_]",
    ),
    Mutant(
        "past heights are heard",
        ENGINE,
        "if self._height is not None and signed.payload.height == current:",
        "if self._height is not None and signed.payload.height <= current:",
    ),
    Mutant(
        "proposal of another block decodes",
        CODEC,
        "if block.digest != signed.payload.digest:",
        "if block.digest == b'':",
    ),
    Mutant(
        "evidence of two rounds convinces",
        CODEC,
        "if (first.height, first.round) != (second.height, second.round):",
        "if first.height != second.height:",
    ),
)


def tests_in(root: Path) -> list[str]:
    """The test files that must notice, quick ones first."""
    files = list((root / FOLDER).glob("test_*.py"))
    files.sort(key=lambda file: (file.name in SLOW, file.name))
    chosen = [file for file in files if file.name != "test_mutants.py"]
    return [str(file.relative_to(root)) for file in chosen]


def survives(mutant: Mutant, root: Path = ROOT) -> str:
    """Empty when the tests notice the error; else what they said."""
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        copy = Path(folder)
        ignored = shutil.ignore_patterns("__pycache__", "rust", ".hypothesis")
        for part in ("node", "tests"):
            shutil.copytree(root / part, copy / part, ignore=ignored)
        shutil.copy(root / "pyproject.toml", copy)
        path = copy / mutant.path
        text = path.read_text()
        found = text.count(mutant.old)
        if found != 1:
            raise ValueError(f"{mutant.name}: its text occurs {found} times")
        path.write_text(text.replace(mutant.old, mutant.new))
        options = ["-x", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=line"]
        command = [sys.executable, "-m", "pytest", *options, *tests_in(copy)]
        try:
            done = subprocess.run(
                command,
                cwd=copy,
                capture_output=True,
                text=True,
                timeout=TIMEOUT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return ""  # it hangs: that is noticed too
        return done.stdout if done.returncode != 1 else ""


def main(words: list[str]) -> int:
    """Run the selected mutants; 1 when one survives."""
    chosen = [m for m in MUTANTS if not words or any(w in m.name for w in words)]
    survivors = []
    for mutant in chosen:
        said = survives(mutant)
        print(f"{'SURVIVES' if said else 'caught  '}  {mutant.name}", flush=True)
        if said:
            survivors.append(mutant.name)
            print(said)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
