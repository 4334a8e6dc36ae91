//! Several files and directories, one over the other.

use crate::language::layers;

#[test]
fn a_layer_may_be_a_directory() {
    let files = [
        ("d/b.zkt", "/b\n"),
        ("d/a.zkt", "/a\n"),
        ("d/sub/c.zkt", "/a\n  /c\n"),
        ("d/.hidden/x.zkt", "/x\n"),
        ("d/.x.zkt", "/x\n"),
        ("d/readme.md", "no tree"),
    ];
    check_layers!(["d"], files, @r#"
    /a
      /c
    /b
    "#);
    check_layers!(["d/sub/c.zkt", "d/b.zkt"], files, @r#"
    /a
      /c
    /b
    "#);
    check_layers!(["none", "d/none.zkt"], files, @r#"
    none: there is no such file
    d/none.zkt: there is no such file
    "#);
    check_layers!(["d", "-", "-"], [files[0], ("-", "/stdin\n")], @"standard input (-) can be one layer only");
}

#[test]
fn files_of_a_layer_may_share_nodes_and_nothing_else() {
    check_layers!(["d"], [("d/a.zkt", "/a : t\n  x = 1\n"), ("d/b.zkt", "/a\n  y = 2\n  @keep\n")], @r#"
    /a : t
      @keep
      x = 1
      y = 2
    "#);
    check_layers!(
        ["d"],
        [
            ("d/a.zkt", "/a : t\n  x = 1\n  l -> /b\n  p => /b\n  @keep\n"),
            ("d/b.zkt", "/a : t\n  x = 1\n  l -> /b\n  p => /b\n  @keep\n"),
        ],
        @r#"
        d/b.zkt:1:6: the type is declared twice in one layer
          d/a.zkt:1:6: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:2:3: the property x is declared twice in one layer
          d/a.zkt:2:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:3:3: the link l -> is declared twice in one layer
          d/a.zkt:3:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:4:3: the link p => is declared twice in one layer
          d/a.zkt:4:3: first here
          hint: a later layer may replace it; one layer says it once
        d/b.zkt:5:3: the directive @keep stands twice in one node
          d/a.zkt:5:3: first here
          hint: say it once, with all that it is to cover
        "#
    );
    check_layers!(["d"], [("d/a.zkt", "/a\n  @data 'x'\n"), ("d/b.zkt", "/a\n  y = 2\n")], @r#"
    d/a.zkt:2:3: a node holds either @data or properties, and this one declares both
      d/b.zkt:2:3: a property is declared here
    "#);
}

#[test]
fn a_later_layer_lies_over_the_earlier_ones() {
    let base = (
        "base.zkt",
        "/a : t\n  x = 1\n  y = 1\n  l -> /b\n  p => /b q\n  @ignore m\n  @acl world:anyone:r\n  /kept\n/raw\n  @data 'x'\n/through/c\n",
    );
    check_layers!(["base.zkt", "prod.zkt"], [base, ("prod.zkt", "/a : u\n  x = 2\n  l -> /c\n  p => /d\n  @ignore n\n  @acl auth::cdrwa\n  /new\n/raw\n  z = 1\n/through\n  w = 1\n")], @r#"
    /a : u
      @ignore n
      @acl auth::cdrwa
      x = 2
      y = 1
      l -> /c
      p => /d
      /kept
      /new
    /raw
      z = 1
    /through
      w = 1
      /c
    "#);
    check_layers!(["base.zkt", "prod.zkt"], [base, ("prod.zkt", "/a\n  @data 'raw'\n  @keep children\n/raw\n")], @r#"
    /a
      @keep children
      @ignore m
      @acl world:anyone:r
      @data 'raw'
      /kept
    /raw
      @data 'x'
    /through/c
    "#);
    check_layers!(["prod.zkt", "base.zkt"], [base, ("prod.zkt", "/a\n  y = 5\n  z = 6\n")], @r#"
    /a : t
      @ignore m
      @acl world:anyone:r
      x = 1
      y = 1
      z = 6
      l -> /b
      p => /b q
      /kept
    /raw
      @data 'x'
    /through/c
    "#);
    check_layers!(["base.zkt", "base.zkt"], [("base.zkt", "/a\n  x = 1\n")], @r#"
    /a
      x = 1
    "#);
}

#[test]
fn directives_of_a_later_layer_replace_those_of_an_earlier_one() {
    let base = (
        "base.zkt",
        "/a\n  @keep\n  @ignore m\n  @secret x\n  @acl world:anyone:r\n  @data 'x'\n",
    );
    let prod = "/a\n  @keep children\n  @ignore n\n  @protect\n  @ephemeral\n  @secret y\n  @acl auth::cdrwa\n  @data 'y'\n";
    assert_eq!(
        layers(&["base.zkt", "prod.zkt"], &[base, ("prod.zkt", prod)]),
        layers(&["prod.zkt"], &[("prod.zkt", prod)])
    );
}

#[test]
fn a_layer_without_a_node_is_an_error() {
    check_layers!(["empty.zkt", "comments.zkt", "d"], [("empty.zkt", ""), ("comments.zkt", "# none\n"), ("d/x.md", "")], @r#"
    empty.zkt: the layer declares no node
    comments.zkt: the layer declares no node
    d: there is no .zkt file in this directory, nor in one below it
    "#);
}
