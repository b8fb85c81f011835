//! A connection's start-up options are bytes that no one checks.
#![cfg(test)]

use crate::pg_tests::support::client;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Send a message of this kind; the first one has none.
fn send(stream: &mut TcpStream, kind: Option<u8>, body: &[u8]) {
    let mut message: Vec<u8> = kind.into_iter().collect();
    message.extend(u32::try_from(body.len() + 4).unwrap().to_be_bytes());
    message.extend(body);
    stream.write_all(&message).unwrap();
}

/// Read until the server is ready, and fail at an error.
fn ready(stream: &mut TcpStream) {
    loop {
        let mut head = [0; 5];
        stream.read_exact(&mut head).unwrap();
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut body = vec![0; length as usize - 4];
        stream.read_exact(&mut body).unwrap();
        match head[0] {
            b'E' => panic!("{}", String::from_utf8_lossy(&body)),
            b'R' => assert_eq!(body, [0; 4], "the tests' server trusts us"),
            b'Z' => return,
            _ => {}
        }
    }
}

#[test]
fn context_start_up_options_that_are_no_text() {
    let mut db = client();
    db.run(
        "CREATE TABLE ctxb_raw (id int PRIMARY KEY, v text);
         SELECT directus_versions.track('ctxb_raw')",
    );
    let port: u16 = db.int("SELECT current_setting('port')").try_into().unwrap();
    let user = db.text("SELECT current_user").unwrap();
    let database = db.text("SELECT current_database()").unwrap();
    let mut stream = TcpStream::connect(("localhost", port)).unwrap();
    let mut body: Vec<u8> = 0x0003_0000_u32.to_be_bytes().to_vec();
    let options = b"-c directus_versions.actor=\xff\xfe -c directus_versions.comment=a\xe2\x82 \
        -c directus_versions.origin=\xc3\x28 -c directus_versions.request_id=\xed\xa0\x80";
    for part in [
        b"user".as_slice(),
        user.as_bytes(),
        b"database",
        database.as_bytes(),
        b"application_name",
        b"raw \xff",
        b"options",
        options,
        b"",
    ] {
        body.extend(part);
        body.push(0);
    }
    send(&mut stream, None, &body);
    ready(&mut stream);
    send(
        &mut stream,
        Some(b'Q'),
        b"INSERT INTO ctxb_raw VALUES (1, 'a'); UPDATE ctxb_raw SET v = 'b'\0",
    );
    ready(&mut stream);
    send(&mut stream, Some(b'X'), b"");
    let rows = db.table(
        "SELECT a::text, a.actor, to_jsonb(a) FROM directus_versions.activity a
         WHERE collection = 'ctxb_raw'",
    );
    assert_eq!(rows.len(), 2, "{rows:?}");
    assert!(rows[0][1].is_some(), "there was an actor: {rows:?}");
    assert_eq!(db.entries("ctxb_raw").len(), 2);
    db.shows(
        "SELECT count(*) > 0 FROM directus_versions.context WHERE length(context::text) > 0",
        "true",
    );
}
