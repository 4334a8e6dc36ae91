//! Trees as text, the same bytes for the same arguments.

use std::fmt::Write as _;

/// A tree of services as they are found in practice: sites with services, which have hosts,
/// replicas or settings; types, links and property links whose targets exist, some text beyond
/// ASCII. It has exactly `count` nodes, with about 120 bytes of data each; the names of its
/// topmost nodes start with `top`.
pub(crate) fn mixed(count: usize, top: &str, seed: u64) -> String {
    let mut writer = Writer {
        text: String::new(),
        left: count,
        dice: Dice(seed),
        services: Vec::new(),
        pools: Vec::new(),
    };
    for number in 0.. {
        if writer.left == 0 {
            break;
        }
        writer.site(&format!("{top}-{number:04}"));
    }
    writer.text
}

const ROLES: [&str; 6] = ["web", "cache", "queue", "search", "ledger", "mail"];
const TYPES: [&str; 6] = [
    "http service",
    "cache 2.1",
    "queue",
    "search index",
    "accounts",
    "mail relay",
];
const CITIES: [&str; 6] = ["Köln", "Zürich", "Lyon", "東京", "Łódź", "Turku"];

struct Writer {
    text: String,
    /// How many nodes are still to be written.
    left: usize,
    dice: Dice,
    /// The paths of nodes with a property `threads`.
    services: Vec<String>,
    /// The paths of nodes whose children are hosts.
    pools: Vec<String>,
}

impl Writer {
    /// A node, unless there are enough.
    fn node(&mut self, depth: usize, name: &str, kind: Option<&str>) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        let indent = "  ".repeat(depth);
        _ = match kind {
            Some(kind) => writeln!(self.text, "{indent}/{name} : {kind}"),
            None => writeln!(self.text, "{indent}/{name}"),
        };
        true
    }

    fn line(&mut self, depth: usize, line: &str) {
        _ = writeln!(self.text, "{}{line}", "  ".repeat(depth + 1));
    }

    fn site(&mut self, name: &str) {
        if !self.node(0, name, Some("site")) {
            return;
        }
        let (city, word) = (self.dice.pick(&CITIES), self.dice.word(8));
        self.line(0, &format!("city = '{city}'"));
        self.line(0, &format!("contact = 'on-call-{word}@example.com'"));
        self.line(0, "# what runs here");
        for number in 0..8 + self.dice.below(8) {
            let role = self.dice.below(ROLES.len());
            let own = format!("{}-{number:02}", ROLES[role]);
            self.service(&format!("/{name}/{own}"), &own, TYPES[role]);
        }
    }

    fn service(&mut self, path: &str, name: &str, kind: &str) {
        let kind = (self.dice.below(4) > 0).then_some(kind);
        if !self.node(1, name, kind) {
            return;
        }
        let (threads, port) = (1 + self.dice.below(64), 1024 + self.dice.below(60_000));
        self.line(1, &format!("threads = {threads}"));
        let host = self.dice.word(7);
        self.line(1, &format!("address = '{host}.example.com:{port}'"));
        let (size, mode) = (self.dice.below(1_000_000), self.dice.word(5));
        self.line(
            1,
            &format!("limits = {{'bytes': {size}, 'mode': '{mode}'}}"),
        );
        let (city, note) = (self.dice.pick(&CITIES), self.dice.word(12));
        self.line(1, &format!("note = \"it's for {city}, {note}\""));
        if self.dice.below(2) == 0 && !self.pools.is_empty() {
            let pool = self.dice.pick(&self.pools).clone();
            self.line(1, &format!("backend -> {pool}"));
        }
        if self.dice.below(2) == 0 && !self.services.is_empty() {
            let other = self.dice.pick(&self.services).clone();
            self.line(1, &format!("workers => {other} threads"));
        }
        self.services.push(path.to_owned());
        match self.dice.below(4) {
            0 | 1 => self.hosts(path),
            2 => self.replicas(),
            _ => self.settings(),
        }
    }

    fn hosts(&mut self, service: &str) {
        if !self.node(2, "hosts", None) {
            return;
        }
        self.pools.push(format!("{service}/hosts"));
        for number in 0..10 + self.dice.below(40) {
            let name = format!("h{number:03}-{}", self.dice.word(6));
            if !self.node(3, &name, None) {
                return;
            }
            self.host(3);
        }
    }

    fn host(&mut self, depth: usize) {
        let address: Vec<String> = (0..3).map(|_| self.dice.below(256).to_string()).collect();
        let (address, port) = (address.join("."), 8000 + self.dice.below(1000));
        self.line(depth, &format!("address = '10.{address}:{port}'"));
        let (major, minor) = (self.dice.below(9), self.dice.below(100));
        self.line(depth, &format!("version = '{major}.{minor}'"));
        let weight = self.dice.below(1000);
        self.line(
            depth,
            &format!("weight = {}.{}", weight / 100, weight % 100),
        );
        let tags = (self.dice.word(6), self.dice.word(5), self.dice.below(100));
        self.line(
            depth,
            &format!("tags = ['{}', '{}', {}]", tags.0, tags.1, tags.2),
        );
        let enabled = self.dice.pick(&["true", "True", "False"]);
        self.line(depth, &format!("enabled = {enabled}"));
    }

    /// Replicas one below the other, each of which names the one that it follows.
    fn replicas(&mut self) {
        for (level, name) in ["primary", "standby", "witness"].iter().enumerate() {
            if !self.node(2 + level, name, None) {
                return;
            }
            self.host(2 + level);
            if level > 0 {
                self.line(2 + level, "follows -> ..");
                self.line(2 + level, "version_above => .. version");
            }
        }
    }

    fn settings(&mut self) {
        if !self.node(2, "settings", None) {
            return;
        }
        for name in ["timeouts", "größen", "flags"] {
            if !self.node(3, name, Some("settings")) {
                return;
            }
            for _ in 0..4 {
                let (name, value) = (self.dice.word(6), self.dice.below(100_000));
                self.line(3, &format!("x_{name} = {value}"));
            }
            let text = (self.dice.word(9), self.dice.word(20));
            self.line(3, &format!("text = '{} \\u2192 {}'", text.0, text.1));
        }
    }
}

/// Numbers that look as if they were thrown, always the same ones (the generator SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % bound as u64) as usize
    }

    fn pick<'a, T>(&mut self, items: &'a [T]) -> &'a T {
        &items[self.below(items.len())]
    }

    fn word(&mut self, length: usize) -> String {
        const LETTERS: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789";
        (0..length)
            .map(|_| char::from(*self.pick(LETTERS)))
            .collect()
    }
}
