//! Live views beside a bare watch: from a change by another session to when it is seen.

use std::time::Instant;

use tokio::runtime::Runtime;
use zkt::ZooKeeper;
use zkt::services::NewNode;
use zookeeper_client::{Acls, Client, CreateMode};

use crate::lab::Lab;
use crate::table::{Figure, Goal, Row, Section, Unit};

/// How many changes of each kind are timed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Changes {
    /// In each round.
    pub(crate) each: usize,
    /// How many children the view of many has.
    pub(crate) many: usize,
}

/// How long changes took to be seen, in seconds.
#[derive(Default)]
struct Times {
    bare: Vec<f64>,
    view: Vec<f64>,
}

impl Times {
    fn row(self, what: &str) -> Row {
        Row {
            what: what.to_owned(),
            unit: Unit::Seconds,
            against: Figure::of(&self.bare),
            zkt: Figure::of(&self.view),
            goal: Goal::AtMost(1.2),
        }
    }
}

pub(crate) fn measure(lab: &Lab, changes: Changes) -> Section {
    let runtime = Runtime::new().expect("a runtime");
    let hosts = format!("127.0.0.1:{}", lab.server.port());
    runtime.block_on(async {
        let rounds = lab.effort.rounds;
        Section {
            name: "views".to_owned(),
            about: "a change until it is seen through a live view, against a bare client's \
                    one-shot watch and read"
                .to_owned(),
            rows: vec![
                properties(&hosts, rounds, changes.each).await,
                children(&hosts, rounds, changes.each, 10).await,
                children(&hosts, rounds, changes.each, changes.many).await,
            ],
        }
    })
}

async fn client(hosts: &str) -> Client {
    Client::connect(hosts).await.expect("a session")
}

/// One node is written.
async fn properties(hosts: &str, rounds: usize, each: usize) -> Row {
    let (writer, watcher) = (client(hosts).await, client(hosts).await);
    let zookeeper = ZooKeeper::connect(hosts).await.expect("a session");
    let path = "/views-properties";
    let new = NewNode::default();
    zookeeper
        .create(path, b"{\"n\":0}", &new)
        .await
        .expect("a node");
    let mut times = Times::default();
    let mut n = 0;
    let mut data = || {
        n += 1;
        format!("{{\"n\":{n}}}").into_bytes()
    };
    for _ in 0..rounds {
        for _ in 0..each {
            let (_, _, event) = watcher.get_and_watch_data(path).await.expect("a watch");
            let written = data();
            let start = Instant::now();
            let write = writer.set_data(path, &written, None);
            event.changed().await;
            let (seen, _) = watcher.get_data(path).await.expect("the data");
            times.bare.push(start.elapsed().as_secs_f64());
            assert_eq!(seen, written);
            write.await.expect("it is written");
        }
        let view = zookeeper.properties(path).await.expect("a view");
        let mut changes = view.changes().expect("it is watched");
        for _ in 0..each {
            let written = data();
            let start = Instant::now();
            let write = writer.set_data(path, &written, None);
            let change = changes.next().await.expect("a change");
            times.view.push(start.elapsed().as_secs_f64());
            assert_eq!(change.updated, ["n"]);
            write.await.expect("it is written");
        }
    }
    writer.delete(path, None).await.expect("it is deleted");
    zookeeper.close().await;
    times.row("a property of a node")
}

/// A child comes, one of many.
async fn children(hosts: &str, rounds: usize, each: usize, many: usize) -> Row {
    let (writer, watcher) = (client(hosts).await, client(hosts).await);
    let zookeeper = ZooKeeper::connect(hosts).await.expect("a session");
    let path = format!("/views-{many}");
    let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
    writer.create(&path, b"{}", &options).await.expect("a node");
    let names: Vec<String> = (0..many).map(|n| format!("{path}/10.0.0.1:{n}")).collect();
    let creations = names
        .iter()
        .map(|name| writer.create(name, b"{}", &options));
    for creation in creations.collect::<Vec<_>>() {
        creation.await.expect("a child");
    }
    let new = format!("{path}/new");
    let mut times = Times::default();
    for _ in 0..rounds {
        for _ in 0..each {
            let (_, event) = watcher
                .list_and_watch_children(&path)
                .await
                .expect("a watch");
            let start = Instant::now();
            let write = writer.create(&new, b"{}", &options);
            event.changed().await;
            let seen = watcher.list_children(&path).await.expect("the names");
            // The view has the child's data, too.
            watcher.get_data(&new).await.expect("the data");
            times.bare.push(start.elapsed().as_secs_f64());
            assert_eq!(seen.len(), many + 1);
            write.await.expect("it is created");
            writer.delete(&new, None).await.expect("it is deleted");
        }
        let view = zookeeper.children(&path).await.expect("a view");
        let mut changes = view.changes();
        for _ in 0..each {
            let start = Instant::now();
            let write = writer.create(&new, b"{}", &options);
            let change = changes.next().await.expect("a change");
            times.view.push(start.elapsed().as_secs_f64());
            assert_eq!(change.added.len(), 1);
            write.await.expect("it is created");
            writer.delete(&new, None).await.expect("it is deleted");
            changes.next().await.expect("a change");
        }
    }
    for name in &names {
        writer.delete(name, None).await.expect("it is deleted");
    }
    writer.delete(&path, None).await.expect("it is deleted");
    zookeeper.close().await;
    times.row(&format!("a child beside {many} others"))
}
