-- Tables of every type, written step by step, each step a statement of its own so that it has its own time.

CREATE TABLE travel_plan (target regclass, samples text[]);

-- Note a table of the walk over all types.
CREATE FUNCTION pg_temp.plan_trip(target regclass, samples text[]) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO public.travel_plan VALUES (target, samples);
    EXECUTE format('CREATE TABLE %s_copies (step int, r %1$s)', target);
END $$;

-- Write the next sample into item 1 of every table, and after the last one delete; item 2 has the first sample till then.
CREATE FUNCTION pg_temp.take_step(step int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    plan record;
    columns text;
BEGIN
    FOR plan IN SELECT * FROM public.travel_plan LOOP
        SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute WHERE attrelid = plan.target AND attnum > 0 AND NOT attisdropped AND attname <> 'id';
        EXECUTE CASE
            WHEN step = 1 THEN format('INSERT INTO %s (id, %s) VALUES (1, %s), (2, %3$s)', plan.target, columns, plan.samples[1])
            WHEN step <= cardinality(plan.samples)
            THEN format('UPDATE %s SET (%s) = ROW(%s) WHERE id = 1', plan.target, columns, plan.samples[step])
            ELSE format('DELETE FROM %s', plan.target) END;
        EXECUTE format('INSERT INTO %s_copies SELECT $1, row_now FROM %1$s row_now', plan.target) USING step;
    END LOOP;
END $$;
