//! Statements of very many rows: the memory of the backend stays flat.

#[cfg(test)]
mod tests {
    use crate::pg_tests::support::{Session, client};
    use std::fmt::Write as _;
    use std::fs;
    use std::io::Write as _;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

    /// The backend's own memory in kB, without what it shares with others.
    fn own_memory(pid: i64) -> u64 {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("RssAnon:"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Run the work, and give by how many kB the backend's memory was at most above where it was.
    fn growth(session: &mut Session, work: impl FnOnce(&mut Session)) -> u64 {
        let pid = session.int("SELECT pg_backend_pid()");
        let before = own_memory(pid);
        let done = Arc::new(AtomicBool::new(false));
        let watcher = thread::spawn({
            let done = Arc::clone(&done);
            move || {
                let mut peak = own_memory(pid);
                while !done.load(Ordering::Relaxed) {
                    peak = peak.max(own_memory(pid));
                    thread::sleep(Duration::from_millis(5));
                }
                peak
            }
        });
        work(session);
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap().saturating_sub(before)
    }

    fn copy(session: &mut Session, sql: &str, from: usize, rows: usize) {
        let mut writer = session.copy_in(sql).unwrap();
        let mut chunk = String::new();
        for id in from..from + rows {
            writeln!(chunk, "{id}\tname of {id}\t{id}.50").unwrap();
            if chunk.len() > 1 << 16 {
                writer.write_all(chunk.as_bytes()).unwrap();
                chunk.clear();
            }
        }
        writer.write_all(chunk.as_bytes()).unwrap();
        writer.finish().unwrap();
    }

    /// The queue of AFTER triggers of `PostgreSQL` itself takes about 16 bytes a row of what is allowed.
    #[test]
    fn huge_copy_of_a_million_rows_with_flat_memory() {
        let mut session = client();
        session.run(
            "DROP TABLE IF EXISTS huge_copy; CREATE TABLE huge_copy (id int PRIMARY KEY, name text, price numeric);
             SELECT directus_versions.track('huge_copy')",
        );
        let sql = "COPY huge_copy FROM STDIN";
        session.run("BEGIN");
        copy(&mut session, sql, 0, 20_000);
        let grown = growth(&mut session, |session| {
            copy(session, sql, 20_000, 1_000_000);
        });
        assert!(
            grown < 64 << 10,
            "COPY of 1,000,000 rows took {grown} kB more"
        );
        let found = session.table(
            "SELECT count(*), count(DISTINCT item), min((delta ->> 'price')::numeric), max((delta ->> 'price')::numeric)
             FROM directus_versions.revisions WHERE collection = 'huge_copy'",
        );
        let expected =
            ["1020000", "1020000", "0.50", "1019999.50"].map(|text| Some(text.to_owned()));
        assert_eq!(found, [expected.to_vec()]);
        session.run("ROLLBACK");
        assert_eq!(
            session.int(
                "SELECT count(*) FROM directus_versions.activity WHERE collection = 'huge_copy'"
            ),
            0
        );
        session.run("DROP TABLE huge_copy");
    }

    #[test]
    fn huge_update_and_delete_with_flat_memory() {
        let mut session = client();
        session.run(
            "DROP TABLE IF EXISTS huge_update; CREATE TABLE huge_update (id int PRIMARY KEY, name text, price numeric);
             INSERT INTO huge_update SELECT i, repeat('x', 500) || i, i FROM generate_series(1, 200000) i;
             SELECT directus_versions.track('huge_update')",
        );
        session.run("BEGIN; UPDATE huge_update SET price = price + 1 WHERE id <= 20000");
        let grown = growth(&mut session, |session| {
            session.run("UPDATE huge_update SET price = price + 0.50, name = name || 'y'");
        });
        assert!(
            grown < 24 << 10,
            "UPDATE of 200,000 rows took {grown} kB more"
        );
        let grown = growth(&mut session, |session| {
            session.run("DELETE FROM huge_update");
        });
        assert!(
            grown < 24 << 10,
            "DELETE of 200,000 rows took {grown} kB more"
        );
        assert_eq!(
            session.int(
                "SELECT count(*) FROM directus_versions.revisions WHERE collection = 'huge_update'"
            ),
            420_000
        );
        session.run("ROLLBACK; DROP TABLE huge_update");
    }

    /// Many small statements in one transaction leave nothing behind either.
    #[test]
    fn huge_number_of_statements_with_flat_memory() {
        let mut session = client();
        session.run(
            "DROP TABLE IF EXISTS huge_statements; CREATE TABLE huge_statements (id int PRIMARY KEY, n int);
             SELECT directus_versions.track('huge_statements')",
        );
        let statements = |from: usize, to: usize| {
            format!(
                "DO $$ BEGIN FOR i IN {from}..{to} LOOP
                     INSERT INTO huge_statements VALUES (i, 0);
                     UPDATE huge_statements SET n = n + 1 WHERE id = i;
                 END LOOP; END $$"
            )
        };
        session.run(&format!("BEGIN; {}", statements(1, 2000)));
        let grown = growth(&mut session, |session| {
            session.run(&statements(2001, 30_000));
        });
        assert!(grown < 24 << 10, "56,000 statements took {grown} kB more");
        assert_eq!(
            session.int("SELECT count(*) FROM directus_versions.revisions WHERE collection = 'huge_statements'"),
            60_000
        );
        session.run("ROLLBACK; DROP TABLE huge_statements");
    }
}
