//! Embeds `catalog/*.toml`, so that adding a specification is adding one file.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=catalog");
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let mut files: Vec<_> = fs::read_dir(Path::new(&root).join("catalog"))
        .expect("catalog/ is part of the package")
        .map(|entry| entry.expect("catalog/ can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "toml"))
        .collect();
    files.sort();
    let mut code = String::from("/// The embedded catalog files: name and text.\nconst FILES: &[(&str, &str)] = &[\n");
    for file in files {
        println!("cargo::rerun-if-changed={}", file.display());
        let name = file.file_name().expect("a file has a name").to_string_lossy().into_owned();
        writeln!(code, "    ({name:?}, include_str!({:?})),", file.display().to_string()).expect("writing to a string");
    }
    code.push_str("];\n");
    fs::write(Path::new(&out).join("catalog_files.rs"), code).expect("OUT_DIR is writable");
}
