//! The guide: what zkt does, chapter by chapter.
//!
//! The chapters are files in `src/guide/`, where they can be read as well.

// The first definition of a link holds, so that here links lead to chapters, and in a file to files.
macro_rules! chapters {
    ($($name:ident, $file:literal;)*) => {
        $(
            #[doc = "[adopting]: crate::guide::adopting"]
            #[doc = "[costs]: crate::guide::costs"]
            #[doc = "[drift]: crate::guide::drift"]
            #[doc = "[language]: crate::guide::language"]
            #[doc = "[lints]: crate::guide::lints"]
            #[doc = "[policies]: crate::guide::policies"]
            #[doc = "[reference]: crate::guide::reference"]
            #[doc = "[repository]: crate::guide::repository"]
            #[doc = "[review]: crate::guide::review"]
            #[doc = "[services]: crate::guide::services"]
            #[doc = "[tests]: crate::guide::server_for_tests"]
            #[doc = "[watch]: crate::guide::watch"]
            #[doc = ""]
            #[doc = include_str!(concat!("guide/", $file))]
            pub mod $name {}
        )*
    };
}

chapters! {
    first_tree, "first-tree.md";
    adopting, "adopting.md";
    repository, "repository.md";
    language, "language.md";
    review, "review.md";
    lints, "lints.md";
    policies, "policies.md";
    watch, "watch.md";
    drift, "drift.md";
    services, "services.md";
    server_for_tests, "server-for-tests.md";
    from_zczk, "from-zczk.md";
    reference, "reference.md";
    costs, "costs.md";
    building, "building.md";
}
