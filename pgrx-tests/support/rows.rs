//! Rows of a table, compared by their stored bytes.

use super::{Row, table};

/// Give SQL that tells what differs between two queries of a table's whole rows.
///
/// Rows are matched by their item. The bytes decide: there are types without any comparison, and
/// `1.0` equals `1.00`.
pub(crate) fn differences(found: &str, expected: &str) -> String {
    format!(
        "WITH found AS (SELECT directus_versions.item_of(r) AS item, r FROM ({found}) q(r)),
              expected AS (SELECT directus_versions.item_of(r) AS item, r FROM ({expected}) q(r))
         SELECT pg_catalog.format('item %s is %s, expected was %s', item,
             pg_catalog.left(found.r::text, 500), pg_catalog.left(expected.r::text, 500))
         FROM found FULL JOIN expected USING (item)
         WHERE found.item IS NULL OR expected.item IS NULL
            OR found.r OPERATOR(pg_catalog.*<>) expected.r
         UNION ALL
         SELECT pg_catalog.format('%s rows, expected were %s', f.n, e.n)
         FROM (SELECT pg_catalog.count(*) FROM found) f(n),
              (SELECT pg_catalog.count(*) FROM expected) e(n)
         WHERE f.n <> e.n"
    )
}

/// Require that two queries give the same rows of a table.
pub(crate) fn same_rows(found: &str, expected: &str) {
    agree(found, table(&differences(found, expected)));
}

pub(super) fn agree(found: &str, problems: Vec<Row>) {
    let problems: Vec<String> = problems.into_iter().flatten().flatten().collect();
    assert!(problems.is_empty(), "{found}\n{}", problems.join("\n"));
}
