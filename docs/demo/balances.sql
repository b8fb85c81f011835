-- Whether the balances that pgbench left and what the log says of them agree; :transactions is how many it ran.

CREATE TEMP TABLE booking AS
SELECT 'pgbench_' || t.name AS collection, t.item, (r.delta ->> 'delta')::int AS amount
FROM directus_versions.revisions AS r,
    LATERAL (VALUES
        ('accounts', r.delta ->> 'aid'), ('tellers', r.delta ->> 'tid'), ('branches', r.delta ->> 'bid')
    ) AS t (name, item)
WHERE r.collection = 'pgbench_history' AND r.prior IS NULL;

CREATE TEMP TABLE change AS
SELECT r.collection, r.item, r.id, (r.prior ->> b.field)::int AS before, (r.delta ->> b.field)::int AS after
FROM directus_versions.revisions AS r
JOIN (VALUES ('pgbench_accounts', 'abalance'), ('pgbench_tellers', 'tbalance'), ('pgbench_branches', 'bbalance'))
    AS b (collection, field) USING (collection);

CREATE TEMP VIEW balance AS
SELECT 'pgbench_accounts' AS collection, aid::text AS item, abalance AS amount FROM pgbench_accounts
UNION ALL SELECT 'pgbench_tellers', tid::text, tbalance FROM pgbench_tellers
UNION ALL SELECT 'pgbench_branches', bid::text, bbalance FROM pgbench_branches;

-- The balance of each item: as it is, as the deltas of its updates add up, as the creates of pgbench_history add up;
-- and how many of its updates do not begin where the one before ended. A booking of 0 changes nothing: no update then.
CREATE TEMP TABLE item AS
SELECT collection, b.amount AS balance, COALESCE(c.amount, 0) AS deltas, COALESCE(c.updates, 0) AS updates,
    (b.amount, COALESCE(c.amount, 0), COALESCE(c.updates, 0), COALESCE(c.gaps, 0))
        IS NOT DISTINCT FROM (COALESCE(h.amount, 0), COALESCE(h.amount, 0), COALESCE(h.updates, 0), 0::bigint) AS agrees
FROM balance AS b
FULL JOIN (
    SELECT collection, item, sum(after - before) AS amount, count(*) AS updates,
        count(*) FILTER (WHERE before <> start) AS gaps
    FROM (SELECT *, lag(after, 1, 0) OVER (PARTITION BY collection, item ORDER BY id) AS start FROM change) AS c
    GROUP BY collection, item
) AS c USING (collection, item)
FULL JOIN (
    SELECT collection, item, sum(amount) AS amount, count(*) FILTER (WHERE amount <> 0) AS updates
    FROM booking GROUP BY collection, item
) AS h USING (collection, item);

CREATE TEMP TABLE history AS
SELECT (SELECT count(*) FROM pgbench_history) AS rows, count(*) AS creates
FROM directus_versions.activity WHERE collection = 'pgbench_history' AND action = 'create';

SELECT collection, count(*) AS rows, sum(balance) AS "sum of balances", sum(deltas) AS "sum of deltas",
    sum(updates) AS updates, count(*) FILTER (WHERE NOT agrees) AS "rows that disagree"
FROM item GROUP BY collection ORDER BY collection;

SELECT format('Transactions that pgbench ran: %s, of which %s moved 0 and so changed no balance.',
        :transactions, (SELECT count(*) FROM pgbench_history WHERE delta = 0)) AS transactions_line,
    format('Rows in pgbench_history: %s; creates of it in the log: %s.', rows, creates) AS history_line,
    rows = creates AND rows = :transactions AND (SELECT bool_and(agrees) FROM item) AS agree
FROM history \gset
\echo :transactions_line
\echo :history_line
\if :agree
\echo Balances and log agree.
\else
DO $$ BEGIN RAISE 'balances and log DISAGREE'; END $$;
\endif
