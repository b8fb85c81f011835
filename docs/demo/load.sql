-- The lists of the older release as any application would keep them, and recording switched on.

CREATE TYPE language_scope AS ENUM ('individual', 'macrolanguage', 'special');
CREATE TYPE language_type AS ENUM ('ancient', 'constructed', 'extinct', 'historical', 'living', 'special');

CREATE TABLE countries (
    alpha_2       char(2) PRIMARY KEY,
    alpha_3       char(3) NOT NULL UNIQUE,
    numeric_code  char(3) NOT NULL UNIQUE,
    name          text NOT NULL,
    official_name text,
    common_name   text
);
CREATE TABLE subdivisions (
    code    text PRIMARY KEY,
    country char(2) NOT NULL REFERENCES countries,
    parent  text REFERENCES subdivisions,
    name    text NOT NULL,
    type    text NOT NULL
);
CREATE TABLE languages (
    alpha_3       char(3) PRIMARY KEY,
    alpha_2       char(2),
    bibliographic char(3),
    name          text NOT NULL,
    inverted_name text,
    common_name   text,
    scope         language_scope NOT NULL,
    type          language_type NOT NULL
);

\copy countries FROM 'old/countries.csv' (FORMAT csv, HEADER match)
\copy subdivisions FROM 'old/subdivisions.csv' (FORMAT csv, HEADER match)
\copy languages FROM 'old/languages.csv' (FORMAT csv, HEADER match)

-- The application writes its own tables and has no right on the log; the auditor reads both and writes nothing.
CREATE ROLE atlas LOGIN;
GRANT SELECT, INSERT, UPDATE, DELETE ON countries, subdivisions, languages TO atlas;
CREATE ROLE auditor LOGIN;
GRANT SELECT ON countries, subdivisions, languages TO auditor;
\o /dev/null
SELECT directus_versions.grant_access('auditor', 'read');

\set ECHO queries
SELECT directus_versions.track('countries');
SELECT directus_versions.track('subdivisions');
SELECT directus_versions.track('languages');
\set ECHO none
\echo
