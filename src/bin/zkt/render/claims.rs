//! What changes in what an owner has, beyond what actions do, in words.

use serde_json::{Value, json};
use zkt::model::path::ZPath;
use zkt::model::plan::{Adopted, Claims};

use super::list::count;
use super::subtrees::topmost;

/// Nodes under one heading, each with a note.
pub(super) type Part<'p> = (&'static str, Vec<(&'p ZPath, String)>);

/// What is adopted because somebody said so, and what is let go.
pub(super) fn parts(claims: &Claims) -> [Part<'_>; 2] {
    let adopted = claims.adopted.iter();
    let adopted = adopted.map(|adopted| (&adopted.path, note(adopted)));
    let let_go = claims.let_go.iter();
    let let_go = let_go.map(|let_go| (&let_go.path, format!("the owner {} has it", let_go.to)));
    [
        ("Adopted with --adopt", adopted.collect()),
        (
            "Let go, since another owner has them, too",
            let_go.collect(),
        ),
    ]
}

fn note(adopted: &Adopted) -> String {
    let from = match &adopted.from {
        Some(owner) => format!("the owner {owner} has it, too"),
        None => "no owner had it".to_owned(),
    };
    match adopted.differs {
        true => format!("{from}; it differs"),
        false => from,
    }
}

/// What is adopted without anybody saying so: how many nodes, and the topmost of them, each with how many of
/// them are at and below it.
pub(super) fn adopted_as_equal(claims: &Claims) -> Option<(String, Vec<(&ZPath, usize)>)> {
    let tops = topmost(claims.equal.iter());
    let nodes = count(claims.equal.len(), "node");
    let line = format!("Adopted as they are declared: {nodes}");
    (!tops.is_empty()).then_some((line, tops))
}

pub(super) fn claims_json(claims: &Claims) -> Value {
    let adopted = claims.adopted.iter().map(|adopted| {
        json!({
            "path": adopted.path.as_str(), "from": adopted.from, "differs": adopted.differs,
        })
    });
    let let_go = claims.let_go.iter();
    let let_go = let_go.map(|let_go| json!({"path": let_go.path.as_str(), "to": let_go.to}));
    json!({
        "adopted": adopted.collect::<Vec<_>>(),
        "adopted_as_equal": claims.equal.len(),
        "adopted_as_equal_paths": claims.equal.iter().map(ZPath::as_str).collect::<Vec<_>>(),
        "let_go": let_go.collect::<Vec<_>>(),
    })
}
