//! Compiles the interfaces without `protoc`, and refuses a method that does not say who may call it.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost_reflect::{DescriptorPool, MethodDescriptor, Value};
use protox::Compiler;

const ACCESS: &str = "sharedspaces.options.v1.access";
const CALLERS: &str = "sharedspaces.options.v1.callers";

#[expect(clippy::disallowed_methods, reason = "Cargo tells a build script where to write by a variable")]
fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../proto");
    println!("cargo:rerun-if-changed={}", root.display());
    let out = PathBuf::from(env::var("OUT_DIR")?);

    let mut files = Vec::new();
    collect(&root, &mut files)?;
    files.sort();
    let mut compiler = Compiler::new([&root])?;
    compiler.include_imports(true).include_source_info(true).open_files(&files)?;
    // Encoded by protox: a round trip through prost would drop the options this project is built on.
    let encoded = compiler.encode_file_descriptor_set();
    fs::write(out.join("descriptor_set.bin"), &encoded)?;
    let pool = DescriptorPool::decode(encoded.as_slice())?;
    fs::write(out.join("access.rs"), access_table(&pool)?)?;

    // Messages know their full name, which is what an event's `type` property says.
    let mut config = tonic_prost_build::Config::new();
    config.enable_type_names().bytes([".sharedspaces.assets"]);
    tonic_prost_build::configure().compile_fds_with_config(compiler.file_descriptor_set(), config)?;
    fs::write(out.join("modules.rs"), modules(&out)?)?;
    Ok(())
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

/// Writes the table that the access layer enforces; a method without the option fails the build here.
fn access_table(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let mut rows = Vec::new();
    for service in pool.services().filter(|service| service.package_name().starts_with("sharedspaces.")) {
        for method in service.methods() {
            rows.push(access_row(pool, service.full_name(), &method)?);
        }
    }
    rows.sort();
    Ok(format!("pub(crate) static RULES: &[MethodRule] = &[\n{}];\n", rows.concat()))
}

fn access_row(
    pool: &DescriptorPool,
    service: &str,
    method: &MethodDescriptor,
) -> Result<String, Box<dyn Error>> {
    let options = method.options();
    let access = pool.get_extension_by_name(ACCESS).ok_or("the access option is not declared")?;
    let callers = pool.get_extension_by_name(CALLERS).ok_or("the callers option is not declared")?;
    let path = format!("/{service}/{}", method.name());
    let number = match options.get_extension(&access).as_ref() {
        Value::EnumNumber(number) => *number,
        _ => 0,
    };
    let callers: Vec<String> = match options.get_extension(&callers).as_ref() {
        Value::List(list) => list.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect(),
        _ => Vec::new(),
    };
    let name = match number {
        1 => "Public",
        2 => "Participant",
        3 => "Member",
        4 => "Admin",
        5 => "Service",
        6 => "Visitor",
        _ => return Err(format!("{path} has no ({ACCESS})").into()),
    };
    if (name == "Service") == callers.is_empty() {
        return Err(format!("{path}: ({CALLERS}) goes with ACCESS_SERVICE, and only with it").into());
    }
    let is_streaming = method.is_client_streaming() || method.is_server_streaming();
    Ok(format!(
        "    MethodRule {{ path: {path:?}, access: Access::{name}, callers: &{callers:?}, is_streaming: {is_streaming} }},\n"
    ))
}

/// Nests the generated files as their packages are nested.
fn modules(out: &Path) -> Result<String, Box<dyn Error>> {
    let mut packages: Vec<String> = fs::read_dir(out)?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| Some(name.strip_suffix(".rs")?.to_owned()))
        .filter(|name| name.starts_with("sharedspaces."))
        .collect();
    packages.sort();
    let mut tree = Module::default();
    for package in &packages {
        let mut node = &mut tree;
        for part in package.split('.').skip(1) {
            node = node.children.entry(part.to_owned()).or_default();
        }
        node.package = Some(package.clone());
    }
    Ok(tree.render())
}

#[derive(Default)]
struct Module {
    package: Option<String>,
    children: std::collections::BTreeMap<String, Module>,
}

impl Module {
    fn render(&self) -> String {
        let mut text = String::new();
        if let Some(package) = &self.package {
            text.push_str(&format!("include!(concat!(env!(\"OUT_DIR\"), \"/{package}.rs\"));\n"));
        }
        for (name, child) in &self.children {
            text.push_str(&format!("pub mod {name} {{\n{}}}\n", child.render()));
        }
        text
    }
}
