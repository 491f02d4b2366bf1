"""QBFT as a pure state machine: `Engine.step(event)` returns effects and never acts.

The norm is the QBFT specification of the Enterprise Ethereum Alliance (its Dafny
model). Differences, and why:

1. The f+1 jump goes to the (f+1)-th largest of the others' latest rounds, not to the
   smallest of all higher ones: one liar cannot hold the target down. A validator's
   latest round is that of any of its messages, not of its ROUND_CHANGEs alone.
2. Round timers are capped, and messages of a waiting round are sent again: the model's
   timers double for ever, and its network loses nothing.
3. A round in which a quorum was heard restarts its timer, which doubles only with such
   rounds: after an outage the wait for one missing proposer is the base, not the cap.
4. A round that ends while the validators present need those ahead for a quorum moves up
   to them (`Rounds._next_round`). The f+1 rule cannot: one validator alone may have
   waited through forty rounds. Bounded per step, at timeouts only.
5. A block is identified by its hash alone, which holds neither round nor seals: a
   proposal of a later round keeps block and coinbase. The coinbase rule stands for the
   model's check of the proposer in the block.
6. Safety log: nothing is signed that contradicts what was (`safety`), also after
   a crash, which the model does not have. A ROUND_CHANGE carries the prepared
   certificate of before the crash. COMMIT follows the body's durability.
7. A ROUND_CHANGE carries no block: whoever must propose it again obtains it by digest.
8. COMMITs of every round count while they are kept, not those of the current round
   alone, and a block that was not voted for is obtained and committed.
9. Round 0 begins with a transaction or after the empty block period, and waits less for
   a proposer that missed its last turns.
10. Messages are bounded (`message_log`); of two different ones the first counts and
    both are evidence.
"""

from node.consensus.engine import Engine, EngineStatus
from node.consensus.timers import EngineConfig

__all__ = ["Engine", "EngineConfig", "EngineStatus"]
