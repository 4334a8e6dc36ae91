//! Subtrees that only changed their place between two declared trees.

use zkt::plan::scope::Trim;
use zkt::{Options, Plan, ZPath};

fn compared(old: &str, new: &str) -> Plan {
    let options = Options {
        trim: Trim::All,
        ..Options::default()
    };
    let [old, new] = [old, new].map(|text| zkt::declare(text).expect("a tree"));
    zkt::compare(&old, &new, &options)
}

fn moves(old: &str, new: &str) -> Vec<String> {
    let plan = compared(old, new);
    let moves = plan.moves.iter();
    moves
        .map(|one| format!("{} -> {}", one.from, one.to))
        .collect()
}

#[test]
fn what_is_equal_all_through_was_moved() {
    let tree =
        |top: &str| format!("/{top}\n  x = 1\n  @acl world:anyone:r\n  /one\n    y = 2\n/keep\n");
    let old = tree("a");
    assert_eq!(moves(&old, &tree("b")), ["/a -> /b"]);
    let part = "/a/one -> /b/one";
    for (from, to, expected) in [
        ("x = 1", "x = 2", &[part][..]),
        ("y = 2", "y = '2'", &[]),
        ("/one", "/two", &[]),
        ("world:anyone:r", "world:anyone:rc", &[]),
        ("    y = 2", "    y = 2\n    /deeper", &[]),
    ] {
        let new = tree("b").replace(from, to);
        assert_eq!(moves(&old, &new), expected, "{to}");
    }
}

#[test]
fn a_part_of_what_goes_is_moved_into_a_part_of_what_comes() {
    let old = "/a\n  x = 1\n  /part\n    y = 1\n    /z\n";
    let new = "/b\n  x = 2\n  /c\n    /other\n      y = 1\n      /z\n";
    assert_eq!(moves(old, new), ["/a/part -> /b/c/other"]);
}

#[test]
fn of_several_the_name_decides_and_then_the_order() {
    let old = "/a\n  /p\n    x = 1\n    /y\n  /q\n    x = 1\n    /y\n  /r\n    x = 1\n    /y\n";
    let new = "/b\n  /q\n    x = 1\n    /y\n  /s\n    x = 1\n    /y\n";
    assert_eq!(moves(old, new), ["/a/q -> /b/q", "/a/p -> /b/s"]);
}

#[test]
fn what_says_little_is_no_move() {
    assert_eq!(moves("/a\n  /x\n  /y\n", "/b\n  /x\n  /y\n"), [""; 0]);
    assert_eq!(moves("/a\n  x = 1\n", "/b\n  x = 1\n"), [""; 0]);
    let kept_name = moves("/a\n  /n\n    x = 1\n", "/b\n  /n\n    x = 1\n");
    assert_eq!(kept_name, ["/a -> /b"]);
    let alone = moves(
        "/a\n  v = 1\n  /n\n    x = 1\n",
        "/b\n  v = 2\n  /n\n    x = 1\n",
    );
    assert_eq!(alone, ["/a/n -> /b/n"]);
}

/// That they are the same would tell who sees the diff, and not the trees, what a secret is.
#[test]
fn what_may_hold_a_secret_is_not_compared() {
    let of = |lines: &str, top: &str| format!("/{top}\n  x = 1\n{lines}  /one\n");
    for (old, new) in [
        ("  key = 'v'\n  @secret key\n", "  key = 'v'\n"),
        ("  key = 'v'\n", "  key = 'v'\n  @secret key\n"),
        ("  password = 'v'\n", "  password = 'v'\n"),
    ] {
        assert_eq!(moves(&of(old, "a"), &of(new, "b")), [""; 0], "{old}{new}");
    }
    // The name of the node itself counts on both sides.
    let raw = |name: &str| format!("/a\n  /{name}\n    @data 'hunter2'\n    /one\n      x = 1\n");
    for (old, new) in [("db-password", "note"), ("note", "db-password")] {
        assert_eq!(
            moves(&raw(old), &raw(new)),
            ["/a/OLD/one -> /a/NEW/one"
                .replace("OLD", old)
                .replace("NEW", new)]
        );
    }
    assert_eq!(moves(&raw("other"), &raw("note")), ["/a/other -> /a/note"]);
    let line = "  key = 'v'\n";
    assert_eq!(moves(&of(line, "a"), &of(line, "b")), ["/a -> /b"]);
}

#[test]
fn a_move_that_is_declared_needs_no_hint() {
    let old = "/a\n  x = 1\n  /one\n";
    let plan = compared(old, "/b\n  @moved from '/a'\n  x = 1\n  /one\n");
    assert_eq!(plan.moves.len(), 1);
    assert_eq!(plan.warnings, []);
    let plan = compared(old, "/b\n  x = 1\n  /one\n");
    let messages: Vec<&str> = plan.warnings.iter().map(|one| &*one.message).collect();
    assert_eq!(
        messages,
        [
            "it is what /a was; apply moves the live nodes with the line @moved from '/a', and creates new \
          ones without it"
        ]
    );
}

