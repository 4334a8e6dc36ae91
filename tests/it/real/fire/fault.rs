//! What befalls an ensemble.

use crate::dice::Dice;
use crate::real::quorum::{Gate, Quorum};
use crate::relay::{Mode, Relay};

/// What befalls it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    LeaderKilled,
    FollowerKilled,
    /// The leader last.
    AllRestarted,
    /// No client reaches a server.
    ClientsCut,
    /// Nothing that clients send or are sent arrives.
    ClientsUnheard,
    /// The leader and the others do not reach each other.
    LeaderCut,
    /// What the leader and the others send each other does not arrive.
    LeaderUnheard,
    FollowerCut,
    FollowerUnheard,
    LeaderDiskFull,
    FollowerDiskFull,
}

impl Fault {
    pub(super) const ALL: [Self; 11] = [
        Self::LeaderKilled,
        Self::ClientsCut,
        Self::LeaderDiskFull,
        Self::FollowerCut,
        Self::AllRestarted,
        Self::LeaderCut,
        Self::ClientsUnheard,
        Self::FollowerKilled,
        Self::LeaderUnheard,
        Self::FollowerDiskFull,
        Self::FollowerUnheard,
    ];

    /// Whether a server notices by itself, and serves nobody from then on; full disks, once there is a write.
    fn is_shown_by_its_server(self) -> bool {
        !self.is_total() && self != Self::AllRestarted
    }

    /// Whether clients are without any server for as long as it lasts.
    pub(super) fn is_total(self) -> bool {
        matches!(self, Self::ClientsCut | Self::ClientsUnheard)
    }
}

/// A fault that has begun.
pub(super) struct Struck {
    fault: Fault,
    server: usize,
}

impl Struck {
    /// Lets the fault begin. What the relays in front of the servers held back goes on.
    pub(super) fn now(
        fault: Fault,
        quorum: &mut Quorum,
        relays: &[Relay],
        dice: &mut Dice,
    ) -> Self {
        let leader = quorum.leader();
        let followers: Vec<_> = (0..relays.len()).filter(|one| *one != leader).collect();
        let follower = dice.pick(&followers);
        let all = |mode| relays.iter().for_each(|relay| relay.set(mode));
        let mut server = follower;
        match fault {
            Fault::LeaderKilled => {
                server = leader;
                quorum.kill(leader);
            }
            Fault::FollowerKilled => quorum.kill(follower),
            Fault::AllRestarted => {
                all(Mode::Forward);
                let others = followers.iter().chain([&leader]);
                for index in others {
                    quorum.kill(*index);
                    quorum.restart(*index);
                    quorum.becomes_whole();
                }
            }
            Fault::ClientsCut => {
                all(Mode::Refuse);
                relays.iter().for_each(Relay::cut);
                return Self { fault, server };
            }
            Fault::ClientsUnheard => {
                all(Mode::Stall);
                return Self { fault, server };
            }
            Fault::LeaderCut | Fault::LeaderUnheard => server = leader,
            Fault::FollowerCut | Fault::FollowerUnheard => {}
            Fault::LeaderDiskFull => {
                server = leader;
                quorum.fill_disk(leader);
            }
            Fault::FollowerDiskFull => quorum.fill_disk(follower),
        }
        match fault {
            Fault::LeaderCut | Fault::FollowerCut => quorum.set_apart(server, Gate::Shut),
            Fault::LeaderUnheard | Fault::FollowerUnheard => {
                quorum.set_apart(server, Gate::Silent);
            }
            _ => {}
        }
        all(Mode::Forward);
        Self { fault, server }
    }

    /// Ends the fault once it has shown, and waits until all servers serve.
    pub(super) fn mend(self, quorum: &mut Quorum, relays: &[Relay]) {
        if self.fault.is_shown_by_its_server() {
            quorum.becomes(self.server, None);
        }
        match self.fault {
            Fault::LeaderKilled | Fault::FollowerKilled => quorum.restart(self.server),
            Fault::AllRestarted => {}
            Fault::ClientsCut | Fault::ClientsUnheard => {
                relays.iter().for_each(|relay| relay.set(Mode::Forward));
            }
            Fault::LeaderCut
            | Fault::FollowerCut
            | Fault::LeaderUnheard
            | Fault::FollowerUnheard => quorum.set_apart(self.server, Gate::Open),
            Fault::LeaderDiskFull | Fault::FollowerDiskFull => quorum.free_disk(self.server),
        }
        quorum.becomes_whole();
    }
}
