//! Data, and the algebra on it: paths, values, ACLs, nodes, trees, plans.

pub mod path;

pub mod value;

pub mod acl;

pub mod node;

pub mod secrets;

pub mod tree;

pub mod lint;

pub mod plan;

pub mod request;

pub mod record;
