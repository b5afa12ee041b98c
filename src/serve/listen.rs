//! The socket.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpSocket};

/// Connections that wait to be accepted.
const BACKLOG: u32 = 128;

/// Why there is no socket.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Somebody else has the port.
    #[error(
        "cannot listen on {0}: the port is in use, maybe by another manager on this host; give another one with \
         --secure-port, or 0 for no server"
    )]
    InUse(SocketAddr),
    /// This process may not have the port.
    #[error(
        "cannot listen on {0}: permission denied; ports below 1024 need a privilege, give another one with \
         --secure-port"
    )]
    Denied(SocketAddr),
    /// The address is not one of this machine.
    #[error("cannot listen on {0}: this machine has no such address; give another one with --bind-address")]
    NoSuchAddress(SocketAddr),
    /// Something else.
    #[error("cannot listen on {0}: {1}")]
    Other(SocketAddr, io::Error),
}

/// Listens on this address; port 0 lets the kernel choose. Others may listen there too if they and we
/// share it.
pub(super) fn listen(address: SocketAddr, share_port: bool) -> Result<TcpListener, ListenError> {
    let try_to = || {
        let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        // Always, as Go does: else a restart would have to wait for connections of the one before.
        socket.set_reuseaddr(true)?;
        socket.set_reuseport(share_port)?;
        socket.bind(address)?;
        socket.listen(BACKLOG)
    };
    try_to().map_err(|error| match error.kind() {
        io::ErrorKind::AddrInUse => ListenError::InUse(address),
        io::ErrorKind::PermissionDenied => ListenError::Denied(address),
        io::ErrorKind::AddrNotAvailable => ListenError::NoSuchAddress(address),
        _ => ListenError::Other(address, error),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn why_there_is_no_socket_is_told_with_what_to_do() {
        let first = listen("127.0.0.1:0".parse().unwrap(), false).unwrap();
        let address = first.local_addr().unwrap();
        let in_use = listen(address, false).unwrap_err().to_string();
        assert!(in_use.contains(&address.to_string()) && in_use.contains("--secure-port"), "{in_use}");
        let foreign = listen("192.0.2.1:0".parse().unwrap(), false).unwrap_err().to_string();
        assert!(foreign.contains("--bind-address"), "{foreign}");
        let shared = listen("127.0.0.1:0".parse().unwrap(), true).unwrap();
        assert!(listen(shared.local_addr().unwrap(), true).is_ok());
    }
}
