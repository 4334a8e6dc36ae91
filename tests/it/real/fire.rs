//! An ensemble of three real servers under fire: something befalls it in the middle of what zkt does, and then
//! everything is as it was said to be.
//!
//! Throughout, a `zkt watch` keeps a tree, a service is registered, and a view shows the services.

mod apply;
mod fault;
mod foreign;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use zkt::services::{Discovery, Registration};
use zkt::{Error, Wait, ZooKeeper};
use zookeeper_client::Client;

use apply::{BATCH, Trees};
use fault::{Fault, Struck};
use foreign::Foreign;

use super::quorum::Quorum;
use crate::cli::watch::{Watching, becomes};
use crate::cli::{Place, create};
use crate::dice::Dice;
use crate::relay::{Mode, Relay};
use crate::services::object;
use crate::watchdog;

/// How many rounds there are: by default each fault comes once.
const ROUNDS: &str = "ZKT_FAULT_ROUNDS";
/// Repeats a run: its faults, moments and works come in the same order.
const SEED: &str = "ZKT_FAULT_SEED";

/// Long enough for whatever has to come about once all servers are back.
const PATIENCE: Duration = Duration::from_secs(90);

/// In the middle of what a fault comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Apply,
    Watch,
    Register,
    Discover,
}

impl Work {
    const ALL: [Self; 4] = [Self::Apply, Self::Watch, Self::Register, Self::Discover];
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_and_the_reports_are_true() {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse().unwrap());
    let given = number(ROUNDS);
    let rounds = given.unwrap_or(Fault::ALL.len() as u64);
    // Some sessions end meanwhile, where there is time for it.
    let longest = given.map_or(800, |_| 9000);
    let seed = number(SEED).unwrap_or_else(|| u64::from(std::process::id()) + 1);
    eprintln!("{rounds} rounds with {SEED}={seed}");
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut fire = Fire::light(longest).await;
    for round in 0..rounds {
        watchdog::goes_on();
        let (fault, work) = match usize::try_from(round).unwrap() {
            early if early < Fault::ALL.len() => (Fault::ALL[early], Work::ALL[early % 4]),
            _ => (dice.pick(&Fault::ALL), dice.pick(&Work::ALL)),
        };
        eprint!("round {round}: {fault:?} in {work:?}");
        let begun = Instant::now();
        fire.round(round, fault, work, &mut dice).await;
        eprintln!(", {:.1?}", begun.elapsed());
    }
    fire.end().await;
}

struct Fire {
    /// In front of each server.
    relays: Vec<Relay>,
    /// Directly at the servers.
    place: Place,
    /// The servers behind the relays.
    hosts: String,
    watching: Watching,
    zookeeper: ZooKeeper,
    registration: Registration,
    /// What is registered beside that.
    guests: Vec<Guest>,
    discovery: Discovery,
    /// How often somebody else has counted up.
    counted: u64,
    /// How many milliseconds a fault may last that nothing else ends.
    longest: u64,
    quorum: Quorum,
}

impl Fire {
    async fn light(longest: u64) -> Self {
        let quorum = Quorum::of_three();
        let place = Place::at(&quorum.hosts());
        let mut relays = Vec::new();
        for port in quorum.ports() {
            relays.push(Relay::to(port).await);
        }
        let hosts: Vec<_> = relays.iter().map(Relay::address).collect();
        let hosts = hosts.join(",");
        let client = place.client().await;
        for path in ["/svc", "/foreign"] {
            create(&client, path, "{}").await;
        }
        write_watched(&place, 0);
        let words = format!("trees -c {hosts} --session-timeout 6s --interval 5s {BATCH}");
        let mut watching = Watching::start(&place, &words);
        watching.says(&["reconciled", "applied"]).await;
        let builder = ZooKeeper::builder().hosts(hosts.as_str());
        let builder = builder.session_timeout(Duration::from_secs(6));
        let zookeeper = builder.connect().await.unwrap();
        let registration = zookeeper.register("/svc", ("10.0.0.1", 80)).await.unwrap();
        let discovery = zookeeper.discover("/svc", Duration::ZERO).await.unwrap();
        Self {
            relays,
            place,
            hosts,
            watching,
            zookeeper,
            registration,
            guests: Vec::new(),
            discovery,
            counted: 0,
            longest,
            quorum,
        }
    }

