//! The Rust target of kernels and modules, which is added with rustup where it is missing.
//!
//! *What is not prevented*: a server that takes the connection and then says nothing; rustup has time limits of its own.

use std::env::var;
use std::net::{TcpStream, ToSocketAddrs};
use std::process::Command;
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};

use crate::{file, paths, process};

/// What kernels and modules are built for.
pub const KERNEL_TARGET: &str = "x86_64-unknown-none";

const LIMIT: Duration = Duration::from_secs(900);
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// Adds the target to the pinned toolchain if it is missing.
///
/// # Errors
/// It cannot be had; one line says why.
pub fn ensure() -> Result<()> {
    let text = file::text(&paths::root().join("rust-toolchain.toml"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("channel = \"")?.strip_suffix('"'));
    let channel = line.context("rust-toolchain.toml names no channel")?;
    let rustup =
        |words: &[&str]| process::run("rustup", Command::new("rustup").args(["target"]).args(words), LIMIT);
    let has = rustup(&["list", "--installed", "--toolchain", channel])?;
    if has.lines().any(|target| target == KERNEL_TARGET) {
        return Ok(());
    }
    let server = var("RUSTUP_DIST_SERVER").unwrap_or_else(|_| "https://static.rust-lang.org".to_owned());
    let proxy = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];
    let proxy = proxy.iter().filter_map(|name| var(name).ok()).find(|proxy| !proxy.is_empty());
    if let Some((host, port)) = first_hop(&server, proxy.as_deref()) {
        ensure!(
            answers(host, port),
            "no network: cannot fetch the Rust target {KERNEL_TARGET}, because {host} does not answer on port {port}"
        );
    }
    crate::note!("setup: adding the Rust target {KERNEL_TARGET}");
    let added = rustup(&["add", "--toolchain", channel, KERNEL_TARGET]);
    added.map(drop).map_err(|error| anyhow!("missing: the Rust target {KERNEL_TARGET} ({})", why(&error)))
}

/// Why rustup failed, in one line, from the error of running it.
#[must_use]
pub fn why(error: &anyhow::Error) -> String {
    let said = error.to_string();
    let line = said.lines().find(|line| line.starts_with("error:")).unwrap_or("rustup gave no reason");
    line.trim().to_owned()
}

/// The host and port that is connected to for a server: its own, or those of the proxy. `None` if only the proxy's client
/// knows its port.
fn first_hop<'a>(server: &'a str, proxy: Option<&'a str>) -> Option<(&'a str, u16)> {
    let address = proxy.unwrap_or(server);
    let (scheme, rest) = address.split_once("://").unwrap_or(("", address));
    let place = rest.split('/').next()?;
    let place = place.rsplit_once('@').map_or(place, |(_, place)| place);
    match (place.rsplit_once(':'), scheme) {
        (Some((host, port)), _) => Some((host, port.parse().ok()?)),
        (None, _) if proxy.is_some() => None,
        (None, "http") => Some((place, 80)),
        (None, _) => Some((place, 443)),
    }
}

/// Whether a host takes a connection. To find its address may take longer than it may: that is not waited for.
fn answers(host: &str, port: u16) -> bool {
    let (sender, receiver) = channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let mut places = (host.as_str(), port).to_socket_addrs().into_iter().flatten();
        let answered = places.any(|place| TcpStream::connect_timeout(&place, PATIENCE).is_ok());
        // Nobody listens if it took too long.
        let _heard = sender.send(answered);
    });
    receiver.recv_timeout(PATIENCE).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::{answers, first_hop, why};

    #[test]
    fn who_is_connected_to_first() {
        let server = "https://static.rust-lang.org";
        assert_eq!(first_hop(server, None), Some(("static.rust-lang.org", 443)));
        assert_eq!(first_hop("http://mirror/rust", None), Some(("mirror", 80)));
        assert_eq!(first_hop("https://mirror:8443/rust", None), Some(("mirror", 8443)));
        for proxy in ["http://user:word@proxy:3128/", "proxy:3128", "socks5://proxy:3128"] {
            assert_eq!(first_hop(server, Some(proxy)), Some(("proxy", 3128)), "{proxy}");
        }
        assert_eq!(first_hop(server, Some("http://proxy")), None);
    }

    #[test]
    fn rustups_own_words() {
        let said = anyhow::anyhow!("rustup failed (1):\ninfo: a try\nerror: no such target \nmore");
        assert_eq!(why(&said), "error: no such target");
        assert_eq!(why(&anyhow::anyhow!("killed")), "rustup gave no reason");
    }

    #[test]
    fn a_port_where_nobody_listens_does_not_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(answers("127.0.0.1", port));
        // Not the same address after the listener is dropped: a program that another test starts meanwhile has it too,
        // from its fork to its exec.
        assert!(!answers("127.0.0.2", port));
        assert!(!answers("no-such-host.invalid", 443));
    }
}
