-- One attempt takes from all of its allowances or from none. `keys[1]` is the login at its address: where that has signed
-- in within `known_for`, the others are not asked. Each allowance is a moment, `free_at` (GCRA): an attempt moves it by
-- its pace, and is refused while it lies further ahead than the tolerance. Refused attempts take nothing.
--
-- The rows are locked first, in one order for all callers, and the clock is read after that: attempts made together
-- wait for each other and are counted one by one. `at` is for tests.
CREATE FUNCTION take_attempt(keys bytea[], paces double precision[], tolerances double precision[], known_for interval,
                             at timestamptz DEFAULT NULL, OUT wait double precision, OUT taken bytea[],
                             OUT is_to_be_noted boolean)
LANGUAGE plpgsql AS $$
DECLARE
    locked_rows integer := 0;  -- not `found`, which PL/pgSQL has of its own
BEGIN
    WHILE locked_rows < cardinality(keys) LOOP
        INSERT INTO throttles (key, free_at, forget_at)
        SELECT key, coalesce(at, now()), coalesce(at, now()) + interval '1 hour' FROM unnest(keys) AS key ORDER BY key
        ON CONFLICT DO NOTHING;
        SELECT count(*) INTO locked_rows
          FROM (SELECT 1 FROM throttles AS t WHERE t.key = ANY(keys) ORDER BY t.key FOR UPDATE) AS locked;
    END LOOP;
    at := coalesce(at, clock_timestamp());
    taken := keys;
    IF EXISTS (SELECT 1 FROM throttles AS t WHERE t.key = keys[1] AND t.signed_in_at > at - known_for) THEN
        taken := keys[1:1];
    END IF;
    SELECT greatest(max(extract(epoch FROM t.free_at - at) - asked.tolerance), 0) INTO wait
      FROM unnest(keys, tolerances) AS asked (key, tolerance) JOIN throttles AS t ON t.key = asked.key
     WHERE asked.key = ANY(taken);
    IF wait > 0 THEN
        taken := '{}';
        UPDATE throttles AS t SET noted_at = at
         WHERE t.key = keys[1] AND (t.noted_at IS NULL OR t.noted_at < at - interval '1 minute');
        is_to_be_noted := FOUND;
        RETURN;
    END IF;
    is_to_be_noted := false;
    UPDATE throttles AS t
       SET free_at = greatest(t.free_at, at) + make_interval(secs => asked.pace),
           forget_at = greatest(t.forget_at, t.free_at + interval '1 hour', at + interval '1 hour')
      FROM unnest(keys, paces) AS asked (key, pace)
     WHERE t.key = asked.key AND asked.key = ANY(taken);
END
$$;

-- What a success gives back, and the note that this login signs in from this address.
CREATE FUNCTION give_attempt_back(keys bytea[], paces double precision[], known_for interval) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM throttles AS t WHERE t.key = ANY(keys) ORDER BY t.key FOR UPDATE;
    UPDATE throttles AS t
       SET free_at = CASE WHEN t.key = keys[1] THEN now() ELSE t.free_at - make_interval(secs => given.pace) END,
           signed_in_at = CASE WHEN t.key = keys[1] THEN now() ELSE t.signed_in_at END,
           forget_at = CASE WHEN t.key = keys[1] THEN now() + known_for ELSE t.forget_at END
      FROM unnest(keys, paces) AS given (key, pace)
     WHERE t.key = given.key;
    -- Each success pays for a few that nobody needs any more.
    DELETE FROM throttles AS t
     WHERE t.key IN (SELECT o.key FROM throttles AS o WHERE o.forget_at < now() ORDER BY o.forget_at LIMIT 20
                        FOR UPDATE SKIP LOCKED);
END
$$;
