//! Real servers with users in a JAAS file: with NIO and with Netty, through TLS, and such that demand SASL.

use std::fs;

use zkt::Password;
use zkt::error::SaslTrouble;
use zkt::zookeeper::session::{Error, Options, Session};

use super::netty::{NETTY, assert_comes_back};
use super::process::{FOR_TESTS, Server, Setup, as_packaged};
use crate::cli::Place;
use crate::relay::Relay;
use crate::sasl::{self, trouble};
use crate::server::{options, options_as};
use crate::tls::{Authority, Door};

/// Users whose names and passwords need escapes, or are hashed in another charset.
const USERS: [(&str, &str); 4] = [
    ("ops", "secret"),
    ("dev", "p\u{e4}\u{df}"),
    ("zo\u{eb}", "\u{20ac}uro"),
    ("q\u{fc}", "say \"please\""),
];

/// A server with these users.
pub(crate) fn with_users(setup: Setup, folder: &std::path::Path, words: &[&'static str]) -> Setup {
    let users = USERS.map(|(user, password)| {
        let password = password.replace('"', "\\\"");
        format!("  user_{user}=\"{password}\"")
    });
    let jaas = folder.join("jaas.conf");
    let text = format!(
        "Server {{\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n{};\n}};\n",
        users.join("\n")
    );
    fs::write(&jaas, as_packaged(&text)).unwrap();
    let jaas = format!("-Djava.security.auth.login.config={}", jaas.display());
    let provider =
        "-Dzookeeper.authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
    let mut java = setup.java.to_vec();
    java.extend([&*jaas.leak(), provider]);
    java.extend(words);
    let java = java.leak();
    Setup { java, ..setup }
}

fn by_sasl(hosts: &str, user: &str, password: &str) -> Options {
    sasl::by_sasl(hosts, user, Password::Text(password.to_owned()))
}

#[tokio::test]
async fn users_of_a_jaas_file_are_known_every_time() {
    let folder = tempfile::tempdir().unwrap();
    for setup in [FOR_TESTS, NETTY] {
        let server = Server::start_as(with_users(setup, folder.path(), &[]));
        for time in 0..50 {
            for (user, password) in USERS {
                let session = Session::connect(&by_sasl(&server.address(), user, password)).await;
                let session = session.unwrap_or_else(|error| panic!("{time}: {user}: {error}"));
                if time == 0 {
                    let identities = session.identities().await.unwrap();
                    assert!(
                        identities.iter().any(|who| who.id == user),
                        "{identities:?}"
                    );
                }
                session.close().await;
            }
        }
        let wrong = by_sasl(&server.address(), "ops", "wrong");
        assert_eq!(trouble(wrong).await, SaslTrouble::Refused);
        // Beside the password of whoever came last, a server takes any name (its callback keeps that user).
        let unknown = by_sasl(&server.address(), "nobody", "nothing");
        assert_eq!(trouble(unknown).await, SaslTrouble::Refused);
        let mut both = by_sasl(&server.address(), "ops", "secret");
        both.credentials = options_as("", "me:mine").credentials;
        let session = Session::connect(&both).await.unwrap();
        let identities = session.identities().await.unwrap();
        let mut users: Vec<&str> = identities.iter().map(zkt::AuthId::user).collect();
        users.sort_unstable();
        assert_eq!(users, ["me", "ops"]);
    }
}

#[tokio::test]
async fn a_connection_that_was_lost_comes_back_with_its_user() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_as(with_users(NETTY, folder.path(), &[]));
    let relay = Relay::to(server.port()).await;
    let session = Session::connect(&by_sasl(&relay.address(), "ops", "secret")).await;
    let session = session.unwrap();
    assert_comes_back(&session, &relay).await;
}

#[tokio::test]
async fn servers_that_refuse_say_why() {
    let folder = tempfile::tempdir().unwrap();
    let none = crate::server::shared().address();
    assert_eq!(
        trouble(by_sasl(&none, "ops", "secret")).await,
        SaslTrouble::NotOffered
    );
    let lax = ["-Dzookeeper.allowSaslFailedClients=true"];
    let lax = Server::start_as(with_users(FOR_TESTS, folder.path(), &lax));
    let wrong = by_sasl(&lax.address(), "ops", "wrong");
    assert_eq!(trouble(wrong).await, SaslTrouble::Unconfirmed);
    let strict = ["-Dzookeeper.sessionRequireClientSASLAuth=true"];
    for setup in [FOR_TESTS, NETTY] {
        let strict = Server::start_as(with_users(setup, folder.path(), &strict));
        let hosts = strict.address();
        assert_eq!(
            trouble(by_sasl(&hosts, "ops", "wrong")).await,
            SaslTrouble::Refused
        );
        for (options, schemes) in [
            (options(&hosts), vec![]),
            (options_as(&hosts, "a:b"), vec!["digest"]),
        ] {
            match Session::connect(&options).await {
                Err(Error::Demanded { schemes: found, .. }) => assert_eq!(found, schemes),
                other => panic!("{other:?}"),
            }
        }
        let session = Session::connect(&by_sasl(&hosts, "ops", "secret"))
            .await
            .unwrap();
        session.close().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn commands_have_the_rights_of_their_user_also_through_tls() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start_as(with_users(NETTY, folder.path(), &[]));
    let authority = Authority::new();
    let door = Door::open(server.port(), authority.server(&["127.0.0.1"], None)).await;
    let place = Place::at(&format!("tcp+tls://{}", door.address()));
    place
        .file("ca.pem", authority.pem())
        .file("ops", "secret\n")
        .file("dev", "p\u{e4}\u{df}\n")
        .file(
            "a.zkt",
            "/a\n  @acl sasl:ops:cdrwa sasl:dev:r\n  x = 1\n/b\n  @acl auth::cdrwa\n",
        );
    let ops = "--tls-ca ca.pem --sasl-user ops --sasl-password-file ops";
    let dev = "--tls-ca ca.pem --sasl-user dev --sasl-password-file dev";
    place.run(&format!("apply -y a.zkt {ops}")).expect(0);
    place
        .run(&format!("plan --detailed-exitcode a.zkt {ops}"))
        .expect(0);
    let run = place.run(&format!("get /a x {dev}")).expect(0);
    assert_eq!(run.stdout, "1\n");
    place.file("a.zkt", "/a\n  @acl sasl:ops:cdrwa sasl:dev:r\n  x = 2\n");
    let run = place.run(&format!("plan --check-rights a.zkt {dev}"));
    assert!(
        run.stderr.contains("write") || run.stdout.contains("write"),
        "{run}"
    );
    let run = place.run(&format!("audit / {ops}")).expect(0);
    assert!(run.stdout.contains("sasl:ops:cdrwa"), "{run}");
    let run = place.run(&format!("get /b {dev}")).expect(1);
    assert!(run.stderr.contains("not authorized"), "{run}");
}
