//! A real server with TLS and key stores of Java, which demands certificates of its clients.

use std::process::Command;

use super::netty::NETTY;
use super::process::{Server, Setup, free_port};
use crate::cli::Place;
use crate::cli::watch::Watching;

/// Keys as `keytool` and `openssl` make them, and the truststores with each other's certificates.
const KEYS: &str = r#"
set -eu
exec 2>&1
pair() { # NAME ENDING ALGORITHM TYPE
    keytool -genkeypair -alias "$1" -keyalg $3 -dname "CN=$1" -ext SAN=dns:localhost,ip:127.0.0.1 \
        -validity 100 -keystore "$1.$2" -storetype $4 -storepass sesame -keypass sesame
    keytool -exportcert -rfc -alias "$1" -keystore "$1.$2" -storepass sesame >"$1.pem"
}
pair server jks RSA JKS
pair old jks RSA JKS
pair new p12 EC PKCS12
openssl req -x509 -newkey rsa:2048 -keyout ssl.key -out ssl.pem -days 100 -subj /CN=ssl -passout pass:sesame
openssl pkcs12 -export -legacy -in ssl.pem -inkey ssl.key -passin pass:sesame -passout pass:sesame -out legacy.p12 ||
    openssl pkcs12 -export -in ssl.pem -inkey ssl.key -passin pass:sesame -passout pass:sesame -out legacy.p12
for name in old new ssl; do
    keytool -importcert -noprompt -alias $name -file $name.pem -keystore clients.jks -storetype JKS -storepass sesame
done
keytool -importcert -noprompt -alias server -file server.pem -keystore trust.jks -storetype JKS -storepass sesame
keytool -importcert -noprompt -alias server -file server.pem -keystore trust.p12 -storetype PKCS12 -storepass sesame
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn commands_go_through_tls_with_the_key_stores_of_java() {
    let secure = free_port();
    let place = Place::at(&format!("tcp+tls://localhost:{secure}"));
    let mut keys = Command::new("bash");
    place.prepare(keys.args(["-c", KEYS]));
    let keys = keys.output().unwrap();
    assert!(
        keys.status.success(),
        "{}",
        String::from_utf8_lossy(&keys.stdout)
    );
    let folder = place.path("").display().to_string();
    let config = format!(
        "preAllocSize=4096\nsecureClientPort={secure}\nsecureClientPortAddress=127.0.0.1\n\
         ssl.keyStore.location={folder}/server.jks\nssl.keyStore.password=sesame\n\
         ssl.trustStore.location={folder}/clients.jks\nssl.trustStore.password=sesame\n\
         ssl.clientAuth=need\n"
    );
    let setup = Setup {
        java: NETTY.java,
        config: config.leak(),
    };
    let server = Server::start_as(setup);
    place
        .file("password", "sesame\n")
        .file("a.zkt", "/a\n  x = 1\n");
    let password = "--tls-password-file password";
    let refused = [
        (
            "ls",
            "its certificate is of an authority that is not trusted",
        ),
        (
            "ls --tls-ca server.pem",
            "it demands a certificate of the client, and none is given",
        ),
    ];
    for (words, expected) in refused {
        let run = place.run(words).expect(1);
        assert!(run.stderr.contains(expected), "{run}");
    }
    for (ca, own) in [
        ("server.pem", "--tls-cert old.jks"),
        ("trust.jks", "--tls-cert new.p12"),
        ("trust.p12", "--tls-cert ssl.pem --tls-key ssl.key"),
        ("trust.p12", "--tls-cert legacy.p12"),
    ] {
        let tls = format!("--tls-ca {ca} {own} {password}");
        place.run(&format!("apply -y a.zkt {tls}")).expect(0);
        place
            .run(&format!("plan --detailed-exitcode a.zkt {tls}"))
            .expect(0);
    }
    let tls = format!("--tls-ca trust.jks --tls-cert old.jks {password}");
    closed_to_other_certificates(&place, &tls);
    // Without TLS, the same port says what it wants.
    let run = place.run(&format!("ls -c localhost:{secure}")).expect(1);
    assert!(run.stderr.contains("--tls"), "{run}");
    place.file("a.zkt", "/a\n  x = 2\n");
    let mut watching = Watching::start(&place, &format!("a.zkt {tls}"));
    watching.says(&["reconciled", "applied"]).await;
    let (code, log) = watching.stop();
    assert_eq!(code, Some(0), "{log}");
    // The server has it from there.
    let run = place
        .run(&format!("get /a x -c {}", server.address()))
        .expect(0);
    assert_eq!(run.stdout, "2\n");
    let wrong = place
        .run("ls --tls-ca trust.jks --tls-cert old.jks")
        .expect(1);
    assert!(
        wrong
            .stderr
            .contains("old.jks: it has a password, and none is given"),
        "{wrong}"
    );
}

/// The certificate is an identity of the session: what it writes for itself, others may not change.
fn closed_to_other_certificates(place: &Place, tls: &str) {
    place
        .file("own.zkt", "/own\n  @acl x509:CN=old:cdrwa\n  /in\n")
        .file("shop.zkt", "/shop\n");
    let apply = |file: &str, tls: &str| place.run(&format!("apply -y {file} {tls}"));
    apply("own.zkt", tls).expect(0);
    apply("shop.zkt --owner shop", tls).expect(0);
    let record = place.run(&format!("audit /zkt {tls}")).expect(0);
    assert!(record.stdout.contains("x509:CN=old:cdrwa"), "{record}");
    let other = tls.replace("old.jks", "new.p12");
    let denied = place.run(&format!("set /own x=1 {other}"));
    assert_ne!(denied.code, 0, "{denied}");
    let denied = place.run(&format!("rm --yes /zkt/shop {other}"));
    assert!(denied.stdout.contains("not authorized"), "{denied}");
}
