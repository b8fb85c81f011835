-- The tables of pgbench, tracked. pgbench_history has no key of its own.

ALTER TABLE pgbench_history ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY;
\o /dev/null
SELECT directus_versions.track(format('pgbench_%s', name)::regclass)
FROM unnest(ARRAY['accounts', 'tellers', 'branches', 'history']) AS name;
CREATE ROLE bank LOGIN;
GRANT SELECT, INSERT, UPDATE ON pgbench_accounts, pgbench_tellers, pgbench_branches, pgbench_history TO bank;
GRANT SELECT ON pgbench_accounts, pgbench_tellers, pgbench_branches, pgbench_history TO auditor;