    async fn round(&mut self, round: u64, fault: Fault, work: Work, dice: &mut Dice) {
        let trees = Trees::prepare(&self.place, dice, round);
        let foreign = Foreign::start(
            self.place.hosts.clone(),
            round,
            watched(round + WATCHED / 2),
        );
        let mut applying = None;
        let mut services = None;
        match work {
            Work::Apply => {
                self.hold(dice.throw(4));
                applying = Some(Trees::start(&self.place, &self.hosts));
                self.holds().await;
            }
            Work::Watch => {
                self.hold(dice.throw(4));
                write_watched(&self.place, round + 1);
                self.holds().await;
            }
            Work::Register | Work::Discover => {
                // Those that are discovered may be nearer to the servers than those who discover.
                let hosts = match work {
                    Work::Register => self.hosts.clone(),
                    _ => self.place.hosts.clone(),
                };
                services = Some(self.move_services(hosts, round));
                sleep(Duration::from_millis(dice.throw(60))).await;
            }
        }
        let struck = Struck::now(fault, &mut self.quorum, &self.relays, dice);
        let lasts = Duration::from_millis(100 + dice.throw(self.longest));
        let run = match applying {
            // Half of the time, it has to end without the servers that are gone.
            Some(child) if !fault.is_total() && dice.throw(2) == 0 => {
                let run = self.place.finish(child);
                struck.mend(&mut self.quorum, &self.relays);
                Some(run)
            }
            applying => {
                sleep(lasts).await;
                struck.mend(&mut self.quorum, &self.relays);
                applying.map(|child| self.place.finish(child))
            }
        };
        let written = foreign.stop().await;
        let client = self.place.client().await;
        client.sync("/").await.unwrap();
        if let Some(run) = run {
            trees.judge(&run, &client).await;
            self.place.run("apply -y --trim --force new.zkt").expect(0);
            self.place
                .run("plan --trim --force --detailed-exitcode new.zkt")
                .expect(0);
        }
        self.counted = written.stands(&client, self.counted).await;
        if let Some(services) = services {
            let joined = timeout(PATIENCE * 2, services).await;
            self.guests.extend(joined.expect("it ends").unwrap());
        }
        self.services_stand(&client, round).await;
        self.watch_is_in_sync(&client, round).await;
    }

    /// Holds what comes after so many batches of writes.
    fn hold(&self, batches: u64) {
        let batches = usize::try_from(batches).unwrap();
        for relay in &self.relays {
            relay.set(Mode::HoldWriteAfter(batches));
        }
    }

    /// Waits until that has come.
    async fn holds(&self) {
        let [first, second, third] = &self.relays[..] else {
            panic!("there are three");
        };
        let held = async {
            tokio::select! {
                () = first.holds_a_write() => {}
                () = second.holds_a_write() => {}
                () = third.holds_a_write() => {}
            }
        };
        timeout(PATIENCE, held).await.expect("no batch is held");
    }

    /// Registers a new guest and lets the eldest one go, through these servers.
    fn move_services(&mut self, hosts: String, round: u64) -> JoinHandle<Option<Guest>> {
        let eldest = (self.guests.len() > 1).then(|| self.guests.remove(0));
        tokio::spawn(async move {
            let guest = Guest::join(&hosts, format!("10.0.0.2:{}", 1000 + round));
            let leave = async {
                if let Some(eldest) = eldest {
                    eldest.leave().await;
                }
            };
            tokio::join!(guest, leave).0
        })
    }

