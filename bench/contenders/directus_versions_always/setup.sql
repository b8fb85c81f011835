-- The whole row stored with each revision.
\ir ../directus_versions/setup.sql
SELECT directus_versions.set_scope(:'table', snapshot => 'always');
