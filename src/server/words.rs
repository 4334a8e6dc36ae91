//! ZooKeeper's four-letter words: `ruok`, `srvr`, `mntr` and some others.

use std::fmt::{self, Write as _};

use super::dialect::Difference;
use super::state::{Client, State};
use super::watches::ConnectionId;

/// The version that the server reports: the protocol that it speaks, and that it is not ZooKeeper.
const VERSION: &str = concat!(
    "3.8.0-zkt-",
    env!("CARGO_PKG_VERSION"),
    ", built on 2022-02-25 00:00 UTC"
);

/// Answers a connection that starts with one of the words, and ends it. Returns whether it did.
pub(crate) fn answer(state: &mut State, id: ConnectionId, bytes: &[u8]) -> bool {
    let Some(word) = bytes.first_chunk::<4>() else {
        return false;
    };
    let mut text = String::new();
    let written = match word {
        b"ruok" => text.write_str("imok"),
        b"isro" => text.write_str(match state.faults.is_read_only {
            true => "ro",
            false => "rw",
        }),
        b"srvr" => server(state, false, &mut text),
        b"stat" => server(state, true, &mut text),
        b"mntr" => monitor(state, &mut text),
        b"cons" => connections(state, true, &mut text),
        b"envi" => write!(text, "Environment:\nzookeeper.version={VERSION}\n"),
        _ => return false,
    };
    debug_assert!(written.is_ok());
    state.counts.received += 1;
    if let Some(connection) = state.connections.get_mut(&id) {
        connection.outbox.bytes().extend(text.bytes());
        connection.outbox.closing = true;
    }
    true
}

fn server(state: &State, with_clients: bool, out: &mut String) -> fmt::Result {
    let name = match state.dialect.has(Difference::OwnName) {
        true => "ClickHouse Keeper",
        false => "Zookeeper",
    };
    writeln!(out, "{name} version: {VERSION}")?;
    if with_clients {
        writeln!(out, "Clients:")?;
        connections(state, false, out)?;
    }
    writeln!(out, "Latency min/avg/max: 0/0.0/0")?;
    writeln!(out, "Received: {}", state.counts.received)?;
    writeln!(out, "Sent: {}", state.counts.sent)?;
    writeln!(out, "Connections: {}", state.connections.len())?;
    writeln!(out, "Outstanding: 0")?;
    writeln!(out, "Zxid: 0x{:x}", state.zxids.processed)?;
    writeln!(out, "Mode: {}", mode(state))?;
    writeln!(out, "Node count: {}", state.tree.node_count())
}

fn mode(state: &State) -> &'static str {
    match state.faults.is_read_only {
        true => "read-only",
        false => "standalone",
    }
}

fn connections(state: &State, with_sessions: bool, out: &mut String) -> fmt::Result {
    let mut ids: Vec<_> = state.connections.keys().copied().collect();
    ids.sort_unstable();
    for connection in ids.iter().filter_map(|id| state.connections.get(id)) {
        let Client {
            peer,
            session,
            timeout,
            received,
            sent,
            ..
        } = connection;
        write!(out, " /{peer}[1](queued=0,recved={received},sent={sent}")?;
        if let (Some(session), true) = (session, with_sessions) {
            write!(out, ",sid=0x{session:x},to={timeout}")?;
        }
        writeln!(out, ")")?;
    }
    writeln!(out)
}

fn monitor(state: &State, out: &mut String) -> fmt::Result {
    let mut put = |key: &str, value: &dyn fmt::Display| writeln!(out, "zk_{key}\t{value}");
    put("version", &VERSION)?;
    put("server_state", &mode(state))?;
    put("ephemerals_count", &state.tree.ephemeral_count())?;
    put("num_alive_connections", &state.connections.len())?;
    put("avg_latency", &"0.0")?;
    put("outstanding_requests", &0)?;
    put("znode_count", &state.tree.node_count())?;
    put("global_sessions", &state.sessions.len())?;
    put("packets_sent", &state.counts.sent)?;
    put("packets_received", &state.counts.received)?;
    put("connection_drop_probability", &"0.0")?;
    put("watch_count", &state.watches.len())?;
    put("min_latency", &0)?;
    put("max_latency", &0)?;
    put("approximate_data_size", &state.tree.data_size())?;
    put("local_sessions", &0)?;
    put("uptime", &state.uptime())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn ask(word: &[u8]) -> Option<String> {
        let mut state = State::new(2000, (4000, 40_000));
        let id = state.connect("127.0.0.1:4321".parse().unwrap(), Arc::default());
        if !answer(&mut state, id, word) {
            return None;
        }
        let outbox = &mut state.connections.get_mut(&id).unwrap().outbox;
        assert!(outbox.closing);
        Some(String::from_utf8(outbox.bytes().clone()).unwrap())
    }

    #[test]
    fn words_are_answered_as_zookeeper_answers() {
        assert_eq!(ask(b"ruok\n").unwrap(), "imok");
        let server = ask(b"srvr").unwrap();
        let lines: Vec<&str> = server.lines().collect();
        assert!(
            lines[0].starts_with("Zookeeper version: 3.8.0-zkt-"),
            "{server}"
        );
        assert_eq!(
            lines[1..],
            [
                "Latency min/avg/max: 0/0.0/0",
                "Received: 0",
                "Sent: 0",
                "Connections: 1",
                "Outstanding: 0",
                "Zxid: 0x0",
                "Mode: standalone",
                "Node count: 5",
            ]
        );
        let monitor = ask(b"mntr").unwrap();
        for line in [
            "zk_server_state\tstandalone",
            "zk_znode_count\t5",
            "zk_approximate_data_size\t44",
        ] {
            assert!(monitor.lines().any(|l| l == line), "{line}: {monitor}");
        }
        let stat = ask(b"stat").unwrap();
        assert!(
            stat.contains("\n /127.0.0.1:4321[1](queued=0,recved=0,sent=0)\n\n"),
            "{stat}"
        );
    }

    #[test]
    fn what_is_no_word_is_a_length() {
        for bytes in [&b"ruo"[..], b"\0\0\0\x2d", b"xxxx", b""] {
            assert_eq!(ask(bytes), None);
        }
    }
}
