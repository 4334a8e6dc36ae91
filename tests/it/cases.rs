//! Cases that went wrong once; the inputs of each are in `fixtures/cases`.

mod acl_closes_parent;
mod discover_env_too_big;
mod empty_bytes;
mod ephemeral_marks;
mod export_acl_masked;
mod export_is_a_copy;
mod invisible;
mod node_larger_than_1mb;
mod reads_outside;
mod secret_in_diagnostics;
mod text_nodes;
mod two_watchers;
mod zczk_export_plink;
mod zero_length_file;
mod zookeeper_below_a_chroot;
