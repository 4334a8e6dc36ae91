//! `zkt.toml`: what a command's options are where neither the command line nor the environment says it.

mod choice;
mod file;
mod find;
mod key;
mod layers;
mod origin;
mod setting;
mod way;
mod wrong;

pub(crate) use choice::{Config, without_layers};
pub(crate) use origin::Origin;
pub(crate) use setting::{Setting, Shown};
