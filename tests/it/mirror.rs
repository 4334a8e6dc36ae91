//! A mirror against reading everything anew.

use zkt::model::node::{Declared, Live, Standing};
use zkt::model::path::ZPath;
use zkt::model::tree::Tree;
use zkt::plan::scope::{self, Trim};
use zkt::zookeeper::live::{self, FetchOptions, Found, Mirror, News};
use zkt::zookeeper::session::Session;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::relay::{Mode, Relay};
use crate::server::{Server, client, keeper, options, session, session_on, shared};

fn declared(text: &str) -> Tree<Declared> {
    zkt::declare(text).unwrap().into_parts().0
}

fn roots(tree: &Tree<Declared>) -> Vec<ZPath> {
    let mut roots: Vec<ZPath> = Vec::new();
    for (path, node) in tree {
        let covered = roots.last().is_some_and(|root| path.is_within(root));
        if node.standing != Standing::PassedThrough && !covered {
            roots.push(path.clone());
        }
    }
    roots
}

/// What matters of a tree: not how many children a node had when it was read.
fn shown(tree: &Tree<Live>) -> Vec<String> {
    let line = |(path, live): &(ZPath, Live)| match live {
        Live::Read(node) => format!(
            "{path} {:?} {:?} {} {} {:?}",
            node.data.len(),
            node.version,
            node.mzxid,
            node.ephemeral,
            node.acl
        ),
        other => format!("{path} {other:?}"),
    };
    tree.iter().map(line).collect()
}

const PLACES: [&str; 14] = [
    "/a", "/a/b", "/a/b/c", "/a/b/c/d", "/a/e", "/a/e/f", "/a/x", "/a/x/y", "/p", "/p/q", "/p/q/r",
    "/k", "/k/own", "/other",
];

/// A tree of some of these places.
fn text(random: &mut Dice) -> String {
    let lines = [
        "/a",
        "/a/b",
        "/a/b/c",
        "/a/e",
        "/p/q",
        "/p/q/r",
        "/k\n  @keep",
        "/a/x",
    ];
    let mut text = String::new();
    for line in lines {
        if random.throw(3) > 0 {
            text += line;
            text += "\n";
        }
    }
    if random.throw(4) == 0 {
        text += "/top\n  @acl world:anyone:cdrwa\n  /below\n";
    }
    text
}

/// Numbers that look random and are the same in every run.
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % sides as u64).unwrap()
    }
}

async fn meddle(client: &Client, dice: &mut Dice) {
    let path = PLACES[dice.throw(PLACES.len())];
    let data = vec![b'x'; [3, 2000, 0, 5][dice.throw(4)]];
    match dice.throw(4) {
        0 => _ = client.delete(path, None).await,
        1 => _ = client.set_data(path, &data, None).await,
        sort => {
            let mode = if sort == 2 || dice.throw(3) > 0 {
                CreateMode::Persistent
            } else {
                CreateMode::Ephemeral
            };
            let options = mode.with_acls(Acls::anyone_all());
            _ = client.create(path, &data, &options).await;
        }
    }
}

