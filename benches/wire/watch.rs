//! A tree that is kept as declared: how soon, and at what cost while nothing happens and while very
//! much does.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use zookeeper_client::Client;

use crate::lab::{Lab, Runs};
use crate::server::four_letters;
use crate::subject::Subject;
use crate::table::{Figure, Goal, Row, Section, Unit};
use crate::trees;

/// How long files must be quiet before zkt acts.
const DEBOUNCE: Duration = Duration::from_millis(200);
/// What an edit may take after that. All files are loaded again, which has begun by then, and all is
/// planned again: 0.36 s was measured.
const EDIT: f64 = 0.400;
/// Nothing that is waited for takes so long, unless it never comes.
const PATIENCE: Duration = Duration::from_secs(120);

/// How much is measured.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Vigil {
    pub(crate) files: usize,
    /// In each file.
    pub(crate) nodes: usize,
    pub(crate) rounds: usize,
    /// How long nothing happens, and how long very much.
    pub(crate) lasts: Duration,
    /// Foreign writes a second.
    pub(crate) rate: usize,
}

/// A running watch; it ends with this value.
struct Watch {
    child: Child,
    log: PathBuf,
}

impl Watch {
    fn start(folder: &Path, hosts: &str, log: &Path) -> Self {
        let child = Command::new(env!("CARGO_BIN_EXE_zkt"))
            .arg("watch")
            .arg(folder)
            .args(["-c", hosts, "--interval", "1h", "--session-timeout", "30s"])
            .env_remove("ZKT_AUTH")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(fs::File::create(log).expect("a log"))
            .spawn()
            .expect("zkt starts");
        let watch = Self {
            child,
            log: log.to_owned(),
        };
        let start = Instant::now();
        while !watch.log().contains("reconciled") {
            assert!(start.elapsed() < PATIENCE, "{}", watch.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        watch
    }

    fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn proc(&self, file: &str) -> String {
        let path = format!("/proc/{}/{file}", self.child.id());
        fs::read_to_string(path).expect("it runs")
    }

    /// The processor time of all its threads so far, in seconds.
    fn cpu(&self) -> f64 {
        let stat = self.proc("stat");
        let rest = stat.rsplit(") ").next().expect("its fields");
        let field = |i: usize| -> f64 {
            let text = rest.split(' ').nth(i).expect("a field");
            text.parse().expect("a number")
        };
        // In clock ticks, of which Linux has 100 a second for all programs.
        (field(11) + field(12)) / 100.0
    }

    /// The memory that it has now, in bytes.
    fn memory(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let kilobytes = line.and_then(|line| line.split_whitespace().nth(1));
        let kilobytes: f64 = kilobytes.expect("a size").parse().expect("a number");
        kilobytes * 1024.0
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The section about a watch.
pub(crate) fn measure(lab: &mut Lab, vigil: Vigil) -> Section {
    let folder = lab.file("kept");
    fs::create_dir_all(&folder).expect("a folder of its own");
    for file in 0..vigil.files {
        write_file(&folder, vigil, file, 0);
    }
    let subject = Subject::read(&folder);
    let chroot = lab.chroot("kept");
    let hosts = lab.hosts(&chroot);
    let layer = folder.display().to_string();
    lab.zkt(&["apply", "--yes", "-c", &hosts, &layer]);
    let log = lab.file("watch.log");
    let watch = Watch::start(&folder, &hosts, &log);
    // A session lives on a thread of its own, also while this one sleeps.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let client = runtime
        .block_on(Client::connect(&hosts))
        .expect("a session");
    let bench = Bench {
        lab,
        vigil,
        folder,
        watch,
        client,
        runtime,
    };
    let mut rows = vec![bench.edits(), bench.repairs()];
    rows.extend(bench.idle());
    rows.extend(bench.storm(&subject));
    let plan = ["plan", "--detailed-exitcode", "-c", &hosts, &layer];
    bench.lab.zkt(&plan);
    Section {
        name: "watch".to_owned(),
        about: format!(
            "{}, in {} files; against a limit",
            subject.about(),
            vigil.files
        ),
        rows,
    }
}

struct Bench<'l> {
    lab: &'l mut Lab,
    vigil: Vigil,
    folder: PathBuf,
    watch: Watch,
    client: Client,
    runtime: Runtime,
}

fn write_file(folder: &Path, vigil: Vigil, file: usize, value: usize) {
    let text = trees::mixed(vigil.nodes - 1, &format!("part-{file:03}"), file as u64);
    let text = format!("{text}/edited-{file}\n  value = {value}\n");
    fs::write(folder.join(format!("{file:03}.zkt")), text).expect("a file of its own");
}

fn limit(what: &str, unit: Unit, limit: f64, zkt: Figure) -> Row {
    Row {
        what: what.to_owned(),
        unit,
        against: Figure::computed(limit),
        zkt,
        goal: Goal::AtMost(1.0),
    }
}

impl Bench<'_> {
    /// From the end of writing a file to the event that another client gets.
    fn edits(&self) -> Row {
        let mut runs = Runs::default();
        for round in 0..self.vigil.rounds {
            let file = round * 7 % self.vigil.files;
            let path = format!("/edited-{file}");
            let took = self.runtime.block_on(async {
                let (_, _, watcher) = self.client.get_and_watch_data(&path).await.expect("a node");
                write_file(&self.folder, self.vigil, file, round + 1);
                let start = Instant::now();
                let changed = tokio::time::timeout(PATIENCE, watcher.changed()).await;
                changed.expect("the new value");
                start.elapsed()
            });
            runs.add(took.saturating_sub(DEBOUNCE));
            std::thread::sleep(Duration::from_millis(300));
        }
        limit(
            "edit to value, less debounce",
            Unit::Seconds,
            EDIT,
            runs.figure(),
        )
    }

    /// From the answer to a foreign write to the event of its repair.
    fn repairs(&self) -> Row {
        let mut runs = Runs::default();
        for round in 0..self.vigil.rounds * 4 {
            let path = format!("/edited-{}", round % self.vigil.files);
            let took = self.runtime.block_on(async {
                let data = format!("{{\"value\":\"foreign {round}\"}}");
                let set = self.client.set_data(&path, data.as_bytes(), None);
                let start = Instant::now();
                set.await.expect("a node");
                loop {
                    let asked = self.client.get_data(&path).await;
                    if asked.expect("a node").0 != data.as_bytes() {
                        return start.elapsed();
                    }
                    assert!(start.elapsed() < PATIENCE, "it is not repaired");
                }
            });
            runs.add(took);
            std::thread::sleep(Duration::from_millis(50));
        }
        limit(
            "foreign write to repair",
            Unit::Seconds,
            0.020,
            runs.figure(),
        )
    }

    /// What it takes when nothing happens.
    fn idle(&self) -> Vec<Row> {
        std::thread::sleep(Duration::from_secs(1));
        let lasts = self.vigil.lasts;
        let (cpu, packets) = (self.watch.cpu(), self.packets());
        std::thread::sleep(lasts);
        // So that a figure of none has a ratio.
        let cpu = (self.watch.cpu() - cpu).max(1e-4) / lasts.as_secs_f64();
        let packets = (self.packets() - packets).max(1e-4);
        // A ping every third of the session's timeout at the most, and one begun.
        let pings = (lasts.as_secs_f64() / 5.0).ceil() + 1.0;
        vec![
            limit(
                "idle: CPU a second",
                Unit::Seconds,
                0.01,
                Figure::computed(cpu),
            ),
            limit(
                "idle: requests (pings)",
                Unit::Count,
                pings,
                Figure::computed(packets),
            ),
        ]
    }

    /// How many packets the server has had from all its connections but that of this question and
    /// the bench's own.
    fn packets(&self) -> f64 {
        let id = format!("sid={}", self.client.session_id());
        let connections = four_letters(self.lab.server.port(), "cons").expect("an answer");
        let others = connections
            .lines()
            .filter(|line| line.contains("sid=") && !line.contains(&id));
        let received = |line: &str| -> f64 {
            let rest = line.split("recved=").nth(1).unwrap_or("0");
            rest.split(',').next().unwrap_or("0").parse().unwrap_or(0.0)
        };
        others.map(received).sum()
    }

    /// Many foreign writes, all of which are repaired.
    fn storm(&self, subject: &Subject) -> Vec<Row> {
        let paths: Vec<&str> = subject
            .nodes
            .iter()
            .map(|node| node.path.as_str())
            .collect();
        let cpu = self.watch.cpu();
        let mut early = 0.0_f64;
        let start = Instant::now();
        self.runtime.block_on(async {
            let mut tick = tokio::time::interval(Duration::from_millis(10));
            let mut next = 0;
            while start.elapsed() < self.vigil.lasts {
                tick.tick().await;
                let mut pending = Vec::new();
                for _ in 0..self.vigil.rate / 100 {
                    next = (next + 7919) % paths.len();
                    pending.push(self.client.set_data(paths[next], b"{\"foreign\":1}", None));
                }
                for write in pending {
                    write.await.expect("a declared node");
                }
                if early == 0.0 && start.elapsed() > self.vigil.lasts / 4 {
                    early = self.watch.memory();
                }
            }
        });
        let cpu = (self.watch.cpu() - cpu) / start.elapsed().as_secs_f64();
        let late = self.watch.memory();
        let start = Instant::now();
        self.runtime.block_on(async {
            for path in &paths {
                while self.client.get_data(path).await.expect("a node").0 == b"{\"foreign\":1}" {
                    assert!(start.elapsed() < PATIENCE, "{path} is not repaired");
                }
            }
        });
        let rate = self.vigil.rate;
        let memory = Row {
            what: format!("{rate} writes/s: memory, later"),
            unit: Unit::Bytes,
            against: Figure::computed(early),
            zkt: Figure::computed(late),
            goal: Goal::AtMost(1.1),
        };
        let cpu = limit(
            &format!("{rate} writes/s: CPU a second"),
            Unit::Seconds,
            1.0,
            Figure::computed(cpu),
        );
        vec![memory, cpu]
    }
}