    /// Each service is registered once, by its own session, and the view shows just these, with what they say.
    async fn services_stand(&self, client: &Client, round: u64) {
        let updated = self.registration.update(object(json!({"round": round})));
        if let Err(error) = timeout(PATIENCE, updated).await.unwrap() {
            // It is written all the same, once there is a session again.
            assert!(matches!(error, Error::Unavailable(_)), "{error}");
        }
        let guests = || {
            self.guests
                .iter()
                .map(|guest| (&guest.address, &guest.zookeeper))
        };
        let own = "10.0.0.1:80".to_owned();
        let expected = || -> BTreeMap<String, Option<i64>> {
            let all = guests().chain([(&own, &self.zookeeper)]);
            all.map(|(address, zookeeper)| (address.clone(), zookeeper.session_id()))
                .collect()
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let registered = registered(client).await;
            let shown = self.discovery.snapshot();
            let endpoint = shown.get(&own);
            let said = endpoint.and_then(|endpoint| endpoint.properties().get("round"));
            let expected = expected();
            if registered == expected
                && shown.addresses().eq(expected.keys())
                && shown.held().is_none()
                && said == Some(&json!(round))
            {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "registered: {registered:?}, expected: {expected:?}, shown: {shown:?}"
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// The watch has made its tree as declared, its own audit finds nothing that it had not heard of, and it
    /// hears of later changes.
    async fn watch_is_in_sync(&mut self, client: &Client, round: u64) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let run = self.place.run("plan --detailed-exitcode trees");
            if run.code == 0 {
                break;
            }
            assert!(Instant::now() < deadline, "{run}{}", self.watching.log());
            sleep(Duration::from_millis(100)).await;
        }
        // It may be asked while it still looks at what it has written.
        loop {
            self.watching.signal("-HUP");
            let line = self.watching.says(&["\"cause\":", "asked"]).await;
            if line.contains("in sync") {
                break;
            }
            assert!(Instant::now() < deadline, "{}", self.watching.log());
        }
        let path = watched(round);
        let (declared, _) = client.get_data(&path).await.unwrap();
        client.set_data(&path, b"{}", None).await.unwrap();
        becomes(client, &path, Some(&String::from_utf8(declared).unwrap())).await;
        let log = self.watching.log();
        assert!(!log.contains("no event had told"), "{log}");
    }

    async fn end(self) {
        let (code, log) = self.watching.stop();
        assert_eq!(code, Some(0), "{log}");
        for guest in self.guests {
            guest.leave().await;
        }
        self.registration.close().await;
        let client = self.place.client().await;
        client.sync("/").await.unwrap();
        assert!(registered(&client).await.is_empty());
        self.zookeeper.close().await;
    }
}

/// Another service.
struct Guest {
    address: String,
    zookeeper: ZooKeeper,
    registration: Registration,
}

impl Guest {
    /// Registers. Returns `None` if no server takes it in time: then it is not registered.
    async fn join(hosts: &str, address: String) -> Option<Self> {
        let builder = ZooKeeper::builder().hosts(hosts);
        let builder = builder.session_timeout(Duration::from_secs(6));
        let zookeeper = match builder.wait(Wait::For(PATIENCE)).connect().await {
            Ok(zookeeper) => zookeeper,
            Err(error) => panic!("{address} cannot connect: {error}"),
        };
        match zookeeper.register("/svc", address.as_str()).await {
            Ok(registration) => Some(Self {
                address,
                zookeeper,
                registration,
            }),
            Err(Error::Unavailable(_) | Error::Uncertain { .. }) => {
                zookeeper.close().await;
                None
            }
            Err(error) => panic!("{address} cannot register: {error}"),
        }
    }

    async fn leave(self) {
        self.registration.close().await;
        self.zookeeper.close().await;
    }
}

/// The nodes of services, with the sessions that they belong to.
async fn registered(client: &Client) -> BTreeMap<String, Option<i64>> {
    let mut registered = BTreeMap::new();
    for name in client.list_children("/svc").await.unwrap() {
        let stat = client.check_stat(&format!("/svc/{name}")).await.unwrap();
        registered.insert(name, stat.map(|stat| stat.ephemeral_owner));
    }
    registered
}

/// How many nodes the watch has: so many that none is repaired so often that its repair waits.
const WATCHED: u64 = 100;

/// One of these.
fn watched(number: u64) -> String {
    format!("/watched/n{}", number % WATCHED)
}

fn write_watched(place: &Place, value: u64) {
    let mut text = "/watched\n".to_owned();
    for number in 0..WATCHED {
        _ = writeln!(
            text,
            "  /n{number}\n    value = {value}\n    padding = '{}'",
            "x".repeat(150)
        );
    }
    place.file("trees/watched.zkt", text);
}