async fn keeps_up(server: &Server, trim: Trim, seed: u64) {
    let (hosts, session) = session_on(server, "mirror").await;
    let client = client(&hosts).await;
    let mut dice = Dice(seed);
    let mut tree = declared(&text(&mut dice));
    let wants = scope::of(&tree, trim);
    let mut mirror = Mirror::open(&session, wants, roots(&tree)).await.unwrap();
    for round in 0..150 {
        for _ in 0..dice.throw(5) {
            meddle(&client, &mut dice).await;
        }
        if dice.throw(3) == 0 {
            tree = declared(&text(&mut dice));
            let wants = scope::of(&tree, trim);
            mirror.rewant(&session, wants, roots(&tree)).await.unwrap();
        }
        // What happened before it is told before its answer.
        let wants = scope::of(&tree, trim);
        let options = FetchOptions::default();
        let truth = live::fetch(&session, &wants, &options, &mut |_| {}).await;
        mirror.refresh(&session).await.unwrap();
        assert_eq!(
            shown(mirror.tree()),
            shown(&truth.unwrap()),
            "round {round}"
        );
        assert!(mirror.is_current());
        if round % 20 == 19 {
            meddle(&client, &mut dice).await;
            let found = mirror.audit(&session).await.unwrap();
            assert_eq!(found, Found::Everything { missed: Vec::new() });
        }
    }
    session.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_is_what_a_fetch_would_bring() {
    keeps_up(shared(), Trim::None, 0x1234_5678).await;
    keeps_up(shared(), Trim::None, 0x8765_4321).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_whole_subtrees_too() {
    keeps_up(shared(), Trim::All, 0x1357_9bdf).await;
    keeps_up(shared(), Trim::All, 0xfdb9_7531).await;
}

/// Whose events do not say which node has changed.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_a_keeper_too() {
    keeps_up(keeper(), Trim::None, 0x2468_ace0).await;
    keeps_up(keeper(), Trim::All, 0x0eca_8642).await;
}

/// Without any change that is wanted, what others do below a watched node is not read for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_mirror_of_a_keeper_reads_for_a_part_of_the_time() {
    let (hosts, session) = session_on(keeper(), "mirror-busy").await;
    let client = client(&hosts).await;
    let persistent = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/a", b"1", &persistent).await.unwrap();
    client.create("/a/own", b"", &persistent).await.unwrap();
    let tree = declared("/a\n");
    let wants = scope::of(&tree, Trim::None);
    let mut mirror = Mirror::open(&session, wants, roots(&tree)).await.unwrap();
    assert!(mirror.is_current() && !mirror.is_due());
    client.set_data("/a/own", b"x", None).await.unwrap();
    assert_eq!(mirror.news().await, News::Nodes);
    assert!(!mirror.is_current() && mirror.is_due());
    let nothing = Found::Changed(Vec::new());
    assert_eq!(mirror.refresh(&session).await.unwrap(), nothing);
    client.set_data("/a/own", b"y", None).await.unwrap();
    // The event comes before the answer.
    live::lookup(&session, &[ZPath::root()]).await.unwrap();
    mirror.listen();
    // It is not current, and news come when it has rested.
    assert!(!mirror.is_current());
    assert_eq!(mirror.news().await, News::Nodes);
    assert!(mirror.is_due());
    client.set_data("/a", b"2", None).await.unwrap();
    live::lookup(&session, &[ZPath::root()]).await.unwrap();
    let found = mirror.refresh(&session).await.unwrap();
    assert_eq!(found, Found::Changed(vec![ZPath::parse("/a").unwrap()]));
    assert!(mirror.is_current());
}

/// What changes while there is no connection is told by no event, and was missed by none.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_while_everything_is_read_hides_no_event() {
    let (hosts, direct) = session("mirror-cut").await;
    let client = Client::connect(&hosts).await.unwrap();
    let persistent = CreateMode::Persistent.with_acls(Acls::anyone_all());
    client.create("/a", b"1", &persistent).await.unwrap();
    let relay = Relay::to(shared().port()).await;
    let chroot = &hosts[hosts.find('/').unwrap()..];
    let through = options(&(relay.address() + chroot));
    let session = Session::connect(&through).await.unwrap();
    let tree = declared("/a\n");
    let wants = scope::of(&tree, Trim::None);
    let mut mirror = Mirror::open(&session, wants, roots(&tree)).await.unwrap();
    // No answer comes before the cut, and no event after it.
    relay.set(Mode::Swallow);
    let cut = async {
        relay.set(Mode::Refuse);
        relay.cut();
        client.set_data("/a", b"2", None).await.unwrap();
        relay.set(Mode::Forward);
    };
    let everything = Found::Everything { missed: Vec::new() };
    let (found, ()) = tokio::join!(biased; mirror.audit(&session), cut);
    assert_eq!(found.unwrap(), everything);
    assert!(!mirror.is_current(), "there may be more");
    assert_eq!(mirror.refresh(&session).await.unwrap(), everything);
    assert!(mirror.is_current());
    session.close().await;
    direct.close().await;
}
