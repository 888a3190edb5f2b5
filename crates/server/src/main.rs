use std::process::ExitCode;

fn main() -> ExitCode {
    // One TLS provider for everything in the process, chosen here and nowhere else; the second
    // installation that could fail does not exist.
    let _ = rustls::crypto::ring::default_provider().install_default();
    firedog_server::cli::main()
}
