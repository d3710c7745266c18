//! What the service manager is told: systemd's notification protocol (`sd_notify(3)`), in one datagram each.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// What there is to tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Every listener is bound, every worker serves.
    Ready,
    /// The process has begun to end.
    Stopping,
}

/// Tells whoever set `NOTIFY_SOCKET`, if anybody did. When that fails it is logged: the manager's time limit decides.
pub(crate) fn tell(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|name| !name.is_empty()) else { return };
    if let Err(error) = send(&name, state) {
        tracing::warn!(%error, socket = %name.display(), "cannot notify the service manager");
    }
}

fn send(name: &OsStr, state: State) -> io::Result<()> {
    let text: &[u8] = match state {
        State::Ready => b"READY=1\nSTATUS=serving\n",
        State::Stopping => b"STOPPING=1\nSTATUS=ending\n",
    };
    let address = match name.as_bytes() {
        // Linux's abstract names, which have no file.
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    // The manager may be stuck: starting or ending does not wait for it.
    socket.set_nonblocking(true)?;
    socket.send_to_addr(text, &address).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &SocketAddr, name: &OsStr) {
        let manager = UnixDatagram::bind_addr(address).expect("the name is free");
        let mut text = [0; 64];
        for (state, expected) in
            [(State::Ready, "READY=1\nSTATUS=serving\n"), (State::Stopping, "STOPPING=1\nSTATUS=ending\n")]
        {
            send(name, state).expect("the manager listens");
            let length = manager.recv(&mut text).expect("it was sent");
            assert_eq!(std::str::from_utf8(&text[..length]), Ok(expected));
        }
    }

    #[test]
    fn managers_listen_on_files_and_on_abstract_names() {
        let unique = format!("nuncio-notify-{}", std::process::id());
        let file = std::env::temp_dir().join(&unique);
        check(&SocketAddr::from_pathname(&file).expect("it is short"), file.as_os_str());
        std::fs::remove_file(&file).expect("it was bound");
        assert!(send(file.as_os_str(), State::Ready).is_err());
        let name = SocketAddr::from_abstract_name(&unique).expect("it is short");
        check(&name, OsStr::new(&format!("@{unique}")));
    }
}
