//! From two trees to a plan: pure and total.

pub mod alike;

pub mod owned;

pub mod scope;

pub mod lint;

pub mod planner;

pub mod links;

pub mod saved;