#[test]
fn links_of_a_moved_subtree_are_part_of_it() {
    let tree = |top: &str| format!("/{top}\n  x = 1\n  l -> /keep\n/keep\n  /{top}\n");
    let plan = compared(
        &format!("/old\n{}", indented(&tree("a"))),
        &format!("/new\n{}", indented(&tree("a"))),
    );
    let names: Vec<&str> = plan.actions.iter().map(zkt::Action::name).collect();
    assert!(!names.contains(&"link"), "{names:?}");
    let moved: Vec<&ZPath> = plan.moves.iter().map(|one| &one.from).collect();
    assert_eq!(moved, [&ZPath::parse("/old").expect("a path")]);
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// A tree `/TOP` with so many children, of which some have another value.
fn flat(top: &str, children: usize, changed: &[usize]) -> String {
    let child = |i: usize| {
        let value = if changed.contains(&i) { i + 1 } else { i };
        format!("  /c{i:05}\n    port = {value}\n")
    };
    format!("/{top}\n") + &(0..children).map(child).collect::<String>()
}

fn messages(plan: &Plan) -> Vec<String> {
    let warnings = plan.warnings.iter();
    let all = warnings.map(|one| format!("{}: {}", one.path, one.message));
    all.collect()
}

#[test]
fn a_parent_moved_if_most_children_did() {
    let old = flat("a", 5, &[]) + "  /gone\n";
    let new = flat("b", 5, &[3]) + "  /new\n";
    let plan = compared(&old, &new);
    assert_eq!(moves(&old, &new), ["/a -> /b"]);
    let dropped: Vec<&str> = plan.moves[0].dropped.iter().map(ZPath::as_str).collect();
    assert_eq!(dropped, ["/a/c00003", "/a/gone"]);
    let moved: Vec<String> = plan
        .moved_nodes()
        .into_keys()
        .map(|one| one.to_string())
        .collect();
    assert_eq!(
        moved,
        ["/b", "/b/c00000", "/b/c00001", "/b/c00002", "/b/c00004"]
    );
    assert_eq!(
        messages(&plan),
        [
            "/b: most of it is what /a was; apply moves the live nodes with the line @moved from '/a', and \
          creates new ones without it"
        ]
    );
    // Half of them is not most, neither of the old ones nor of the new ones.
    let half = flat("a", 4, &[]);
    let parts = ["/a/c00000 -> /b/c00000", "/a/c00001 -> /b/c00001"];
    assert_eq!(moves(&half, &flat("b", 4, &[2, 3])), parts);
    assert_eq!(moves(&flat("a", 2, &[]), &flat("b", 4, &[2, 3])), parts);
    // The parents themselves are the same.
    let other = flat("b", 2, &[]).replacen("/b\n", "/b\n  x = 1\n", 1);
    assert_eq!(moves(&flat("a", 2, &[]), &other), parts);
}

#[test]
fn a_parent_moved_if_most_below_did() {
    let tree = |top: &str, changed: &[usize]| {
        let inner = |name: &str, changed| indented(&flat(name, 5, changed));
        format!("/{top}\n") + &inner("p", changed) + &inner("q", &[])
    };
    let old = tree("a", &[]);
    let plan = compared(&old, &tree("b", &[1]));
    assert_eq!(moves(&old, &tree("b", &[1])), ["/a -> /b"]);
    let dropped: Vec<&str> = plan.moves[0].dropped.iter().map(ZPath::as_str).collect();
    assert_eq!(dropped, ["/a/p/c00001"]);
    // What moved out of it is a move of its own.
    let out = tree("b", &[]).replacen("    /c00004\n      port = 4\n", "", 1)
        + "/z\n  /c00004\n    port = 4\n";
    assert_eq!(moves(&old, &out), ["/a -> /b", "/a/p/c00004 -> /z/c00004"]);
    // Nobody learns that secrets are the same.
    let secret = |top: &str| tree(top, &[]) + "  /db-password\n    @data 'hunter2'\n";
    let plan = compared(&secret("a"), &secret("b"));
    let dropped: Vec<&str> = plan.moves[0].dropped.iter().map(ZPath::as_str).collect();
    assert_eq!(dropped, ["/a/db-password"]);
}

#[test]
fn many_moves_from_one_parent_to_another_are_one_warning() {
    let below = |full: &str, empty: &str| {
        indented(&flat(full, 7, &[])).replacen("  /", "/stay\n  /", 1) + &format!("  /{empty}\n")
    };
    let plan = compared(&below("p", "q"), &below("q", "p"));
    assert_eq!(plan.moves.len(), 7);
    assert_eq!(
        messages(&plan),
        [
            "/stay/q/c00000: it is what /stay/p/c00000 was, and 6 more below /stay/q were below /stay/p; \
          apply moves the live nodes with lines like @moved from '/stay/p/c00000', and creates new ones \
          without them"
        ]
    );
}
