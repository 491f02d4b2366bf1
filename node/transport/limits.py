"""What a peer may cost before and after it has proven who it is."""

MAX_HELLO_BYTES = 512
"""Body of the one request that a stranger may make."""
MAX_HEADER_BYTES = 2_048
"""One header line of a stranger; the proof travels in one."""
MAX_REFUSAL_BYTES = 256
"""Text of a refusal that is read."""
MAX_FRAME_BYTES = 8_000_000
"""One WebSocket message of an authenticated peer, which may hold several frames."""
MAX_FRAMES_PER_MESSAGE = 4_096
MAX_ITEM_BYTES = 131_072
"""One transaction in a batch."""

HANDSHAKE_TIMEOUT_S = 5.0
"""From accepting a connection to the proof; slow strangers are cut off."""
NONCE_LIFETIME_MS = 10_000
"""How long after its hello a proof is accepted."""
MAX_STRANGERS = 64
"""Connections that have proven nothing yet; the oldest makes room for a new one."""
MAX_STRANGERS_PER_ADDRESS = 32
MAX_ACCEPTS_PER_S = 100
"""New connections; more wait in the system's queue, so that TLS handshakes cannot
take the processor."""

COALESCE_BYTES = 131_072
"""Frames are joined into one WebSocket message up to this size."""
DROP_BYTES = 8_000_000
"""With more than this waiting, batches of transactions are dropped for that peer: it
asks for what a proposal needs."""
MAX_QUEUE_BYTES = 32_000_000
MAX_QUEUE_FRAMES = 16_384
"""What waits for one peer; a peer that cannot keep up is disconnected."""

FRAMES_PER_S = 1_000
FRAMES_BURST = 1_000
"""Frames that are read of a peer; of one that sends faster, reading pauses."""
PAUSE_S = 0.01
"""Shorter pauses are saved up."""
FLOOD_S = 3.0
"""A peer that sends faster for so long floods and is disconnected: what gathered while
this node stood still is read in less. A frame that costs more counts more: each
signature of a justification JUSTIFICATION_COST times, a question
QUESTION_COST times, lists once for ITEMS_PER_COST transactions or hashes."""
QUESTION_COST = 8
JUSTIFICATION_COST = 8
PING_COST = 100
"""A peer pings every few seconds."""
CONTROLS_PER_S = 10
CONTROLS_BURST = 100
"""Pings and pongs of a peer; the one too many ends the connection."""
ITEMS_PER_COST = 32
YIELD_FRAMES = 32
"""After so many frames of one peer the others and the timers get their turn."""
BYTES_PER_S = 16_000_000
BYTES_BURST = 32_000_000
"""What is read of one peer; of one that sends faster, reading pauses."""

SLOW_S = 5.0
SLOW_BYTES_PER_S = 10_000
"""A message that comes more slowly than this for SLOW_S is not waited for."""

HEARTBEAT_S = 5.0
CLOSE_TIMEOUT_S = 1.0
BACKOFF_FIRST_S = 0.1
BACKOFF_CAP_S = 1.0
BACKOFF_REFUSED_S = 10.0
"""After a refusal for a reason that only a person can change."""
YIELD_DIAL_S = 0.3
"""The higher address gives the lower one this long to dial first."""

MAX_SCORE = 100
REPORT_PENALTY = 20
FRAME_PENALTY = 60
SCORE_RECOVERY_PER_S = 1
BAN_MS = 60_000
MAX_LOGGED = 256
"""Different refusals that are remembered so that each is logged once."""
