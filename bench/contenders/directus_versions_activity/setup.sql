-- Who did what to which item, without its data.
\ir ../directus_versions/setup.sql
SELECT directus_versions.set_scope(:'table', accountability => 'activity');
