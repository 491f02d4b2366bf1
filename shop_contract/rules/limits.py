"""Every bound of the shop, named once. The contract declares the same constants.

Amounts are integers in the smallest unit of money (wei on the chain). A total is at
most `MAX_PRICE * MAX_QUANTITY`, below 2**128: JSON carries amounts as decimal strings,
and a SQL column needs 39 digits.
"""

MAX_OPTIONS = 16  # per kind: shapes, sizes, scents
MAX_NAME_BYTES = 32
MAX_PRICE = 2**96 - 1
MAX_QUANTITY = 1_000  # candles in one order
MAX_STOCK = 2**32 - 1  # candles of one design
MAX_DELIVERY_BYTES = 512  # the sealed envelope with the delivery address
MAX_BATCH = 16  # orders placed in one go
MAX_CHANGES = 64  # prices or stocks changed in one go
REFERENCE_BYTES = 32

DAY_S = 24 * 60 * 60
# Where placing and paying are two steps. On the chain they are one, so this never runs.
PAY_WINDOW_S = 30 * 60
MOULD_WINDOW_S = 7 * DAY_S  # from payment until moulding starts
SHIP_WINDOW_S = 14 * DAY_S  # from there until the courier has the parcel
DELIVERY_WINDOW_S = 30 * DAY_S  # from there until it is delivered
# After a missed delivery the buyer alone may act for so long, then the shop may too.
CLAIM_WINDOW_S = 30 * DAY_S
