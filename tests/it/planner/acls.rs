//! ACLs are compared where they are declared.

use zkt::model::acl::{Acl, AclEntry};

use super::case;

#[test]
fn acls_are_compared_where_they_are_declared() {
    check_plan!(case("/a\n  @acl world:anyone:r\n  /b\n/c\n", "/a\n  /b\n/c\n"), @r#"
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> world:anyone:r  (2:3)
    update /a/b v0 acl v0 no data  (3:3)
      @acl: world:anyone:cdrwa -> world:anyone:r
    unchanged 1, examined 3
    "#);
    check_plan!(case("/a\n  @acl world:anyone:r\n  x = 1\n  /new\n", "/a\n  x = 2\n"), @r#"
    add /a/new {} @acl world:anyone:r  (4:3)
    update /a v0 acl v0  (1:1)
      x: 2 -> 1  (3:3)
      @acl: world:anyone:cdrwa -> world:anyone:r  (2:3)
    unchanged 0, examined 1
    "#);
    let entry = |text| AclEntry::parse(text).expect("an entry");
    let acl = Acl {
        entries: vec![entry("ip:10.0.0.1:r"), entry("world:anyone:cdrwa")],
    };
    let other_order = case("/a\n  @acl world:anyone:cdrwa ip:10.0.0.1:r\n", "/a\n");
    check_plan!(other_order.with("/a", |node| node.acl = Some(acl.clone().into())), @"unchanged 1, examined 1");
    check_plan!(case("/a\n", "/a\n").with("/a", |node| node.acl = Some(acl.clone().into())), @"unchanged 1, examined 1");
}

#[test]
fn auth_stands_for_the_session() {
    let declared = "/a\n  @acl auth::cdrwa\n/new\n  @acl auth::r\n";
    check_plan!(case(declared, "/a\n").identities(&[("ip", "127.0.0.1"), ("digest", "ops:h=")]), @r#"
    add /new {} @acl auth::r  (3:1)
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> auth::cdrwa  (2:3)
    unchanged 0, examined 1
    "#);
    check_plan!(case(declared, "/a\n").identities(&[("ip", "127.0.0.1")]), @"
    add /new {} @acl auth::r  (3:1)
    update /a v0 acl v0 no data  (1:1)
      @acl: world:anyone:cdrwa -> auth::cdrwa  (2:3)
    refused: /a: @acl auth:: stands for the session's own identity, and it has none
    unchanged 0, examined 1
    ");
    let stored = Acl {
        entries: vec![AclEntry::parse("digest:ops:h=:cdrwa").expect("an entry")],
    };
    let live =
        case("/a\n  @acl auth::cdrwa\n", "/a\n").with("/a", |node| node.acl = Some(stored.into()));
    check_plan!(live.identities(&[("digest", "ops:h=")]), @"unchanged 1, examined 1");
}

#[test]
fn masked_digests_are_compared_without_hashes() {
    let masked = || Acl {
        entries: vec![AclEntry::parse("digest:ops:x:cdrwa").expect("an entry")],
    };
    let same = case(
        "/a\n  @acl digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa\n",
        "/a\n",
    )
    .with("/a", |node| node.acl = Some(masked().into()));
    check_plan!(same, @"unchanged 1, examined 1");
    let other = case(
        "/a\n  @acl digest:dev:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa\n",
        "/a\n",
    )
    .with("/a", |node| node.acl = Some(masked().into()));
    check_plan!(other, @r#"
    update /a v0 acl v0 no data  (1:1)
      @acl: digest:ops:x:cdrwa -> digest:dev:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa  (2:3)
    unchanged 0, examined 1
    "#);
}

#[test]
fn undeclared_nodes_are_held_to_a_deep_acl() {
    let live = "/a\n  x = 1\n  /b\n  /in\n    /below\n    /gone\n  /own\n    /sub\n  /open\n    /sub\n/out\n";
    let deep =
        "/a\n  @acl deep world:anyone:cdra\n  x = 1\n  /b\n  /own\n    @acl world:anyone:cdrwa\n";
    let all = ["/a", "/a/b"];
    let as_declared = |case: super::Case<'static>| {
        all.into_iter().fold(case, |case, at| {
            case.with(at, |node| {
                node.acl = Some(
                    Acl {
                        entries: vec![AclEntry::parse("world:anyone:cdra").expect("an entry")],
                    }
                    .into(),
                );
            })
        })
    };
    // Below another @acl it does not hold.
    check_plan!(as_declared(case(deep, live)).ephemeral("/a/in/below"), @"
    update /a/in v0 acl v0 no data  (2:3)
      @acl: world:anyone:cdrwa -> world:anyone:cdra  (2:3)
    update /a/in/gone v0 acl v0 no data  (2:3)
      @acl: world:anyone:cdrwa -> world:anyone:cdra  (2:3)
    update /a/open v0 acl v0 no data  (2:3)
      @acl: world:anyone:cdrwa -> world:anyone:cdra  (2:3)
    update /a/open/sub v0 acl v0 no data  (2:3)
      @acl: world:anyone:cdrwa -> world:anyone:cdra  (2:3)
    extra /a/in
    extra /a/open
    extra /a/own/sub
    unchanged 3, examined 3
    ");
    // What goes is not changed before.
    check_plan!(as_declared(case(deep, live)).trim().target(&["/a/in", "/a/in/**"]), @"
    trim /a/in/gone v0
    trim /a/in/below v0
    trim /a/in v0
    unchanged 0, examined 9
    ");
    // It holds for what is kept, too.
    let keep = "/a\n  @acl deep world:anyone:cdra\n  @keep\n  /b\n";
    check_plan!(as_declared(case(keep, "/a\n  /b\n  /in\n")).trim(), @"
    update /a/in v0 acl v0 no data  (2:3)
      @acl: world:anyone:cdrwa -> world:anyone:cdra  (2:3)
    unchanged 2, examined 2
    ");
    // What is only passed through is left alone with all of its own.
    check_plan!(case("/a/b\n  @acl deep world:anyone:cdrwa\n", "/a\n  /b\n  /c\n"), @"
    unchanged 1, examined 2
    ");
    check_plan!(as_declared(case(deep, live)).exclude(&["/a/in", "/a/open"]), @"
    extra /a/own/sub
    unchanged 3, examined 3
    ");
}
