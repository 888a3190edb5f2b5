//! A private PostgreSQL for tests: one cluster per test binary in a temporary directory, a new database
//! per test, nothing left behind however the tests end. Included with `#[path]` by the crates that need it.
//!
//! `FIREDOG_TEST_PG` (an address like `postgres://user@host:5432/postgres`) uses a server that runs
//! already instead; its user must be allowed to create databases.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// An empty database of its own.
pub struct Database {
    pub url: String,
    server: Option<Arc<Cluster>>,
}

#[allow(dead_code, reason = "not every test binary needs all of it")]
impl Database {
    /// On the binary's own server, which the first caller starts.
    ///
    /// # Panics
    /// Without PostgreSQL, naming the command that installs it.
    pub fn new() -> Self {
        static SHARED: OnceLock<Arc<Cluster>> = OnceLock::new();
        match std::env::var("FIREDOG_TEST_PG") {
            Ok(url) => {
                let name = name();
                run(Command::new(bin_dir().join("psql")).arg(&url).args(["-qc", &format!("CREATE DATABASE {name}")]));
                let (server, _) = url.rsplit_once('/').expect("FIREDOG_TEST_PG names a database");
                Self { url: format!("{server}/{name}"), server: None }
            }
            Err(_) => Self::on(Arc::clone(SHARED.get_or_init(|| Arc::new(Cluster::start())))),
        }
    }

    /// On a server of its own, that the test may stop; it is gone when this is dropped.
    pub fn alone() -> Self {
        Self::on(Arc::new(Cluster::start()))
    }

    fn on(server: Arc<Cluster>) -> Self {
        let name = name();
        server.sql(&format!("CREATE DATABASE {name}"));
        Self { url: format!("postgres://firedog@127.0.0.1:{}/{name}", server.port), server: Some(server) }
    }

    /// Stops the server as a crash would.
    pub fn stop(&self) {
        let server = self.server.as_ref().expect("somebody else's server is not stopped");
        run(server.pg_ctl().args(["stop", "-m", "immediate"]));
    }

    pub fn start(&self) {
        let server = self.server.as_ref().expect("somebody else's server is not started");
        run(server.pg_ctl().arg("start").args(["-l", &text(&server.dir.join("log"))]));
    }
}

impl Default for Database {
    fn default() -> Self {
        Self::new()
    }
}

/// Distinct among the processes and tests that may share a server.
fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("firedog_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    /// Waits for the end of its input, which comes when this process ends in whatever way; then stops
    /// the server and deletes the directory. (Statics are never dropped, and a kill runs no code.)
    _undertaker: Child,
}

impl Cluster {
    fn start() -> Self {
        let bin = bin_dir();
        let dir = std::env::temp_dir().join(name());
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary directory takes a cluster");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("own directory");
        if is_root() {
            // PostgreSQL refuses to run as root; Debian's package brings a user for it.
            let (uid, gid) = postgres_user();
            chown(&dir, Some(uid), Some(gid)).expect("root may give directories away");
        }
        let data = text(&dir.join("data"));
        let port = free_port();
        let initdb = ["-D", &data, "-U", "firedog", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"];
        run(as_server_user(&bin.join("initdb")).current_dir(&dir).args(initdb));
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nmax_connections = 400\n",
            dir.display()
        );
        fs::write(dir.join("data/postgresql.auto.conf"), settings).expect("own directory");
        let bury = "read -r _; \"$0\" stop -s -m immediate -D \"$1/data\"; rm -rf \"$1\"";
        let undertaker = as_server_user(Path::new("sh"))
            .current_dir("/")
            .args(["-c", bury, &text(&bin.join("pg_ctl")), &text(&dir)])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell");
        let cluster = Self { dir, bin, port, _undertaker: undertaker };
        run(cluster.pg_ctl().arg("start").args(["-l", &text(&cluster.dir.join("log"))]));
        cluster
    }

    fn pg_ctl(&self) -> Command {
        let mut command = as_server_user(&self.bin.join("pg_ctl"));
        command.current_dir(&self.dir).args(["-s", "-w", "-D", &text(&self.dir.join("data"))]);
        command
    }

    fn sql(&self, statement: &str) {
        let url = format!("postgres://firedog@127.0.0.1:{}/postgres", self.port);
        run(Command::new(self.bin.join("psql")).arg(url).args(["-qc", statement]));
    }
}

/// Where the newest PostgreSQL of this machine keeps its programs.
fn bin_dir() -> PathBuf {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|version| version.path().join("bin"))
        .filter(|bin| bin.join("initdb").exists())
        .max_by_key(|bin| bin.parent().and_then(Path::file_name).and_then(|v| v.to_str()?.parse::<u32>().ok()));
    newest.expect("PostgreSQL is not installed; run: apt-get install postgresql")
}

fn as_server_user(program: &Path) -> Command {
    if is_root() {
        let mut command = Command::new("setpriv");
        let (uid, gid) = postgres_user();
        command.args([&format!("--reuid={uid}"), &format!("--regid={gid}"), "--clear-groups"]).arg(program);
        command
    } else {
        Command::new(program)
    }
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|out| out.stdout.trim_ascii() == b"0")
}

fn postgres_user() -> (u32, u32) {
    let users = fs::read_to_string("/etc/passwd").expect("a Unix system");
    let line = users.lines().find(|line| line.starts_with("postgres:"));
    let mut fields = line.expect("the package postgresql makes the user postgres").split(':').skip(2);
    let mut id = || fields.next().and_then(|f| f.parse().ok()).expect("passwd has numbers here");
    (id(), id())
}

fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("loopback");
    listener.local_addr().expect("bound").port()
}

fn text(path: &Path) -> String {
    path.to_str().expect("temporary directories have plain names").to_owned()
}

fn run(command: &mut Command) {
    // To a file, not a pipe: a server that is started inherits it and would keep a pipe open for ever.
    let mut said = tempfile::tempfile().expect("a temporary file");
    let stderr = said.try_clone().expect("a file");
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(stderr).status().expect("the program starts");
    if !status.success() {
        let mut text = String::new();
        let _ = std::io::Seek::rewind(&mut said).and_then(|()| said.read_to_string(&mut text));
        panic!("{command:?} failed: {text}");
    }
}
