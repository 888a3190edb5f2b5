//! The app is built by npm (`make app`), never from here, so that work on Rust needs no Node. Without it the server embeds
//! an empty folder and says how to build it.

fn main() -> std::io::Result<()> {
    std::fs::create_dir_all("../../web/dist")?;
    println!("cargo:rerun-if-changed=../../web/dist");
    println!("cargo:rerun-if-changed=build.rs");
    Ok(())
}
