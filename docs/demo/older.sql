-- The release that was loaded first, in temporary tables beside the ones that changed since.

CREATE TEMP TABLE old_countries (LIKE countries);
CREATE TEMP TABLE old_subdivisions (LIKE subdivisions);
CREATE TEMP TABLE old_languages (LIKE languages);
\copy old_countries FROM 'old/countries.csv' (FORMAT csv, HEADER match)
\copy old_subdivisions FROM 'old/subdivisions.csv' (FORMAT csv, HEADER match)
\copy old_languages FROM 'old/languages.csv' (FORMAT csv, HEADER match)
