//! Who may do and see what: the rights of PUBLIC and of each level, ownership, and what a reader
//! is shown of tables, columns and rows that it may not all see.

use super::support::{run, table};

mod columns;
mod events;
mod forgery;
mod helpers;
mod leaks;
mod levels;
mod ownership;
mod relink;
mod rows;
mod writers;

/// Run a step as another role.
fn as_role(role: &str, step: impl FnOnce()) {
    run(&format!("SET ROLE {role}"));
    step();
    run("RESET ROLE");
}

/// Create roles with the level `read`.
fn readers(names: &[&str]) {
    for name in names {
        run(&format!(
            "CREATE ROLE {name}; SELECT directus_versions.grant_access('{name}', 'read')"
        ));
    }
}

/// List what is granted in our schema to anyone but the owner of each object, as
/// `function item_of EXECUTE to PUBLIC`.
fn grants() -> Vec<String> {
    let rows = table(
        "WITH object (kind, name, owner, acl) AS (
             SELECT 'schema', n.nspname::text, n.nspowner,
                    coalesce(n.nspacl, acldefault('n', n.nspowner))
             FROM pg_namespace n WHERE n.nspname = 'directus_versions'
             UNION ALL
             SELECT 'function', p.proname::text, p.proowner,
                    coalesce(p.proacl, acldefault('f', p.proowner))
             FROM pg_proc p WHERE p.pronamespace = 'directus_versions'::regnamespace
             UNION ALL
             SELECT CASE c.relkind WHEN 'S' THEN 'sequence' ELSE 'relation' END,
                    c.relname::text, c.relowner,
                    coalesce(c.relacl, acldefault(
                        CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", c.relowner))
             FROM pg_class c
             WHERE c.relnamespace = 'directus_versions'::regnamespace
               AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
             UNION ALL
             SELECT 'column', c.relname || '.' || a.attname, c.relowner, a.attacl
             FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             WHERE c.relnamespace = 'directus_versions'::regnamespace AND a.attacl IS NOT NULL
             UNION ALL
             SELECT 'default', d.defaclobjtype::text, d.defaclrole, d.defaclacl
             FROM pg_default_acl d
             WHERE d.defaclnamespace = 'directus_versions'::regnamespace
             UNION ALL
             SELECT 'parameter', p.parname, 10, p.paracl
             FROM pg_parameter_acl p WHERE p.parname LIKE 'directus_versions.%'
         )
         SELECT DISTINCT format('%s %s %s to %s', o.kind, o.name, a.privilege_type,
             CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE a.grantee::regrole::text END) AS said
         FROM object o, aclexplode(o.acl) a
         WHERE a.grantee <> o.owner
         ORDER BY said",
    );
    rows.into_iter()
        .filter_map(|row| row.into_iter().next().flatten())
        .collect()
}
