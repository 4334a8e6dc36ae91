//! Names, types, links, paths, and how lines are indented.

#[test]
fn names() {
    check!("/\"my node\"\n  \"a = b\" = 1\n  \"\" = 2\n  \"q\\\"\" -> /x\n/192.168.0.42:8080\n/a-b_c.d#e\n/é\n  \"/s\" = 1\n  \"#\" = 2\n  \"@keep\" = 3\n  @k = 4\n  'q' = 5\n", @r##"
    /192.168.0.42:8080
    /a-b_c.d#e
    /"my node"
      "" = 2
      "a = b" = 1
      q" -> /x
    /é
      "#" = 2
      'q' = 5
      "/s" = 1
      "@k" = 4
      "@keep" = 3
    "##);
    check!("/\"a\\u0020b\"/\"c/d\"\n", @"1:13: a node name may not hold a slash");
    check!("/a b\n", @r#"
    1:4: expected the end of the line, found `b`
      hint: a name that holds blanks is written in double quotes: /"my node"
    "#);
    check!("/\"open\n", @r#"/"\"open""#);
    check!("/\"a\\q\"\n", @"1:2: expected a JSON string in double quotes: invalid escape at line 1 column 4");
    check!("/.\n/a/../b\n/a//b\n/\n", @r#"
    1:2: a node name may not be "."
    2:4: a node name may not be ".."
    3:3: a node name may not be empty
      hint: one slash stands before each name; a comment starts with a number sign: # …
    4:1: a node name may not be empty
      hint: one slash stands before each name; a comment starts with a number sign: # …
    "#);
    check!("/a\u{1}\n/\u{e000}\n", @r#"
    1:2: ZooKeeper refuses the character U+0001 in a node name
    2:2: ZooKeeper refuses the character U+E000 in a node name
    "#);
    check!("/zookeeper\n/zookeeper/quota\n/a/zookeeper\n", @r#"
    1:2: /zookeeper belongs to ZooKeeper itself and cannot be declared
    2:2: /zookeeper belongs to ZooKeeper itself and cannot be declared
    "#);
}

#[test]
fn types() {
    check!("/a : t\n/b: two words  \n/c :t\n/d:t u\n/e : 'q'\n/f : \"x # y\"\n/g : t # comment\n/h : x#y\n/10.0.0.1:80\n/i:t\n", @r#"
    /10.0.0.1:80
    /a : t
    /b : two words
    /c : t
    /d : t u
    /e : 'q'
    /f : "x # y"
    /g : t
    /h : x#y
    /i:t
    "#);
    check!("/10.0.0.1:80/\"my node\" : t\n", @r#"/10.0.0.1:80/"my node" : t"#);
    check!("/a :\n/b : # nothing\n", @r#"
    1:5: expected a type, found the end of the line
    2:6: expected a type, found `#`
    "#);
    check!("/a\n  type = 't'\n/b\n  type = ''\n/c\n  type = 5\n/d\n  type = ' x'\n", @r#"
    /a : t
    /b
      type = ''
    /c
      type = 5
    /d
      type = ' x'
    "#);
    check!("/a : t\n  type = 'u'\n", @r#"
    2:3: the type is declared twice in one layer
      1:6: first here
      hint: a later layer may replace it; one layer says it once
    "#);
}

#[test]
fn links() {
    check!("/a\n  l -> /b\n  m->../c\n  p => /b x\n  q=>b\n  d -> a=>b  # comment\n  l = 1\n", @r#"
    /a
      l = 1
      d -> a=>b
      l -> /b
      m -> ../c
      p => /b x
      q => b
    "#);
    // zc.zk exports property links as the properties that they are stored as.
    check!("/a\n  p => = u'/b x'\n  q =>= u\"it's\"\n  r=>='..'  # c\n  s => = u'/\\xe9'\n  \"t u\" =>\t= u'.. t'\n  v => = 5\n  w => = None\n  x => = u'a b c'\n  y => = z\n  z => =z\n", @r#"
    /a
      p => /b x
      q => it's
      r => ..
      s => /é
      "t u" => .. t
      "v =>" = 5
      "w =>" = None
      "x =>" = 'a b c'
      "y =>" = '= z'
      "z =>" = '=z'
    "#);
    check!("/a\n  p => = u'/b\n  q => = u'/b' x\n  r => = u'\\ud83d'\n  s => = u'/b'\n  s => /c\n", @r"
    2:11: expected a string, found `'/b`
    3:16: expected a comma, a string or the end of the line, found `x`
    4:10: \ud83d is half of a surrogate pair, which no text can hold
    6:3: the link s => is declared twice in one layer
      5:3: first here
      hint: a later layer may replace it; one layer says it once
    ");
    check!("/a\n  l -> two words\n  p => a b c\n  q ->\n  r => # nothing\n  two words -> /x\n", @r#"
    2:12: expected the end of the line, found `words`
      hint: a link to a path with blanks is written as the property it is stored as: "l ->" = 'two words'
    3:12: expected the end of the line, found `c`
    4:7: expected a path, found the end of the line
    5:8: expected a path and perhaps a property's name, found `#`
    6:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" -> …
    "#);
    // The first operator ends the name.
    check!("/a\n  two words = 'x -> y'\n  @secret a=(b\n", @r#"
    2:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" = …
    "#);
    check!("/a -> /b\n/c = 1\n", @r#"
    1:4: expected the end of the line, found `->`
      hint: a line that starts with a slash is a node; properties and links are named without one
    2:4: expected the end of the line, found `=`
      hint: a line that starts with a slash is a node; properties and links are named without one
    "#);
    check!("/a\n  b ->= 1\n  x='y -> z'\n  u='a => b'\n", @r#"
    2:9: expected the end of the line, found `1`
      hint: a link to a path with blanks is written as the property it is stored as: "b ->" = '= 1'
    "#);
}

#[test]
fn paths_that_are_passed_through() {
    check!("/a/b/c : t\n  x = 1\n/a/b\n  y = 2\n/a/d\n", @r#"
    /a/b
      y = 2
      /c : t
        x = 1
    /a/d
    "#);
    check!("/a/b\n/a\n  /b\n    x = 1\n", @r#"
    /a
      /b
        x = 1
    "#);
    check!("/a\n  /b\n  /b\n/a\n", @r#"
    3:3: the node /a/b is declared twice in one place
      2:3: first here
      hint: put the contents of both under one of them
    4:1: the node /a is declared twice in one place
      1:1: first here
      hint: put the contents of both under one of them
    "#);
    check!("/a/b\n/a/b\n", @r#"
    2:1: the node /a/b is declared twice in one place
      1:1: first here
      hint: put the contents of both under one of them
    "#);
}

#[test]
fn indentation() {
    check!("/a\n\t/b\n\t\tx = 1\n\t/c\n", @r#"
    /a
      /b
        x = 1
      /c
    "#);
    check!("/a\n    /b\n  /c\n", @r#"
    3:3: the indentation meets no level that is open
      hint: indent the line exactly as the lines beside it
    "#);
    check!("/a\n\t/b\n        /c\n", @r#"
    3:9: the indentation mixes tabs and spaces so that it cannot be compared with the lines above
      hint: indent the line exactly as the lines beside it
    "#);
    check!("/a\n  x = 1\n    /b\n  l -> /x\n    y = 1\n  @keep\n    /c\n", @r#"
    3:5: only a node has contents, but this is indented under a property
    5:5: only a node has contents, but this is indented under a link
    7:5: only a node has contents, but this is indented under a directive
    "#);
    check!("x = 1\nl -> /a\n@keep\n  /a\n", @r#"
    1:1: a property must stand in a node, and none is open here
    2:1: a link must stand in a node, and none is open here
    3:1: a directive must stand in a node, and none is open here
    "#);
    check!("  /a\n    /b\n  /c\n", @r#"
    /a
      /b
    /c
    "#);
    check!("  /a\n/b\n", @r#"
    2:1: the indentation meets no level that is open
      hint: indent the line exactly as the lines beside it
    "#);
}

#[test]
fn line_ends_marks_and_blanks() {
    check!("/a\r \n  l -> /b\r \r\n  x = 1\r\r\n  m -> /b\rc\n/\"b\"\r \n", @"4:11: expected the end of the line, found `c`");
    check!("\u{feff}/a  \r\n  x = 1\t\r\n\r\n  /b \r\n", @r#"
    /a
      x = 1
      /b
    "#);
    check!("/a\n  x = 'no end'", @r#"
    /a
      x = 'no end'
    "#);
    check!("\n\n# only\n", @"-: the layer declares no node");
    check!("/\"a\\u00a0b\"\n", @r#"/"a\u00a0b""#);
}

#[test]
fn properties_and_directives_stand_in_nodes() {
    check!("/a\n  x = 1\n  x = 2\n  x -> /b\n  y => /b\n  y => /c\n", @r#"
    3:3: the property x is declared twice in one layer
      2:3: first here
      hint: a later layer may replace it; one layer says it once
    6:3: the link y => is declared twice in one layer
      5:3: first here
      hint: a later layer may replace it; one layer says it once
    "#);
    check!("/a\n  word\n  = 1\n  two words = 1\n  /b = 1\n", @r#"
    2:7: expected ->, = or =>, found the end of the line
      hint: a node's line starts with a slash: /word; a property has a value: word = …
    3:3: expected a name or the end of the line, found `=`
    4:7: expected ->, = or =>, found `words`
      hint: a name that holds blanks is written in double quotes: "two words" = …
    5:6: expected the end of the line, found `=`
      hint: a line that starts with a slash is a node; properties and links are named without one
    "#);
}
