//! Trees as text, beyond what the laws and the corpus say of small ones.

use crate::trees;

/// Many nodes are written in runs, each as if it stood alone: what is around a node, and its ACL,
/// go with it from one to the next.
#[test]
fn a_large_tree_is_written_as_it_was_declared() {
    let mut text = String::from("/a\n  @acl world:anyone:r\n");
    for i in 0..3000 {
        text += &format!("  /n{i:04} : kind\n    @acl world:anyone:rw\n    x = {i}\n");
        text += &format!(
            "    /deep\n      y = 'é{i}'\n      /own\n        @acl world:anyone:{}\n",
            if i % 2 == 0 { "cd" } else { "a" }
        );
    }
    text += "/b\n";
    let shown = trees::show(&trees::declare(&text).tree);
    let differs = shown.lines().zip(text.lines()).find(|(a, b)| a != b);
    assert_eq!(differs, None);
    assert_eq!(shown.len(), text.len());
}
