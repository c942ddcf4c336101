//! The rooms of the source and who may see whom: the picture in `src/lib.rs`, kept.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test that goes wrong fails"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use syn::visit::{self, Visit};

/// What everyone may use.
const COMMON: [&str; 7] = ["units", "types", "error", "alloc", "try_lock", "attachment", "creator"];

/// Each room and what it may use besides the common ones. `units`, `types` and `error` are below
/// all others; `error` carries what `sys` found out, so it knows its plain data.
const ROOMS: [(&str, &[&str]); 21] = [
    ("ffi", &["store", "fault", "memory", "engine", "image", "plan", "sys"]),
    ("fault", &["memory", "directory", "sys"]),
    ("store", &["memory", "engine", "census", "image", "sys"]),
    ("memory", &["engine", "image", "region", "plan", "wait", "racy", "directory", "sys"]),
    ("wait", &["sys"]),
    ("racy", &[]),
    ("engine", &["pool", "image", "region", "census", "plan", "sys"]),
    ("pool", &["image", "region", "census", "plan", "sys"]),
    ("region", &["image", "census", "plan", "directory", "sys"]),
    ("census", &[]),
    ("image", &["sys"]),
    ("plan", &["sys"]),
    ("error", &["sys"]),
    ("directory", &["sys"]),
    ("creator", &[]),
    ("attachment", &[]),
    ("alloc", &[]),
    ("try_lock", &[]),
    ("types", &[]),
    ("units", &[]),
    ("sys", &[]),
];

/// Rooms that compute and decide: no unsafe code in them.
const PURE: [&str; 7] = ["units", "types", "plan", "error", "engine", "pool", "census"];

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The files of a room: `room.rs`, or all of the folder `room`.
fn files(room: &str) -> Vec<PathBuf> {
    let file = source().join(format!("{room}.rs"));
    if file.exists() {
        return vec![file];
    }
    let folder = fs::read_dir(source().join(room)).unwrap_or_else(|_| panic!("no room {room}"));
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|kind| kind == "rs");
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).filter(is_rust).collect();
    // Tests may look at everything, also those in files of their own.
    let root = source().join(room).join("mod.rs");
    for item in syn::parse_file(&fs::read_to_string(&root).unwrap()).unwrap().items {
        if let syn::Item::Mod(module) = item
            && is_test(&module.attrs)
        {
            let file = root.with_file_name(format!("{}.rs", module.ident));
            files.retain(|other| *other != file);
        }
    }
    files
}

/// First segments of paths that start at the crate, and of paths into other crates.
#[derive(Default)]
struct Paths {
    rooms: BTreeSet<String>,
    foreign: BTreeSet<String>,
    exports: usize,
}

impl Paths {
    fn see(&mut self, segments: &[String]) {
        match segments {
            [first, second, ..] if first == "crate" => _ = self.rooms.insert(second.clone()),
            [first, ..] => _ = self.foreign.insert(first.clone()),
            [] => {}
        }
    }

    fn tree(&mut self, prefix: &[String], tree: &syn::UseTree) {
        let with = |name: String| [prefix, &[name]].concat();
        match tree {
            syn::UseTree::Path(path) => self.tree(&with(path.ident.to_string()), &path.tree),
            syn::UseTree::Group(group) => {
                group.items.iter().for_each(|item| self.tree(prefix, item));
            }
            syn::UseTree::Name(name) => self.see(&with(name.ident.to_string())),
            syn::UseTree::Rename(rename) => self.see(&with(rename.ident.to_string())),
            syn::UseTree::Glob(_) => self.see(&with("*".to_owned())),
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute.parse_args::<syn::Ident>().is_ok_and(|condition| condition == "test")
    })
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.tree(&[], &item.tree);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|part| part.ident.to_string()).collect();
        self.see(&segments);
        visit::visit_path(self, path);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if let syn::Meta::List(list) = &attribute.meta
            && list.tokens.to_string() == "no_mangle"
        {
            self.exports += 1;
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        // Tests may look at everything.
        if !is_test(&module.attrs) {
            visit::visit_item_mod(self, module);
        }
    }
}

fn paths(file: &Path) -> Paths {
    let text = fs::read_to_string(file).unwrap();
    let mut paths = Paths::default();
    paths.visit_file(&syn::parse_file(&text).unwrap());
    paths
}

#[test]
fn every_room_is_in_the_picture() {
    let named: BTreeSet<_> = ROOMS.iter().map(|(room, _)| (*room).to_owned()).collect();
    let found: BTreeSet<_> = fs::read_dir(source())
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "lib")
        .collect();
    assert_eq!(named, found);
}

#[test]
fn data_flows_one_way() {
    for (room, others) in ROOMS {
        for file in files(room) {
            for used in paths(&file).rooms {
                let allowed = used == room
                    || COMMON.contains(&used.as_str())
                    || others.contains(&used.as_str());
                assert!(allowed, "{} uses {used}, which {room} must not see", file.display());
            }
        }
    }
}

#[test]
fn only_sys_knows_the_operating_system() {
    for (room, _) in ROOMS.iter().filter(|(room, _)| *room != "sys") {
        for file in files(room) {
            let text = fs::read_to_string(&file).unwrap();
            for bindings in ["libc", "windows_sys"] {
                let is_used = paths(&file).foreign.contains(bindings);
                assert!(!is_used, "{} uses {bindings}", file.display());
            }
            for condition in ["target_os", "cfg(unix", "cfg(windows"] {
                assert!(!text.contains(condition), "{} asks for {condition}", file.display());
            }
        }
    }
}

#[test]
fn only_ffi_exports_symbols() {
    for (room, _) in ROOMS {
        let exports: usize = files(room).iter().map(|file| paths(file).exports).sum();
        assert_eq!(exports > 0, room == "ffi", "{exports} exports in {room}");
    }
}

#[test]
fn pure_rooms_forbid_unsafe_code() {
    for room in PURE {
        for file in files(room) {
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains("#![forbid(unsafe_code)]"), "{}", file.display());
        }
    }
}

/// An exported name may belong to another runtime in the process, so nothing in here calls one.
#[test]
fn no_exported_function_is_called_from_within() {
    let mut sources = Vec::new();
    for (room, _) in ROOMS {
        for file in files(room) {
            sources
                .push((file.clone(), syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap()));
        }
    }
    struct Calls(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Calls {
        fn visit_expr_path(&mut self, path: &'ast syn::ExprPath) {
            self.0.insert(path.path.segments.last().unwrap().ident.to_string());
        }
        fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
            if !is_test(&module.attrs) {
                visit::visit_item_mod(self, module);
            }
        }
    }
    struct Exports(BTreeSet<String>);
    impl<'ast> Visit<'ast> for Exports {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            let is_exported = |attribute: &syn::Attribute| matches!(&attribute.meta, syn::Meta::List(list) if list.tokens.to_string() == "no_mangle");
            if function.attrs.iter().any(is_exported) {
                self.0.insert(function.sig.ident.to_string());
            }
        }
    }
    let mut exports = Exports(BTreeSet::new());
    sources.iter().for_each(|(_, file)| exports.visit_file(file));
    assert!(exports.0.len() > 60);
    for (name, file) in &sources {
        let mut calls = Calls(BTreeSet::new());
        calls.visit_file(file);
        let own: Vec<_> = calls.0.intersection(&exports.0).collect();
        assert!(own.is_empty(), "{} uses {own:?}", name.display());
    }
}
