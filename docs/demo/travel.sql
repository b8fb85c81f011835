-- The tables as they were before the first MERGE.

SELECT min("timestamp") - interval '1 microsecond' AS then FROM directus_versions.activity \gset

\set ECHO queries
SELECT name, official_name, common_name FROM directus_versions.as_of(NULL::countries, :'then') WHERE alpha_2 = 'TR';
\set ECHO none

CREATE TEMP VIEW given_countries AS SELECT * FROM directus_versions.as_of(NULL::countries, :'then');
CREATE TEMP VIEW given_subdivisions AS SELECT * FROM directus_versions.as_of(NULL::subdivisions, :'then');
CREATE TEMP VIEW given_languages AS SELECT * FROM directus_versions.as_of(NULL::languages, :'then');
\ir compare.sql
