//! Sessions through TLS: what passes, what is refused and how it is said, and files that change.

pub(crate) mod door;

use std::path::PathBuf;
use std::time::Duration;

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, SanType, date_time_ymd};
use tempfile::TempDir;
use tokio::runtime::Handle;
use zkt::error::{CertificateTrouble, TlsError, TlsTrouble, Trouble};
use zkt::server::{ErrorCode, Fault, Matching, RequestKind};
use zkt::zookeeper::session::{Error, Options, Session};
use zkt::{Password, Tls};

use crate::server::{Server, free_port, options, shared};
pub(crate) use door::{Authority, Door, Own};

/// A folder with files of keys and certificates.
pub(crate) struct Files(TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// Writes a file, or replaces it as a whole.
    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.path().join(name);
        let new = self.0.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
        path
    }
}

fn with(hosts: &str, tls: Tls) -> Options {
    Options {
        tls,
        ..options(hosts)
    }
}

/// What is wrong with the only server.
async fn trouble(hosts: &str, tls: Tls) -> Trouble {
    match Session::connect(&with(hosts, tls)).await {
        Err(Error::Unreachable { mut troubles, .. }) => troubles.remove(0).1,
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("{hosts} is reached"),
    }
}

async fn tls_trouble(hosts: &str, tls: Tls) -> TlsTrouble {
    match trouble(hosts, tls).await {
        Trouble::Handshake(trouble) => trouble,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_session_goes_through_tls() {
    let authority = Authority::new();
    let files = Files::new();
    let own = authority.certify(&["me"]);
    let door = Door::open(
        shared().port(),
        authority.server(&["127.0.0.1"], Some(&authority)),
    )
    .await;
    let tls = Tls {
        ca: Some(files.write("ca.pem", authority.pem())),
        certificate: Some(files.write("own.pem", own.both())),
        ..Tls::default()
    };
    let hosts = format!("tcp+tls://{}", door.address());
    let session = Session::connect(&with(&hosts, tls.clone())).await.unwrap();
    assert_eq!(session.hosts(), format!("{hosts}/"));
    session.who().await.unwrap();
    session.close().await;
    // Without a scheme, the options say it, beside a server without TLS.
    let plain = free_port();
    let on = Tls { on: true, ..tls };
    let hosts = format!("tcp://127.0.0.1:{plain},{}", door.address());
    let session = Session::connect(&with(&hosts, on)).await.unwrap();
    assert_eq!(session.hosts(), format!("{hosts}/"));
    session.close().await;
}

/// Servers before 3.7 do not say whom they know a session as: with a certificate that may be anybody.
#[tokio::test]
async fn a_certificate_may_be_an_identity() {
    let authority = Authority::new();
    let files = Files::new();
    let own = authority.certify(&["me"]);
    let server = zkt::server::Server::start().unwrap();
    let of_clients = authority.server(&["127.0.0.1"], Some(&authority));
    let door = Door::open(server.address().port(), of_clients).await;
    let tls = Tls {
        ca: Some(files.write("ca.pem", authority.pem())),
        certificate: Some(files.write("own.pem", own.both())),
        ..Tls::default()
    };
    let secure = with(&format!("tcp+tls://{}", door.address()), tls);
    let plain = options(&server.connect_string());
    for (options, may_be_more) in [(secure, true), (plain, false)] {
        let session = Session::connect(&options).await.unwrap();
        let unknown = Fault::Answer(ErrorCode::Unimplemented);
        let asked = server.inject(Matching::kind(RequestKind::WhoAmI), unknown);
        let identities = session.who().await.unwrap();
        assert!(asked.has_struck());
        assert_eq!(identities.may_be_more, may_be_more);
        session.close().await;
    }
}

#[tokio::test]
async fn nothing_is_left_when_a_session_ends() {
    let authority = Authority::new();
    let files = Files::new();
    let server = Server::start();
    let door = Door::open(server.port(), authority.server(&["127.0.0.1"], None)).await;
    let tls = Tls {
        ca: Some(files.write("ca.pem", authority.pem())),
        ..Tls::default()
    };
    let options = with(&format!("tcp+tls://{}", door.address()), tls);
    let tasks = || Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    for way in ["close", "drop", "cut"] {
        let session = Session::connect(&options).await.unwrap();
        assert!(tasks() > before, "{way}");
        match way {
            "close" => session.close().await,
            "drop" => drop(session),
            _ => {
                door.cut();
                session.close().await;
            }
        }
        let gone = async {
            while tasks() > before {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let gone = tokio::time::timeout(Duration::from_secs(60), gone).await;
        assert!(gone.is_ok(), "{way}: {} tasks, {before} before", tasks());
    }
}

#[tokio::test]
async fn each_trouble_with_a_certificate_is_told() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = Files::new();
    let ca = Some(files.write("ca.pem", authority.pem()));
    let port = shared().port();
    let tls = || Tls {
        ca: ca.clone(),
        ..Tls::default()
    };
    let door = Door::open(port, authority.server(&["127.0.0.1"], None)).await;
    let hosts = format!("tcp+tls://{}", door.address());

    door.present(stranger.server(&["127.0.0.1"], None));
    let unknown = TlsTrouble::Certificate(CertificateTrouble::UnknownAuthority);
    assert_eq!(tls_trouble(&hosts, tls()).await, unknown);
    // The system does not know it either.
    let other = tls_trouble(&hosts, Tls::default()).await;
    assert_eq!(other, unknown);
    let skips = Tls {
        insecure_skip_verify: true,
        ..tls()
    };
    Session::connect(&with(&hosts, skips))
        .await
        .unwrap()
        .close()
        .await;

    door.present(authority.server(&["zk1.example", "10.0.0.1"], None));
    let named = TlsTrouble::Certificate(CertificateTrouble::Name {
        expected: "127.0.0.1".to_owned(),
        names: vec!["zk1.example".to_owned(), "10.0.0.1".to_owned()],
    });
    assert_eq!(tls_trouble(&hosts, tls()).await, named);
    let expects = |name: &str| Tls {
        server_name: Some(name.to_owned()),
        ..tls()
    };
    let session = Session::connect(&with(&hosts, expects("zk1.example"))).await;
    session.unwrap().close().await;
    let wrong = tls_trouble(&hosts, expects("zk2.example")).await;
    assert_eq!(
        wrong.to_string(),
        "its certificate is for zk1.example, 10.0.0.1, not for zk2.example"
    );
    let error = Session::connect(&with(&hosts, expects("a b")))
        .await
        .unwrap_err();
    assert_eq!(error, Error::Tls(TlsError::ServerName("a b".to_owned())));

    let dated = |from, to| {
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        (params.not_before, params.not_after) = (from, to);
        authority.server_with(&params)
    };
    door.present(dated(date_time_ymd(2001, 1, 1), date_time_ymd(2002, 3, 4)));
    assert_eq!(
        tls_trouble(&hosts, tls()).await.to_string(),
        "its certificate expired at 2002-03-04T00:00:00Z"
    );
    door.present(dated(date_time_ymd(2099, 1, 1), date_time_ymd(2100, 1, 1)));
    assert_eq!(
        tls_trouble(&hosts, tls()).await.to_string(),
        "its certificate is valid from 2099-01-01T00:00:00Z on"
    );
}

/// Whoever made the certificate has chosen its words.
#[tokio::test]
async fn what_a_certificate_says_is_told_on_one_short_line() {
    let authority = Authority::new();
    let files = Files::new();
    let ca = files.write("ca.pem", authority.pem());
    let door = Door::open(shared().port(), authority.server(&["127.0.0.1"], None)).await;
    let hosts = format!("tcp+tls://{}", door.address());
    let dns = |name: &str| SanType::DnsName(name.to_owned().try_into().unwrap());
    let many = (0..300).map(|n| dns(&format!("zk{n}.example"))).collect();
    let mail = SanType::Rfc822Name("a@b.example".to_owned().try_into().unwrap());
    let named = |names: Vec<SanType>| {
        let mut params = CertificateParams::default();
        params.subject_alt_names = names;
        params
    };
    let mut for_clients = named(vec![SanType::IpAddress([127, 0, 0, 1].into())]);
    for_clients.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    for (params, expected) in [
        (
            named(many),
            "its certificate is for zk0.example, zk1.example, zk2.example and 297 others, not for 127.0.0.1",
        ),
        (
            named(vec![dns("a\u{1b}[31m\nerror: b"), dns(&"x".repeat(5000))]),
            &format!(
                "its certificate is for a\\u001b[31m\\nerror: b, {}…, not for 127.0.0.1",
                "x".repeat(100)
            ),
        ),
        (
            named(vec![mail]),
            "its certificate names no host (subjectAltName), so it is not for 127.0.0.1",
        ),
        (
            for_clients,
            "its certificate is not accepted: certificate does not allow extended key usage for server \
             authentication, allows client authentication",
        ),
    ] {
        door.present(authority.server_with(&params));
        let tls = Tls {
            ca: Some(ca.clone()),
            ..Tls::default()
        };
        assert_eq!(tls_trouble(&hosts, tls).await.to_string(), expected);
    }
}

#[tokio::test]
async fn a_certificate_may_be_trusted_itself() {
    let (own, other) = (
        Own::of_itself(&["127.0.0.1"]),
        Own::of_itself(&["127.0.0.1"]),
    );
    let files = Files::new();
    let door = Door::open(shared().port(), own.server()).await;
    let hosts = format!("tcp+tls://{}", door.address());
    let trusts = |one: &Own| Tls {
        ca: Some(files.write("ca.pem", one.certificate())),
        ..Tls::default()
    };
    let session = Session::connect(&with(&hosts, trusts(&own))).await;
    session.unwrap().close().await;
    let unknown = TlsTrouble::Certificate(CertificateTrouble::UnknownAuthority);
    assert_eq!(tls_trouble(&hosts, trusts(&other)).await, unknown);
    assert_eq!(tls_trouble(&hosts, Tls::default()).await, unknown);
    // Its name counts nevertheless.
    let elsewhere = Tls {
        server_name: Some("zk1.example".to_owned()),
        ..trusts(&own)
    };
    let trouble = tls_trouble(&hosts, elsewhere).await;
    assert!(
        matches!(
            trouble,
            TlsTrouble::Certificate(CertificateTrouble::Name { .. })
        ),
        "{trouble:?}"
    );
}

#[tokio::test]
async fn each_trouble_with_the_own_certificate_is_told() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let files = Files::new();
    let ca = Some(files.write("ca.pem", authority.pem()));
    let port = shared().port();
    for version in [&rustls_versions::TLS13, &rustls_versions::TLS12] {
        let server = authority.server_of(&["127.0.0.1"], Some(&authority), &[version]);
        let door = Door::open(port, server).await;
        let hosts = format!("tcp+tls://{}", door.address());
        let own = |own: Option<Own>| Tls {
            ca: ca.clone(),
            certificate: own.map(|own| files.write("own.pem", own.both())),
            ..Tls::default()
        };
        assert_eq!(tls_trouble(&hosts, own(None)).await, TlsTrouble::Demanded);
        let refused = tls_trouble(&hosts, own(Some(stranger.certify(&["me"])))).await;
        let TlsTrouble::Refused(reason) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(reason, "its authority is not trusted");
        let taken = own(Some(authority.certify(&["me"])));
        Session::connect(&with(&hosts, taken))
            .await
            .unwrap()
            .close()
            .await;
    }
}

use tokio_rustls::rustls::version as rustls_versions;

#[tokio::test]
async fn what_speaks_no_tls_is_told() {
    let port = shared().port();
    let hosts = format!("tcp+tls://127.0.0.1:{port}");
    assert_eq!(tls_trouble(&hosts, Tls::default()).await, TlsTrouble::Plain);
    let web = door::answers(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
    let hosts = format!("tcp+tls://127.0.0.1:{web}");
    assert_eq!(
        tls_trouble(&hosts, Tls::default()).await,
        TlsTrouble::Foreign
    );
    let dead = format!("tcp+tls://127.0.0.1:{}", free_port());
    assert_eq!(trouble(&dead, Tls::default()).await, Trouble::Refused);
    // And the other way round.
    let authority = Authority::new();
    let door = Door::open(port, authority.server(&["127.0.0.1"], None)).await;
    assert_eq!(trouble(&door.address(), Tls::default()).await, Trouble::Tls);
    // Each of several is named as it was given.
    let hosts = format!("{dead},{}", door.address());
    let error = Session::connect(&options(&hosts)).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot reach a ZooKeeper server at {hosts}/: \
             \n  {dead}: the connection is refused\
             \n  {}: it speaks TLS",
            door.address()
        )
    );
}

#[tokio::test]
async fn wrong_files_are_told_before_anything_is_sent() {
    let authority = Authority::new();
    let files = Files::new();
    let (own, other) = (authority.certify(&["me"]), authority.certify(&["you"]));
    let certificate = files.write("cert.pem", own.certificate());
    let key = files.write("key.pem", other.key());
    let nosuch = PathBuf::from("/nosuch.pem");
    let error = async |tls: Tls| {
        let options = with("tcp+tls://127.0.0.1:1", tls);
        match Session::connect(&options).await {
            Err(Error::Tls(error)) => error,
            other => panic!("{other:?}"),
        }
    };
    let tls = Tls::default;
    let mismatch = Tls {
        certificate: Some(certificate.clone()),
        key: Some(key.clone()),
        ..tls()
    };
    assert_eq!(
        error(mismatch).await,
        TlsError::KeyMismatch {
            key: key.clone(),
            certificate: certificate.clone()
        }
    );
    let alone = Tls {
        certificate: Some(certificate.clone()),
        ..tls()
    };
    assert_eq!(error(alone).await, TlsError::NoKey { file: certificate });
    let keyless = Tls {
        key: Some(key.clone()),
        ..tls()
    };
    assert_eq!(error(keyless).await, TlsError::KeyAlone);
    let missing = Tls {
        ca: Some(nosuch.clone()),
        ..tls()
    };
    assert_eq!(
        error(missing).await.to_string(),
        "/nosuch.pem: No such file or directory"
    );
    let no_ca = Tls {
        ca: Some(key.clone()),
        ..tls()
    };
    assert_eq!(
        error(no_ca).await.to_string(),
        format!(
            "{}: it holds a private key, and no certificate",
            key.display()
        )
    );
    let secret = Tls {
        ca: Some(key),
        password: Some(Password::File(nosuch)),
        ..tls()
    };
    assert!(matches!(error(secret).await, TlsError::Unreadable { .. }));
}

/// Server, authority and client get new certificates, and the same session goes on.
#[tokio::test]
async fn files_that_change_are_read_again() {
    let (old, new) = (Authority::new(), Authority::new());
    let files = Files::new();
    let ca = files.write("ca.pem", old.pem());
    let own = files.write("own.pem", old.certify(&["me"]).both());
    let door = Door::open(shared().port(), old.server(&["127.0.0.1"], Some(&old))).await;
    let tls = Tls {
        ca: Some(ca),
        certificate: Some(own),
        ..Tls::default()
    };
    let hosts = format!("tcp+tls://{}", door.address());
    let session = Session::connect(&with(&hosts, tls)).await.unwrap();
    let answers = async || {
        while session.who().await.is_err() {
            assert!(!session.is_dead());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    answers().await;
    let connections = door.connections();
    door.present(new.server(&["127.0.0.1"], Some(&new)));
    files.write("ca.pem", new.pem());
    files.write("own.pem", new.certify(&["me"]).both());
    door.cut();
    answers().await;
    assert!(door.connections() > connections);
    // Files that are no good change nothing.
    files.write("ca.pem", "nonsense");
    files.write("own.pem", "nonsense");
    let connections = door.connections();
    door.cut();
    answers().await;
    assert!(door.connections() > connections);
    assert!(!session.is_dead());
    session.close().await;
}
