-- The two writes of the shop, each one statement to its caller, so that the locks it
-- takes are held for one commit and for no network round trip. Both check the premises
-- that the caller decided on (SQLSTATE SH001 when one no longer holds: read again).

CREATE FUNCTION place_order(
    buyer bigint, buyer_reference bytea,
    of_shape smallint, of_size smallint, of_scent smallint,
    pieces integer, premise_price numeric, premise_version integer,
    envelope bytea, paid boolean, window_s bigint
) RETURNS SETOF orders LANGUAGE plpgsql AS $$
DECLARE
    new_status text := CASE WHEN paid THEN 'paid' ELSE 'placed' END;
    now_s bigint := shop_now();
    placed orders;
BEGIN
    INSERT INTO orders (
        account_id, reference, shape, size, scent, quantity, unit_price,
        catalogue_version, placed_at_s, status, deadline_s, first_status,
        first_deadline_s, delivery)
    VALUES (
        buyer, buyer_reference, of_shape, of_size, of_scent, pieces, premise_price,
        premise_version, now_s, new_status, now_s + window_s, new_status,
        now_s + window_s, envelope)
    ON CONFLICT (account_id, reference) DO NOTHING
    RETURNING * INTO placed;
    IF NOT FOUND THEN
        -- A retry writes too: its answer waits for the same durability as the first,
        -- and cannot vouch for a row that only a lost primary ever had.
        RETURN QUERY UPDATE orders SET replays = replays + 1
            WHERE account_id = buyer AND reference = buyer_reference RETURNING *;
        RETURN;
    END IF;
    PERFORM FROM shop_state WHERE catalogue_version = premise_version AND NOT paused;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the catalogue has changed' USING ERRCODE = 'SH001';
    END IF;
    IF envelope IS NULL THEN
        PERFORM FROM accounts WHERE id = buyer AND delivery IS NOT NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no address in the profile' USING ERRCODE = 'SH001';
        END IF;
    END IF;
    INSERT INTO events (order_id, actor_id, action, status, escrow_change, at_s)
    VALUES (placed.id, buyer, 'place', new_status,
            CASE WHEN paid THEN premise_price * pieces ELSE 0 END, now_s);
    -- Last, because buyers of the same candle queue on this row until the commit.
    UPDATE skus SET stock = stock - pieces
    WHERE shape = of_shape AND size = of_size AND scent = of_scent
      AND price = premise_price AND stock >= pieces;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'price or stock has changed' USING ERRCODE = 'SH001';
    END IF;
    RETURN NEXT placed;
END $$;

CREATE FUNCTION move_order(
    moved_id bigint, actor bigint, by_action text,
    premise_status text, premise_deadline_s bigint,
    new_status text, new_deadline_s bigint, escrow numeric,
    refund numeric, proceeds numeric, restock integer, envelope bytea
) RETURNS SETOF orders LANGUAGE plpgsql AS $$
DECLARE
    moved orders;
BEGIN
    UPDATE orders SET status = new_status, deadline_s = new_deadline_s,
        delivery = coalesce(envelope, delivery)
    WHERE id = moved_id AND status = premise_status
      AND deadline_s = premise_deadline_s
    RETURNING * INTO moved;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the order has moved on' USING ERRCODE = 'SH001';
    END IF;
    INSERT INTO events (order_id, actor_id, action, status, escrow_change, at_s)
    VALUES (moved_id, actor, by_action, new_status, escrow, shop_now());
    IF restock > 0 THEN
        UPDATE skus SET stock = stock + restock
        WHERE shape = moved.shape AND size = moved.size AND scent = moved.scent;
    END IF;
    IF refund > 0 THEN
        UPDATE accounts SET owed = owed + refund WHERE id = moved.account_id;
    END IF;
    IF proceeds > 0 THEN
        UPDATE accounts SET owed = owed + proceeds WHERE name = 'till';
    END IF;
    RETURN NEXT moved;
END $$;

CREATE FUNCTION withdraw_owed(payee bigint, from_till boolean)
RETURNS numeric LANGUAGE plpgsql AS $$
DECLARE
    amount numeric;
BEGIN
    -- The rows are locked in the order of their ids, so that two withdrawals queue.
    SELECT coalesce(sum(owed), 0) INTO amount FROM (
        SELECT owed FROM accounts
        WHERE id = payee OR (from_till AND name = 'till') ORDER BY id FOR UPDATE
    ) AS locked;
    IF amount > 0 THEN
        UPDATE accounts SET owed = 0
        WHERE id = payee OR (from_till AND name = 'till');
        INSERT INTO withdrawals (account_id, amount, at_s)
        VALUES (payee, amount, shop_now());
    END IF;
    RETURN amount;
END $$;
