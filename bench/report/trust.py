"""What each target asks one to trust, from its descriptor alone.

A crash is a machine that stops; a liar is an operator who changes the books. The two
worlds differ in the second, and no latency figure shows it.
"""

from dataclasses import dataclass

from bench.descriptor import Descriptor

# Without a cache the same is read from the database.
SPARABLE = ("cache",)


@dataclass(frozen=True, slots=True)
class Trust:
    """Answers of one target, as words for a table."""

    operators: str
    crash: str
    liar: str
    durability: str


def trust_of(descriptor: Descriptor) -> Trust:
    """Trust assumptions of a target."""
    if descriptor.world == "chain" and not descriptor.components:
        unknown = "not known from here: ask who runs it"
        return Trust(unknown, unknown, unknown, descriptor.durability)
    if descriptor.world == "chain":
        count = sum(c.role == "validator" for c in descriptor.components)
        faulty_max = (count - 1) // 3
        return Trust(
            f"no single one of {count} validators" if faulty_max else "one validator",
            f"any {faulty_max} of {count} validators" if faulty_max else "none",
            f"up to {faulty_max} of {count} validators may lie"
            if faulty_max
            else "none",
            descriptor.durability,
        )
    return Trust(
        "the one operator of all servers",
        _crashes_survived(descriptor),
        "none: the operator can rewrite every order",
        descriptor.durability,
    )


def _crashes_survived(descriptor: Descriptor) -> str:
    roles: dict[str, int] = {}
    for component in descriptor.components:
        roles[component.role] = roles.get(component.role, 0) + 1
    spared = [f"any one of {n} of role {role}" for role, n in roles.items() if n > 1]
    single = [role for role, n in roles.items() if n == 1]
    spared += [f"the only {role}" for role in single if role in SPARABLE]
    fatal = [role for role in single if role not in SPARABLE]
    text = "; ".join(spared) if spared else "none"
    if fatal:
        stop = "stops" if len(fatal) == 1 else "stop"
        text += f" (the only {' and the only '.join(fatal)} {stop} it)"
    return text
