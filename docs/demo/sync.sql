-- The application brings its tables to the new release: as role atlas, on behalf of two people.

\o /dev/null
CREATE TEMP TABLE new_countries (LIKE countries);
CREATE TEMP TABLE new_subdivisions (LIKE subdivisions);
CREATE TEMP TABLE new_languages (LIKE languages);
\copy new_countries FROM 'new/countries.csv' (FORMAT csv, HEADER match)
\copy new_subdivisions FROM 'new/subdivisions.csv' (FORMAT csv, HEADER match)
\copy new_languages FROM 'new/languages.csv' (FORMAT csv, HEADER match)

BEGIN;
\set ECHO queries
SELECT directus_versions.set_context(
    actor => 'ada', ip => '203.0.113.7', user_agent => 'Atlas/4 Firefox');
\set ECHO none

MERGE INTO countries AS c
USING (
    SELECT alpha_2, n.alpha_3, n.numeric_code, n.name, n.official_name, n.common_name
    FROM new_countries AS n FULL JOIN countries USING (alpha_2)
) AS n ON c.alpha_2 = n.alpha_2
WHEN MATCHED AND n.name IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET
    alpha_3 = n.alpha_3, numeric_code = n.numeric_code,
    name = n.name, official_name = n.official_name, common_name = n.common_name
WHEN NOT MATCHED THEN
    INSERT VALUES (n.alpha_2, n.alpha_3, n.numeric_code, n.name, n.official_name, n.common_name);
\set countries :ROW_COUNT

MERGE INTO subdivisions AS s
USING (
    SELECT code, n.country, n.parent, n.name, n.type
    FROM new_subdivisions AS n FULL JOIN subdivisions USING (code)
) AS n ON s.code = n.code
WHEN MATCHED AND n.name IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET country = n.country, parent = n.parent, name = n.name, type = n.type
WHEN NOT MATCHED THEN INSERT VALUES (n.code, n.country, n.parent, n.name, n.type);
\set subdivisions :ROW_COUNT
COMMIT;

BEGIN;
\set ECHO queries
SELECT directus_versions.set_context(
    actor => 'grace', ip => '198.51.100.23', user_agent => 'Atlas/4 Safari');
\set ECHO none

MERGE INTO languages AS l
USING (
    SELECT alpha_3, n.alpha_2, n.bibliographic, n.name, n.inverted_name, n.common_name, n.scope, n.type
    FROM new_languages AS n FULL JOIN languages USING (alpha_3)
) AS n ON l.alpha_3 = n.alpha_3
WHEN MATCHED AND n.name IS NULL THEN DELETE
WHEN MATCHED THEN UPDATE SET
    alpha_2 = n.alpha_2, bibliographic = n.bibliographic, name = n.name, inverted_name = n.inverted_name,
    common_name = n.common_name, scope = n.scope, type = n.type
WHEN NOT MATCHED THEN INSERT VALUES (
    n.alpha_3, n.alpha_2, n.bibliographic, n.name, n.inverted_name, n.common_name, n.scope, n.type);
\set languages :ROW_COUNT
COMMIT;

SELECT :countries + :subdivisions + :languages AS written \gset
\echo
\echo Three MERGE statements wrote :written rows, most of them with the values they had already.
