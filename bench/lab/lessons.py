"""The five lessons: what is broken, what to expect, what to ask afterwards.

A lesson is text and acts; nothing in it is a result. What is said after the acts is
computed from what was measured (see `findings`), so that a lesson which goes otherwise
than expected says so itself.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Act:
    """One fault: on whom, and for how long at least and at most. `who` is a component's
    name, or an office ("primary")."""

    fault: str
    who: str
    hold_s: float
    hold_s_max: float
    say: str


@dataclass(frozen=True, slots=True)
class Question:
    """A question to the class, and where its answer can be seen."""

    text: str
    look: str


@dataclass(frozen=True, slots=True)
class Lesson:
    """One lesson. `target` is started for it ("" for the simulator)."""

    name: str
    title: str
    target: str
    about_s: int
    before: tuple[str, ...]
    acts: tuple[Act, ...]
    questions: tuple[Question, ...]


KILL_SERVER = Lesson(
    "kill-server",
    "A server dies, and then the one part there is only one of",
    "horizontal",
    45,
    (
        "Two app servers sell the shop's candles; a balancer stands before them and "
        "one database behind. The balancer asks each server twice a second whether it "
        "is well, and sends a request that got no connection to the other one.",
        "First an app server is killed. Then the balancer itself.",
        "Expect: the first death is hardly seen. The second stops the shop, although "
        "every server and every order is still there.",
    ),
    (
        Act("kill", "app1", 8.0, 15.0, "kill -9 of app1, one of two app servers"),
        Act("kill", "balancer", 6.0, 6.0, "kill -9 of the balancer, the only one"),
    ),
    (
        Question(
            "Why may a balancer repeat a GET by itself, but not a purchase?",
            "central_baseline/servers/haproxy.py, the retry rules; history.jsonl: how "
            "many place_order requests failed when app1 died",
        ),
        Question(
            "A shopper's purchase got no answer. How does buying again not buy twice?",
            "central_baseline/README.md, the idempotency key (`reference`)",
        ),
        Question(
            "What else is there only one of? Try it.",
            "chandlery bench spof horizontal --component database --fault kill",
        ),
    ),
)

KILL_PRIMARY = Lesson(
    "kill-primary",
    "The database's primary dies, node and all",
    "replicated",
    110,
    (
        "Three PostgreSQL nodes hold every order: a primary that writes and two "
        "standbys that copy. A purchase is acknowledged once the primary and one "
        "standby have it on disk. Agents (Patroni) hold a lease in the primary's name; "
        "whoever holds it is the primary.",
        "The whole node of the primary is killed: database and agent. Nobody gives "
        "the lease back, so it has to run out before anybody may be elected.",
        "Expect: nobody can buy for about 20 seconds, while the catalogue is still "
        "read from the standbys. Then a standby is the primary, and no acknowledged "
        "order is missing.",
    ),
    (
        Act(
            "kill",
            "primary",
            10.0,
            40.0,
            "kill -9 of the primary's node; it stays dead until everything works again",
        ),
    ),
    (
        Question(
            "Why not elect a new primary after one second?",
            "think of a primary that is only slow: chandlery bench spof replicated "
            "--component db1 --fault pause",
        ),
        Question(
            "Which orders would be lost if the primary answered before a standby had "
            "the order on disk?",
            "docs: central_baseline/README.md, what acknowledged means",
        ),
        Question(
            "Some purchases had no answer and are there all the same. Which check "
            "finds them?",
            "bench/README.md, `recovered`; bench/checks/orders.py",
        ),
    ),
)

KILL_VALIDATOR = Lesson(
    "kill-validator",
    "A validator dies",
    "validators-4",
    45,
    (
        "Four validators, each a process of its own, agree on every block: one "
        "proposes, all prepare, all commit; three of four are a quorum. The proposer "
        "changes from block to block.",
        "One validator is killed and stays dead for a while; then it comes back and "
        "catches up.",
        "Expect: blocks go on. When the dead one's turn to propose comes, the others "
        "wait, then change the round and let the next propose. Nothing is elected and "
        "nobody fails over, because nobody was in charge.",
    ),
    (Act("kill", "node2", 10.0, 10.0, "kill -9 of node2, one of four validators"),),
    (
        Question(
            "In the diagram, find the three messages that make a block final without "
            "the dead validator. Why are two not enough?",
            "docs/simulation.md; ARCHITECTURE.md, a transaction's way",
        ),
        Question(
            "The height that waited has a round above 0. Who says that it is time to "
            "change the round, and how many must agree?",
            "ROUND-CHANGE in sequence.txt; node/consensus/rounds.py",
        ),
        Question(
            "How many of seven validators may die at once? Try it.",
            "chandlery network up net --validators 7, then chandlery fault net kill",
        ),
    ),
)

PARTITION = Lesson(
    "partition",
    "The network is cut: one from three, then two from two",
    "validators-4",
    60,
    (
        "Again four validators. Nobody dies: this time only the messages between them "
        "are lost, which none of them can tell from a death.",
        "First node4 is cut off from the others. Then node3 and node4 are cut off "
        "from node1 and node2: no side has a quorum of three.",
        "Expect: with one cut off, three go on. With two against two, nobody makes a "
        "block, on neither side: the chain gives up progress and keeps one history. "
        "After healing, it goes on by itself.",
    ),
    (
        Act("split", "node4", 8.0, 8.0, "links of node4 to the other three are cut"),
        Act("split", "node3+node4", 8.0, 8.0, "two validators are cut from the two"),
    ),
    (
        Question(
            "A database cluster cut in two also has a side that goes on. Which one, "
            "and who decided that beforehand?",
            "chandlery bench spof replicated --component db1 --fault partition",
        ),
        Question(
            "While no block was made, could the catalogue be read? Was what was read "
            "still true?",
            "the table above: browse and track during the second cut",
        ),
        Question(
            "What would two halves that both went on have had to do afterwards, and "
            "with whose orders?",
            "finals in figures.json: one digest for each height",
        ),
    ),
)

EQUIVOCATE = Lesson(
    "equivocate",
    "A validator lies: two blocks for one height",
    "",
    10,
    (
        "No crash can do this. Validator B is made to lie: whenever its turn comes it "
        "proposes one block to some and another block to others, and signs for both.",
        "A real node has no such switch, so this lesson runs four whole nodes in the "
        "simulator: the same consensus code, with network, clock and disk in virtual "
        "time, and a liar that the simulator plants.",
        "Expect: no height ever has two final blocks. Two PREPAREs with one signature "
        "are evidence that anybody can check, and the honest ones keep it.",
    ),
    (),
    (
        Question(
            "Three of four must commit. Why can two different blocks never both get "
            "three, if only one validator lies?",
            "count the honest ones in any two groups of three",
        ),
        Question(
            "What would happen with two liars of four?",
            "chandlery simulate --help; node/simulation/plan.py: why plans never have "
            "more than f of them",
        ),
        Question(
            "In the centralized shop, who could do what B did, and who would see it?",
            "the first table of any report of `chandlery compare`: who is trusted",
        ),
    ),
)

LESSONS = (KILL_SERVER, KILL_PRIMARY, KILL_VALIDATOR, PARTITION, EQUIVOCATE)
