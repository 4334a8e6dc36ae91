//! What a plan says of ACLs, to whom it may be said.

use zkt::zookeeper::session::Session;

use super::Place;
use crate::server::options_as;

/// Whether the server tells whom a session is known as: those before 3.7 do not, and there nobody can
/// say that the session is not in an ACL.
async fn tells_identities(place: &Place) -> bool {
    let options = options_as(&place.hosts, "ops:new");
    let session = Session::connect(&options).await.unwrap();
    !session.who().await.unwrap().may_be_more
}

#[tokio::test(flavor = "multi_thread")]
async fn what_could_not_be_compared_is_said() {
    let place = Place::new("rights-compared").await;
    place.file(
        "a.zkt",
        "/p\n  @acl auth::cdrwa world:anyone:r\n  /a\n  /b\n    /c\n",
    );
    let as_ops = |words: &str| place.run(&format!("{words} --auth digest:ops:right a.zkt"));
    insta::assert_snapshot!(as_ops("apply -y").expect(0), @"
    zkt apply: SERVER <- a.zkt

      + /p                                               a.zkt:1
          acl: auth (ops) world:anyone:r
      + /p/a                                             a.zkt:3
      + /p/b                                             a.zkt:4
      + /p/b/c                                           a.zkt:5

    Plan: 4 to add, 0 to update, 0 to link, 0 to trim.
    Done: 4 added, 0 updated, 0 linked, 0 trimmed.
    --- exit 0
    ");
    insta::assert_snapshot!(as_ops("plan --strict").expect(0), @"
    zkt plan: SERVER <- a.zkt

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    let wrong = "--auth digest:ops:wrong a.zkt";
    insta::assert_snapshot!(place.run(&format!("plan {wrong}")), @"
    zkt plan: SERVER <- a.zkt

    warning: /p: not compared: the ACL of 4 nodes (no ADMIN right)

    No changes: 4 nodes are as declared.
    --- exit 0
    ");
    place.run(&format!("plan --strict {wrong}")).expect(3);
    let nobody = place.run("plan --auth digest:opz:right a.zkt");
    let why = "warning: /p: no ACL that is declared or seen names an identity of the applier (opz)";
    let tells = tells_identities(&place).await;
    assert_eq!(nobody.stdout.contains(why), tells, "{nobody}");
}

/// Neither the hash of the session's own password nor that of an earlier one.
#[tokio::test(flavor = "multi_thread")]
async fn no_hash_of_ones_own_password_is_shown() {
    let place = Place::new("rights-hash").await;
    place
        .file("a.zkt", "/p\n  @acl auth::cdrwa world:anyone:cdrwa\n  /a\n")
        .file("b.zkt", "/p\n  @acl auth::cdrwa\n  /a\n  /new\n");
    let apply = "apply -y --auth digest:ops:old a.zkt";
    place.run(apply).expect(0);
    for format in ["text", "json"] {
        let plan = format!("plan --format {format} --auth digest:ops:new b.zkt");
        let run = place.run(&plan).expect(0);
        assert!(!run.everything().contains("=:"), "{run}");
    }
    let mut run = place.run("plan --auth digest:ops:new b.zkt");
    let nobody = "warning: /p: no ACL that is declared or seen names an identity of the applier \
                  (ops); a server takes any password, so check user and password\n\n";
    let tells = tells_identities(&place).await;
    assert_eq!(run.stdout.contains(nobody), tells, "{run}");
    run.stdout = run.stdout.replace(nobody, "");
    insta::assert_snapshot!(run, @"
    zkt plan: SERVER <- b.zkt

      + /p/new                                           b.zkt:4
          acl: auth (ops)
      ~ /p
        - acl: digest:ops:x:cdrwa
        - acl: world:anyone:cdrwa
        + acl: auth (ops)
      ~ /p/a
          acl: as /p

    Plan: 1 to add, 2 to update, 0 to link, 0 to trim.
    --- exit 0
    ");
}
