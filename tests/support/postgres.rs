//! A private PostgreSQL for tests: one cluster per test binary in a temporary directory, a new database
//! per test, nothing left behind. Included with `#[path]` by the crates that need it.
//!
//! `FIREDOG_TEST_PG` (an address like `postgres://user@host:5432/postgres`) uses a server that runs
//! already instead; its user must be allowed to create databases.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

/// A database of its own, gone together with the cluster.
pub struct Database {
    pub url: String,
    cluster: Option<Arc<Cluster>>,
}

impl Database {
    /// Starts the cluster if this is the first test that wants it.
    ///
    /// # Panics
    /// Without PostgreSQL, naming the command that installs it.
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("firedog_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        if let Ok(url) = std::env::var("FIREDOG_TEST_PG") {
            let psql = bin_dir().join("psql");
            run(Command::new(psql).arg(&url).args(["-qc", &format!("CREATE DATABASE {name}")]));
            let (server, _) = url.rsplit_once('/').expect("FIREDOG_TEST_PG names a database");
            return Self { url: format!("{server}/{name}"), cluster: None };
        }
        let cluster = Cluster::shared();
        cluster.sql(&format!("CREATE DATABASE {name}"));
        Self { url: format!("postgres://firedog@127.0.0.1:{}/{name}", cluster.port), cluster: Some(cluster) }
    }

    /// Stops the server as a crash would (or a power cut) and starts it again. The cluster is shared: only for a test binary of its own.
    #[allow(dead_code, reason = "not every test binary restarts it")]
    pub fn restart(&self) {
        self.cluster.as_ref().expect("a server of somebody else is not restarted").restart();
    }
}

struct Cluster {
    dir: PathBuf,
    bin: PathBuf,
    port: u16,
    server: Mutex<Option<Child>>,
}

impl Cluster {
    fn shared() -> Arc<Self> {
        // Weak: the last database to go stops the server, as statics are never dropped.
        static CLUSTER: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = CLUSTER.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    fn start() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let bin = bin_dir();
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("firedog-pg-{}-{n}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).expect("the temporary directory takes a cluster");
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700)).expect("own directory");
        if is_root() {
            // PostgreSQL refuses to run as root; Debian's package brings a user for it.
            let (uid, gid) = postgres_user();
            chown(&dir, Some(uid), Some(gid)).expect("root may give directories away");
        }
        run(as_server_user(&bin.join("initdb")).current_dir(&dir).args([
            "-D",
            &text(&dir.join("data")),
            "-U",
            "firedog",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        ]));
        let cluster = Self { dir, bin, port: free_port(), server: Mutex::new(None) };
        cluster.launch();
        cluster
    }

    fn launch(&self) {
        let log = fs::File::create(self.dir.join("log")).expect("own directory");
        let server = as_server_user(&self.bin.join("postgres"))
            .current_dir(&self.dir)
            .args(["-D", &text(&self.dir.join("data")), "-p", &self.port.to_string(), "-h", "127.0.0.1", "-k", &text(&self.dir)])
            .args(["-c", "max_connections=400", "-c", "shared_buffers=64MB"])
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("postgres starts");
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
        let patience = Instant::now() + Duration::from_secs(60);
        while !self.is_ready() {
            assert!(Instant::now() < patience, "PostgreSQL did not become ready; see {}", self.dir.join("log").display());
            std::thread::yield_now();
        }
    }

    fn is_ready(&self) -> bool {
        let asked = Command::new(self.bin.join("pg_isready"))
            .args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()])
            .status();
        asked.is_ok_and(|status| status.success())
    }

    fn sql(&self, statement: &str) {
        let url = format!("postgres://firedog@127.0.0.1:{}/postgres", self.port);
        run(Command::new(self.bin.join("psql")).arg(url).args(["-qc", statement]));
    }

    fn stop(&self, mode: &str) {
        let Some(mut server) = self.server.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let stopped = as_server_user(&self.bin.join("pg_ctl"))
            .current_dir(&self.dir)
            .args(["stop", "-s", "-w", "-m", mode, "-D", &text(&self.dir.join("data"))])
            .status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = server.kill();
        }
        let _ = server.wait();
    }

    #[allow(dead_code, reason = "not every test binary restarts it")]
    fn restart(&self) {
        self.stop("immediate");
        self.launch();
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.stop("immediate");
        let _ = fs::remove_dir_all(&self.dir);
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
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let mut said = String::new();
    child.stderr.take().expect("piped").read_to_string(&mut said).expect("text");
    let status = child.wait().expect("a child");
    assert!(status.success(), "{command:?} failed: {said}");
}
