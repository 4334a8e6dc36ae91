//! Another program with a client of its own sees what zc.zk would have written, and is seen.

use std::path::Path;
use std::process::Stdio;

use serde_json::json;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

use super::{Place, create, eventually, object};
use crate::kazoo::{MISSING, python};

#[tokio::test]
async fn another_program_and_zkt_see_each_other() {
    let place = Place::new("kazoo-services").await;
    let zk = place.connect().await;
    create(&zk, "/svc", json!({})).await;
    create(&zk, "/links", json!({"svc ->": "/svc"})).await;
    create(&zk, "/config", json!({})).await;
    let registration = zk.register("/links/svc", ("10.0.0.1", 80)).await.unwrap();
    let view = zk.children("/links/svc").await.unwrap();
    let config = zk.properties("/config").await.unwrap();

    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kazoo/services.py");
    let mut program = Command::new(python());
    program.arg(script).arg(&place.hosts);
    program
        .arg(std::process::id().to_string())
        .kill_on_drop(true);
    program.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut program = program
        .spawn()
        .unwrap_or_else(|error| panic!("{MISSING}: {error}"));
    let mut said = BufReader::new(program.stdout.take().unwrap()).lines();
    let mut stdin = program.stdin.take().unwrap();
    let pid = said.next_line().await.unwrap().expect(MISSING);

    eventually(|| view.names() == ["10.0.0.1:80", "10.0.0.2:80"]).await;
    let theirs = view.get("10.0.0.2:80").unwrap();
    assert!(theirs.is_ephemeral());
    assert_eq!(theirs.properties()["pid"].to_string(), pid);
    assert_eq!(theirs.properties()["weight"], json!(2));
    eventually(|| config.get("name") == Some(json!("é"))).await;
    assert_eq!(config.get_as::<u32>("threads").unwrap().unwrap(), 4);

    registration
        .set(object(json!({"zone": "b"})))
        .await
        .unwrap();
    stdin.write_all(b"look\n").await.unwrap();
    assert_eq!(said.next_line().await.unwrap().as_deref(), Some("seen"));
    stdin.write_all(b"leave\n").await.unwrap();
    assert!(program.wait().await.unwrap().success());
    eventually(|| view.names() == ["10.0.0.1:80"]).await;
}
