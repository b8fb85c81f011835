-- The default scope: activity and revisions.
CREATE EXTENSION directus_versions;
SELECT directus_versions.track(:'table');
ALTER DATABASE :database SET directus_versions.actor = 'ada';
