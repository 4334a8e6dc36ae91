//! From files and layers to one declared tree, or to all that is wrong with them.

pub mod files;

pub mod lower;

pub mod layers;

pub mod halves;
