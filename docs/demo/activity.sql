-- Who did what, and from where.

SELECT collection,
    count(*) FILTER (WHERE action = 'create') AS "create",
    count(*) FILTER (WHERE action = 'update') AS "update",
    count(*) FILTER (WHERE action = 'delete') AS "delete"
FROM directus_versions.activity GROUP BY collection ORDER BY collection;

\echo Who did it and from where, as the application says; the session user it cannot forge:
\echo
SELECT actor, ip, user_agent, session_user_name AS "session user", count(*) AS changes
FROM directus_versions.activity GROUP BY 1, 2, 3, 4 ORDER BY 1;
