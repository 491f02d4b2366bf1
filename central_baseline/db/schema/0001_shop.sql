-- The shop. Amounts are whole numbers of the smallest unit of money, times are seconds
-- by this database's clock. What must never be true is forbidden here, whatever the
-- programs above believe: stock and debts are not negative, a buyer's reference is used
-- once, an order's money is moved once.

CREATE TABLE shop_state (
    only_row          boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    catalogue_version integer NOT NULL,
    paused            boolean NOT NULL DEFAULT false,
    -- Set by hand in drills of deadlines; NULL where the shop is real.
    frozen_at_s       bigint
);

-- One clock for every app server: deadlines do not depend on whose clock is right.
CREATE FUNCTION shop_now() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT coalesce(frozen_at_s, floor(extract(epoch FROM clock_timestamp()))::bigint)
    FROM shop_state
$$;

CREATE TABLE options (
    kind text     NOT NULL CHECK (kind IN ('shape', 'size', 'scent')),
    id   smallint NOT NULL,
    name text     NOT NULL,
    PRIMARY KEY (kind, id)
);

-- Half-empty pages: the row of a popular candle is rewritten with every sale.
CREATE TABLE skus (
    shape smallint NOT NULL,
    size  smallint NOT NULL,
    scent smallint NOT NULL,
    price numeric(39) NOT NULL CHECK (price >= 0),
    stock bigint   NOT NULL CHECK (stock >= 0),
    PRIMARY KEY (shape, size, scent)
) WITH (fillfactor = 50);

CREATE TABLE accounts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name            text   NOT NULL UNIQUE,
    password_hash   text,  -- NULL: provisioned, cannot log in by password
    roles           text[] NOT NULL DEFAULT '{}'
                    CHECK (roles <@ ARRAY['owner', 'moulder', 'courier']),
    delivery        bytea  CHECK (octet_length(delivery) BETWEEN 1 AND 512),
    profile_version integer NOT NULL DEFAULT 0,
    owed            numeric(48) NOT NULL DEFAULT 0 CHECK (owed >= 0)
) WITH (fillfactor = 80);

-- Only a digest of the token: who reads this table cannot take over a session.
CREATE TABLE sessions (
    token_hash bytea  PRIMARY KEY CHECK (octet_length(token_hash) = 32),
    account_id bigint NOT NULL REFERENCES accounts,
    expires_at timestamptz NOT NULL
);
CREATE INDEX sessions_expiry ON sessions (expires_at);

CREATE TABLE orders (
    id                bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id        bigint  NOT NULL REFERENCES accounts,
    reference         bytea   NOT NULL CHECK (octet_length(reference) = 32),
    shape             smallint NOT NULL,
    size              smallint NOT NULL,
    scent             smallint NOT NULL,
    quantity          integer NOT NULL CHECK (quantity > 0),
    unit_price        numeric(39) NOT NULL CHECK (unit_price > 0),
    catalogue_version integer NOT NULL,
    placed_at_s       bigint  NOT NULL,
    status            text    NOT NULL CHECK (status IN (
        'placed', 'paid', 'moulding', 'shipped', 'delivered',
        'cancelled', 'refunded', 'expired')),
    deadline_s        bigint  NOT NULL,
    -- The first answer, so that a retry is given exactly that.
    first_status      text    NOT NULL,
    first_deadline_s  bigint  NOT NULL,
    delivery          bytea   CHECK (octet_length(delivery) BETWEEN 1 AND 512),
    replays           integer NOT NULL DEFAULT 0,
    UNIQUE (account_id, reference)
    -- No foreign key to skus: it would lock the row that every buyer of the candle
    -- waits for once more, and place_order updates that very row or writes nothing.
) WITH (fillfactor = 80);
CREATE INDEX orders_of_account ON orders (account_id, id);
CREATE INDEX orders_to_do ON orders (status, id)
    WHERE status IN ('placed', 'paid', 'moulding', 'shipped');

-- The ledger: every step of every order and what it put into or took out of escrow.
CREATE TABLE events (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    order_id      bigint NOT NULL,  -- written only beside the order's own row
    actor_id      bigint NOT NULL,
    action        text   NOT NULL,
    status        text   NOT NULL,
    escrow_change numeric(39) NOT NULL,
    at_s          bigint NOT NULL
);
CREATE INDEX events_of_order ON events (order_id);

CREATE TABLE withdrawals (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account_id bigint NOT NULL REFERENCES accounts,
    amount     numeric(48) NOT NULL CHECK (amount > 0),
    at_s       bigint NOT NULL
);

-- The shop's own account, to which proceeds are owed.
INSERT INTO accounts (name) VALUES ('till');
