-- Several orders in one statement, and a shop that changes hands.

CREATE FUNCTION place_batch(
    buyer bigint, buyer_references bytea[],
    of_shapes smallint[], of_sizes smallint[], of_scents smallint[],
    pieces integer[], premise_prices text[], premise_version integer,
    envelopes bytea[], window_s bigint
) RETURNS SETOF orders LANGUAGE plpgsql AS $$
DECLARE
    now_s bigint := shop_now();
    made integer;
    taken record;
BEGIN
    INSERT INTO orders (
        account_id, reference, shape, size, scent, quantity, unit_price,
        catalogue_version, placed_at_s, status, deadline_s, first_status,
        first_deadline_s, delivery)
    SELECT buyer, w.key, w.a, w.b, w.c, w.pieces, w.price::numeric,
        premise_version, now_s, 'paid', now_s + window_s, 'paid',
        now_s + window_s, w.envelope
    FROM unnest(buyer_references, of_shapes, of_sizes, of_scents, pieces,
        premise_prices, envelopes)
        WITH ORDINALITY AS w (key, a, b, c, pieces, price, envelope, place)
    ORDER BY w.place
    ON CONFLICT (account_id, reference) DO NOTHING;
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made = 0 THEN
        -- A retry writes too, as in place_order.
        RETURN QUERY UPDATE orders SET replays = replays + 1 WHERE id IN (
            SELECT id FROM orders
            WHERE account_id = buyer AND reference = ANY(buyer_references)
            ORDER BY id FOR UPDATE)
            RETURNING *;
        RETURN;
    END IF;
    IF made < cardinality(buyer_references) THEN
        RAISE EXCEPTION 'some references are in use' USING ERRCODE = 'SH001';
    END IF;
    PERFORM FROM shop_state WHERE catalogue_version = premise_version AND NOT paused;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the catalogue has changed' USING ERRCODE = 'SH001';
    END IF;
    IF array_position(envelopes, NULL) IS NOT NULL THEN
        PERFORM FROM accounts WHERE id = buyer AND delivery IS NOT NULL;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'no address in the profile' USING ERRCODE = 'SH001';
        END IF;
    END IF;
    INSERT INTO events (order_id, actor_id, action, status, escrow_change, at_s)
    SELECT id, buyer, 'place', 'paid', unit_price * quantity, now_s
    FROM orders
    WHERE account_id = buyer AND reference = ANY(buyer_references) ORDER BY id;
    -- Last, as in place_order; in the order of the key, so that batches queue.
    FOR taken IN
        SELECT w.a, w.b, w.c, w.price::numeric AS price, sum(w.pieces) AS candles
        FROM unnest(of_shapes, of_sizes, of_scents, pieces, premise_prices)
            AS w (a, b, c, pieces, price)
        GROUP BY w.a, w.b, w.c, w.price ORDER BY w.a, w.b, w.c
    LOOP
        UPDATE skus SET stock = stock - taken.candles
        WHERE shape = taken.a AND size = taken.b AND scent = taken.c
          AND price = taken.price AND stock >= taken.candles;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'price or stock has changed' USING ERRCODE = 'SH001';
        END IF;
    END LOOP;
    RETURN QUERY SELECT * FROM orders
        WHERE account_id = buyer AND reference = ANY(buyer_references) ORDER BY id;
END $$;

-- Who offers the shop to whom; both or none.
ALTER TABLE shop_state
    ADD COLUMN offered_by bigint REFERENCES accounts,
    ADD COLUMN offered_to bigint REFERENCES accounts,
    ADD CHECK ((offered_by IS NULL) = (offered_to IS NULL));
