//! The embedded server, as clients and tests see it.

mod clients;
mod faults;
mod limits;
mod protocol;
mod raw;
