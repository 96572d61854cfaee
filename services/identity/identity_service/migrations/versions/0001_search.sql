-- Row level security keeps the application role from the trigram indexes, because their operators are not leakproof: for
-- that role the planner would read all of the organization's people. So these two functions run as the owner, who may see
-- all rows, and confine themselves: to the organization of the setting that the policies read, not to one asked for.
--
-- people_like finds at most `most` people who have, for each group of patterns, a match of one of the group, and, if
-- `not_beginning` is given, whom the B-trees of storage/search.py don't find by that.
CREATE FUNCTION people_like(
    patterns jsonb, not_beginning text, wanted_role text, wanted_status text, most int
)
RETURNS TABLE (id uuid)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20
SET search_path = public, pg_temp
AS $function$
DECLARE
    organization CONSTANT uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
    matches CONSTANT text := (
        SELECT string_agg('(' || (
            SELECT string_agg(format('u.search_text LIKE %L', folded(pattern)), ' OR ')
              FROM jsonb_array_elements_text(alternatives) AS pattern
        ) || ')', ' AND ') FROM jsonb_array_elements(patterns) AS alternatives
    );
    -- Only with this very condition is the staff's own small index used.
    of_staff CONSTANT text := CASE WHEN wanted_role IN ('owner', 'admin', 'instructor')
        THEN $staff$ AND u.roles && ARRAY['owner', 'admin', 'instructor'] $staff$ ELSE '' END;
BEGIN
    RETURN QUERY EXECUTE format($people$
        SELECT u.id FROM users AS u
         WHERE u.organization_id = $1 AND %s
           AND ($2 IS NULL OR $2 = ANY (u.roles)) AND ($3 IS NULL OR u.status = $3) %s
           AND NOT coalesce(starts_with(u.name_key, $4) OR starts_with(u.sort_key, $4), false)
           AND NOT coalesce(starts_with(u.email, $4), false)
           AND NOT coalesce(starts_with(u.username_key, $4), false)
           AND NOT coalesce(starts_with(u.external_key, $4), false)
         LIMIT $5
    $people$, matches, of_staff) USING organization, wanted_role, wanted_status, folded(not_beginning), most;
END
$function$;


-- words_near finds, for each needle, the words of the organization's people that look most like it.
CREATE FUNCTION words_near(needles text[], most int)
RETURNS TABLE (needle text, folded_needle text, word text)
LANGUAGE plpgsql STABLE SECURITY DEFINER ROWS 20
SET search_path = public, pg_temp
AS $function$
DECLARE
    organization CONSTANT uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
BEGIN
    FOREACH needle IN ARRAY needles LOOP
        folded_needle := folded(needle);
        -- Two swapped letters leave "jonh" and "john" two common trigrams of eight. Not a SET of the function: that would
        -- need a superuser where the library is not loaded yet.
        PERFORM set_config(
            'pg_trgm.similarity_threshold', CASE WHEN length(folded_needle) < 6 THEN '0.2' ELSE '0.24' END, true);
        RETURN QUERY EXECUTE $near$
            SELECT $2, $3, w.word FROM name_words AS w
             WHERE w.organization_id = $1 AND w.word % $3 ORDER BY similarity(w.word, $3) DESC, w.word LIMIT $4
        $near$ USING organization, needle, folded_needle, most;
    END LOOP;
END
$function$;


-- Every word that a person is called is noted, by whatever statement it comes. In one order, so that two batches of new
-- people wait for each other rather than deadlock. A word that nobody is called any more does no harm. E-mail addresses
-- add none: most are made of names, and the others would make as many words as there are people.
CREATE FUNCTION note_words() RETURNS trigger
LANGUAGE plpgsql
SET search_path = public, pg_temp
AS $function$
BEGIN
    INSERT INTO name_words (organization_id, word)
    SELECT DISTINCT u.organization_id, called.word
      FROM new_users AS u,
           regexp_split_to_table(concat_ws(' ', u.name_key, u.username_key), '[^[:alpha:]]+') AS called (word)
     WHERE length(called.word) BETWEEN 3 AND 40
     ORDER BY 1, 2
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$function$;

CREATE TRIGGER note_words_of_new AFTER INSERT ON users REFERENCING NEW TABLE AS new_users
FOR EACH STATEMENT EXECUTE FUNCTION note_words();

CREATE TRIGGER note_words_of_changed AFTER UPDATE ON users REFERENCING NEW TABLE AS new_users
FOR EACH STATEMENT EXECUTE FUNCTION note_words();
