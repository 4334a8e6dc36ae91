//! An apply under fire: two trees, what the report says, and what stands.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Child;

use serde_json::Value;
use zookeeper_client::Client;

use crate::cli::{Place, Run};
use crate::dice::Dice;

/// Small requests, so that a plan has many batches.
pub(super) const BATCH: &str = "--max-request 4096";

/// A node as it is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Node {
    value: u64,
    /// To the node of this number.
    link: Option<u64>,
    guarded: bool,
}

/// The nodes below `/applyROUND`, by number.
type Nodes = BTreeMap<u64, Node>;

/// An action and its path, as reports name it.
type Actions = BTreeSet<(String, String)>;

/// Two trees, of which the first stands before the apply begins.
pub(super) struct Trees {
    round: u64,
    old: Nodes,
    new: Nodes,
}

impl Trees {
    /// Writes the second tree to `new.zkt`, and makes the first one stand.
    pub(super) fn prepare(place: &Place, dice: &mut Dice, round: u64) -> Self {
        let node = |dice: &mut Dice| Node {
            value: dice.throw(1_000_000),
            link: None,
            guarded: dice.throw(8) == 0,
        };
        let old: Nodes = (0..60).map(|number| (number, node(dice))).collect();
        let mut new = old.clone();
        for number in 0..60 {
            match dice.throw(6) {
                0 => _ = new.remove(&number),
                1 | 2 => {
                    let node = node(dice);
                    // An ACL that is not declared any more stays.
                    let guarded = node.guarded || old[&number].guarded;
                    new.insert(number, Node { guarded, ..node });
                }
                3 => new.get_mut(&number).unwrap().link = Some(70 + number % 10),
                _ => {}
            }
        }
        new.extend((60..100).map(|number| (number, node(dice))));
        place.file("old.zkt", text(&old, round, 0));
        place.file("new.zkt", text(&new, round, 1));
        place.run("apply -y --trim --force old.zkt").expect(0);
        Self { round, old, new }
    }

    /// Starts to apply the second tree through these servers.
    pub(super) fn start(place: &Place, hosts: &str) -> Child {
        let words = format!(
            "apply -y --trim --force --format json {BATCH} --session-timeout 6s -c {hosts} new.zkt"
        );
        place.command(&words).spawn().unwrap()
    }

    /// All that the apply has to do, but for `/shared`.
    fn actions(&self) -> Actions {
        let mut actions = Actions::new();
        let mut add = |action: &str, number: &u64| {
            actions.insert((action.to_owned(), path(self.round, *number)));
        };
        for (number, new) in &self.new {
            match self.old.get(number) {
                None => add("add", number),
                Some(old) if (old.value, old.guarded) != (new.value, new.guarded) => {
                    add("update", number);
                }
                Some(_) => {}
            }
            if new.link.is_some() {
                add("link", number);
            }
        }
        let gone = |number: &&u64| !self.new.contains_key(number);
        for number in self.old.keys().filter(gone) {
            add("trim", number);
        }
        actions
    }

    /// How the paths of its nodes begin.
    fn below(&self) -> String {
        format!("/apply{}/n", self.round)
    }

    /// What of it stands.
    async fn standing(&self, client: &Client) -> Actions {
        let mut standing = Actions::new();
        for (action, at) in self.actions() {
            let number: u64 = at[self.below().len()..].parse().unwrap();
            let (found, acl) = match client.get_data(&at).await {
                Ok((data, _)) => {
                    let acl = client.get_acl(&at).await.unwrap().0;
                    (Some(String::from_utf8(data).unwrap()), acl.len())
                }
                Err(_) => (None, 0),
            };
            let new = self.new.get(&number);
            let has_value = |data: &String| {
                let value = new.map(|new| format!("\"value\":{}", new.value));
                value.is_some_and(|value| data.contains(&value))
            };
            let guarded = new.is_some_and(|new| new.guarded);
            let stands = match action.as_str() {
                "trim" => found.is_none(),
                "link" => found.is_some_and(|data| data.contains("l ->")),
                _ => found.as_ref().is_some_and(has_value) && (acl == 2 || !guarded),
            };
            if stands {
                standing.insert((action, at));
            }
        }
        standing
    }

    /// Compares what an apply said with what stands.
    pub(super) async fn judge(&self, run: &Run, client: &Client) {
        assert!(!run.stderr.contains("panicked"), "{run}");
        let stands = self.standing(client).await;
        let lines = run.json();
        let report = lines.iter().find(|line| line["event"] == "report");
        let report = report.unwrap_or_else(|| panic!("no report: {run}"));
        let below = self.below();
        let all = |key: &str| -> Actions {
            let named = report[key].as_array().into_iter().flatten();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let named = named.map(|one| (text(&one["action"]), text(&one["path"])));
            named.filter(|(_, path)| path.starts_with(&below)).collect()
        };
        let planned = self.actions();
        if run.code == 0 {
            assert_eq!(stands, planned, "{run}");
            assert!(
                all("not_done").is_empty() && all("unknown").is_empty(),
                "{run}"
            );
            return;
        }
        assert!([1, 4, 5].contains(&run.code), "{run}");
        let [done, not_done, unknown, data_only] =
            ["stands", "not_done", "unknown", "data_only"].map(all);
        let lost: Vec<_> = done.difference(&stands).collect();
        assert!(
            lost.is_empty(),
            "said to be done, and is not: {lost:?}\n{run}"
        );
        let done_all_the_same: Vec<_> = not_done.intersection(&stands).collect();
        assert!(
            done_all_the_same.is_empty(),
            "said not to be done, and is: {done_all_the_same:?}\n{run}"
        );
        // Without a plan nothing was to be done, and nothing was.
        let told: Actions = [done, not_done, unknown, data_only].concat_all();
        let silent = if lines.iter().any(|line| line["event"] == "plan") {
            planned.difference(&told).cloned().collect()
        } else {
            stands.clone()
        };
        assert!(
            silent.is_empty(),
            "of this nothing is said: {silent:?}\n{run}"
        );
    }
}

/// All elements of several sets.
trait ConcatAll {
    fn concat_all(self) -> Actions;
}

impl<const N: usize> ConcatAll for [Actions; N] {
    fn concat_all(self) -> Actions {
        self.into_iter().flatten().collect()
    }
}

fn path(round: u64, number: u64) -> String {
    format!("/apply{round}/n{number:02}")
}

/// The tree as it is declared; `/shared` has a property of somebody else's, too.
fn text(nodes: &Nodes, round: u64, step: u64) -> String {
    let mut text = format!("/shared\n  @keep properties\n  step = {round}.{step}\n/apply{round}\n");
    for (number, node) in nodes {
        let padding = "x".repeat(150);
        _ = writeln!(text, "  /n{number:02}\n    value = {}", node.value);
        _ = writeln!(text, "    padding = '{padding}'");
        if node.guarded {
            text.push_str("    @acl world:anyone:cdrwa ip:127.0.0.1:r\n");
        }
        if let Some(link) = node.link {
            _ = writeln!(text, "    l -> {}", path(round, link));
        }
    }
    text
}
