-- 100 columns of five types in turn.
WITH field AS (
    SELECT c,
        (ARRAY['text', 'int', 'numeric(10,2)', 'timestamptz', 'boolean'])[1 + c % 5] AS type,
        format((ARRAY[
            'substr(p.body, %s, 24)', 'n %% 1000 + %s', 'n / 7.0 + %s',
            'timestamptz ''2020-01-01 00:00Z'' + n * interval ''%s minutes''', 'n %% (%s + 2) = 0'
        ])[1 + c % 5], c) AS value
    FROM generate_series(2, 100) AS c
)
SELECT
    'CREATE TABLE item (id bigint PRIMARY KEY, ' || string_agg(format('c%s %s', c, type), ', ' ORDER BY c) || ')',
    'INSERT INTO item SELECT n, ' || string_agg(value, ', ' ORDER BY c)
        || format(' FROM generate_series(1, %s) AS n', :rows)
        || ' JOIN bench.paragraph AS p ON p.id = n % 4999 ORDER BY n'
FROM field \gexec
