//! Lines that start with `@`.

use crate::trees;

#[test]
fn directives() {
    check!("/a\n  @keep\n  @ignore a* \"b c\"  # why\n  @protect\n  @secret\n  @acl world:anyone:r digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa ip:10.0.0.0/8:r \"auth::cdrwa\"\n/b\n  @keep children\n/c\n  @keep properties\n  @secret x\n", @r#"
    /a
      @protect
      @keep
      @ignore a* "b c"
      @secret
      @acl world:anyone:r digest:ops:Jq7wMyA/w2Vd5WIDAKdu4OIIFEQ=:cdrwa ip:10.0.0.0/8:r auth::cdrwa
    /b
      @keep children
    /c
      @keep properties
      @secret x
    "#);
    check!("/a\n  @kep\n  @keep all\n  @ignore\n  @protect now\n  @acl\n  @data\n  @include\n  @moved\n  @moved '/b'\n  @moved from\n  @moved from /b\n", @"
    2:3: there is no directive @kep
      hint: the directives are @keep, @ignore, @protect, @ephemeral, @secret, @acl, @data, @include, @files and @moved; a property of this name is @kep = VALUE
    3:9: expected children, properties or the end of the line, found `all`
    4:10: expected the name of a property, found the end of the line
    5:12: expected the end of the line, found `now`
    6:7: expected an entry of the form scheme:id:perms, found the end of the line
    7:8: expected a string or the word base64 or file, found the end of the line
    8:11: expected a string, found the end of the line
    9:9: expected the word from and a string, found the end of the line
    10:10: expected the word from, found `'/b'`
    11:14: expected a string, found the end of the line
    12:15: expected a string, found `/b`
      hint: quote it: @moved from '/b'
    ");
    check!("/a\n  @keep\n  @keep children\n  @ignore a\n  @ignore b\n", @r#"
    3:3: the directive @keep stands twice in one node
      2:3: first here
      hint: say it once, with all that it is to cover
    5:3: the directive @ignore stands twice in one node
      4:3: first here
      hint: say it once, with all that it is to cover
    "#);
    check!("/a\n  @acl world:anyone\n/b\n  @acl world:all:r\n/c\n  @acl digest:x:y:rr\n/d\n  @acl ip:1:q auth:me:r\n", @r#"
    2:8: expected an entry of the form scheme:id:perms, found "world:anyone"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    4:8: the scheme world takes the id "anyone", found "all"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    6:8: expected permissions out of the letters cdrwa, each once, found "rr"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    8:8: expected permissions out of the letters cdrwa, each once, found "q"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    8:15: the scheme auth takes the id "", found "me"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    "#);
    check!("/a\n  @acl  deep   auth::r  # why\n  /b\n    /c\n      @acl auth::r\n/d\n  @acl deep\n/e\n  @acl deeper auth::r\n/f\n  @acl auth::r deep\n", @r#"
    7:12: expected an entry of the form scheme:id:perms, found the end of the line
    9:8: expected an entry of the form scheme:id:perms, found "(secret)"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    11:16: expected an entry of the form scheme:id:perms, found "(secret)"
      hint: an entry is scheme:id:perms, as in world:anyone:r or digest:ops:HASH:cdrwa
    "#);
    check!("/a\n  @acl  deep   auth::r  # why\n  /b\n    /c\n      @acl auth::r\n", @"
    /a
      @acl deep auth::r
      /b
        /c
          @acl auth::r
    ");
    check!("/a\n  @ignore [a\n  @secret {\n", @r#"
    2:11: error parsing glob '[a': unclosed character class; missing ']'
    3:11: error parsing glob '{': unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
    "#);
}

#[test]
fn moves() {
    check!("/a\n  x = 1\n  @moved from '/old/a'  # why\n  /b\n    @moved  from  \"/old/b\"\n", @r"
    /a
      @moved from '/old/a'
      x = 1
      /b
        @moved from '/old/b'
    ");
    check!("/a\n  @moved from 'old'\n/b\n  @moved from '/'\n/c\n  @moved from '/x/'\n/d\n  @moved from '/zookeeper/x'\n/e\n  @moved from '/x/../y'\n", @r#"
    2:15: expected an absolute path, found "old"
      hint: the old place is the path of a node, from the top of the tree: '/apps/old'
    4:15: / cannot be moved
      hint: the old place is the path of a node, from the top of the tree: '/apps/old'
    6:15: a node name may not be empty
      hint: the old place is the path of a node, from the top of the tree: '/apps/old'
    8:15: /zookeeper belongs to ZooKeeper itself and cannot be moved
      hint: the old place is the path of a node, from the top of the tree: '/apps/old'
    10:15: a node name may not be ".."
      hint: the old place is the path of a node, from the top of the tree: '/apps/old'
    "#);
    check!("/a\n  @moved from '/a/b'\n/c/d\n  @moved from '/c'\n/e\n  @moved from '/e'\n", @r#"
    2:3: /a cannot be moved from /a/b: one of them holds the other
      hint: a node can move to a place beside it; to move it above or below, move it to a third place first, and apply that
    4:3: /c/d cannot be moved from /c: one of them holds the other
      hint: a node can move to a place beside it; to move it above or below, move it to a third place first, and apply that
    6:3: /e cannot be moved from /e: one of them holds the other
      hint: a node can move to a place beside it; to move it above or below, move it to a third place first, and apply that
    "#);
    check!("/a\n  @moved from '/b'\n/b\n  @moved from '/a'\n/c\n  @moved from '/p'\n/p/q\n", @r#"
    2:3: /b is still declared, so nothing can be moved away from it
      3:1: it is declared here
      hint: delete what is declared there; to exchange two nodes, move one of them to a third place first, and apply that
    4:3: /a is still declared, so nothing can be moved away from it
      1:1: it is declared here
      hint: delete what is declared there; to exchange two nodes, move one of them to a third place first, and apply that
    6:3: /p is still declared, so nothing can be moved away from it
      7:1: it is declared here
      hint: delete what is declared there; to exchange two nodes, move one of them to a third place first, and apply that
    "#);
    check!("/a\n  @moved from '/x'\n/b\n  @moved from '/x'\n/c\n  @moved from '/y'\n  @moved from '/z'\n", @r#"
    4:3: /a is moved from /x already
      2:3: first here
      hint: a node is moved to one place; the other node is new
    7:3: the directive @moved stands twice in one node
      6:3: first here
      hint: say it once, with all that it is to cover
    "#);
}

#[test]
fn the_old_place_is_below_the_destination_and_a_later_layer_replaces_it() {
    let declared = trees::declare_at(b"/a\n  @moved from '/old'\n", "/top").expect("sound");
    let moved_from = |path: &str| {
        let path = zkt::model::path::ZPath::parse(path).expect("a path");
        let node = declared.tree.get(&path).expect("declared");
        node.moved_from.as_ref().map(ToString::to_string)
    };
    assert_eq!(moved_from("/top/a").as_deref(), Some("/top/old"));
    check_layers!(["a.zkt", "b.zkt"], [("a.zkt", "/a\n  @moved from '/x'\n"), ("b.zkt", "/a\n  @moved from '/y'\n")], @r"
    /a
      @moved from '/y'
    ");
}

#[test]
fn no_operator_stands_behind_a_directive() {
    check!("/a\n  @data = 1\n  @keepx = 2\n  @keep -> /x\n  @acl = 1\n  @ignore = x\n  @secret =x\n  @protect=>/x\n  @keep-x = word\n", @r#"
    2:9: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@data" = …
    4:9: expected the rest of the directive, found `->`
      hint: a property of this name is written in double quotes: "@keep" -> …
    5:8: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@acl" = …
    6:11: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@ignore" = …
    7:11: expected the rest of the directive, found `=`
      hint: a property of this name is written in double quotes: "@secret" = …
    8:11: expected the rest of the directive, found `=>`
      hint: a property of this name is written in double quotes: "@protect" => …
    9:13: expected a value, found the bare word word
      hint: text needs quotes: 'word'
    "#);
}

#[test]
fn acls_reach_down_to_the_next_one() {
    let declared = trees::declare(
        "/a\n  @acl world:anyone:r\n  /b\n    /c\n      @acl auth::cdrwa\n      /d\n/e\n",
    );
    let acls = declared.tree.iter().map(|(path, node)| {
        format!(
            "{path} {}",
            node.acl
                .as_ref()
                .map_or("none".to_owned(), ToString::to_string)
        )
    });
    insta::assert_snapshot!(acls.collect::<Vec<_>>().join("\n"), @r#"
    /a world:anyone:r
    /a/b world:anyone:r
    /a/b/c auth::cdrwa
    /a/b/c/d auth::cdrwa
    /e none
    "#);
}

#[test]
fn data() {
    check!("/a\n  @data 'text\\n'\n/b\n  @data base64 '/w =='\n/c\n  @data ''\n", @r#"
    /a
      @data 'text\n'
    /b
      @data base64 '/w=='
    /c
      @data ''
    "#);
    check!("/a\n  @data base64 '!'\n/b\n  @data 'x'\n  y = 1\n/c : t\n  @data 'x'\n/d\n  @data 'x'\n  @data 'y'\n", @"
    2:16: expected base64, found something else: invalid symbol 33, offset 0
    4:3: a node holds either @data or properties, and this one declares both
      5:3: a property is declared here
    7:3: a node holds either @data or properties, and this one declares both
      6:6: a property is declared here
    10:3: the directive @data stands twice in one node
      9:3: first here
      hint: say it once, with all that it is to cover
    ");
    check!("/a\n  @data base32 'x'\n/b\n  @data x\n", @r#"
    2:9: expected a string or the word base64 or file, found `base32`
    4:9: expected a string or the word base64 or file, found `x`
    "#);
    // A node that is as declared needs no request, so its size is no mistake of the text.
    let large = format!("/a\n  x = '{}'\n", "x".repeat(1_048_547));
    let tree = zkt::ZooKeeper::parse_tree(&large).unwrap();
    let errors = zkt::declare::lower::oversized(&tree, zkt::model::request::MAX_REQUEST);
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(
        errors,
        ["the node /a needs 1048622 bytes, and ZooKeeper takes at most 1,048,575 in a request"]
    );
    assert!(zkt::declare::lower::oversized(&tree, 1_048_622).is_empty());
    let files = [
        (
            "d/a.zkt",
            "/a\n  @data file '../raw.bin'\n/b\n  @data file 'none'\n",
        ),
        ("raw.bin", "{raw}\n"),
    ];
    check_layers!(["d/a.zkt"], files, @"d/a.zkt:4:14: d/none: there is no such file");
    check_layers!(["d/a.zkt"], [("d/a.zkt", "/a\n  @data file '../raw.bin'\n"), files[1]], @r#"
    /a
      @data '{raw}\n'
    "#);
}

#[test]
fn includes() {
    let base = (
        "d/base.zkt",
        "/a\n  x = 1\n  @include 'sub/inner.zkt'\n  /b\n",
    );
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/c\n  @include '../other.zkt'\n/b/e\n"), ("d/other.zkt", "/d : t\n")], @r#"
    /a
      x = 1
      /b
        /e
      /c
        /d : t
    "#);
    check_layers!(["d/base.zkt"], [base], @"d/base.zkt:3:12: d/sub/inner.zkt: there is no such file");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/c\n  @include '../base.zkt'\n")], @"d/sub/inner.zkt:2:12: d/sub/../base.zkt includes itself");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "/b\n  x = [\n")], @"d/sub/inner.zkt:2:7: the bracket `[` is not closed");
    check_layers!(["d/base.zkt"], [base, ("d/sub/inner.zkt", "x = 1\n")], @"d/sub/inner.zkt:1:1: a property must stand in a node, and none is open here");
    check!("@include 'x'\n", @"1:1: a directive must stand in a node, and none is open here");
    let twice = (
        "twice.zkt",
        "/a\n  @include 'i.zkt'\n/b\n  @include 'i.zkt'\n",
    );
    check_layers!(["twice.zkt"], [twice, ("i.zkt", "/x\n")], @r#"
    /a
      /x
    /b
      /x
    "#);
    check_layers!(["twice.zkt"], [twice, ("i.zkt", "/x\n  y = [\n")], @"i.zkt:2:7: the bracket `[` is not closed");
}
