//! A network between two programs that can be taken away.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Passes on connections to a port of this machine for as long as it is told to.
#[derive(Debug)]
pub(crate) struct Proxy {
    at: SocketAddr,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    down: bool,
    frozen: bool,
    ended: bool,
    connections: Vec<TcpStream>,
}

impl Proxy {
    /// A way to `port`, open.
    pub(crate) fn to(port: u16) -> Self {
        Self::at(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0), port).unwrap()
    }

    /// The same from another address of this machine; port 0 is any.
    pub(crate) fn at(near: SocketAddrV4, port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind(near)?;
        let this = Self { at: listener.local_addr().unwrap(), shared: Arc::default() };
        let shared = Arc::clone(&this.shared);
        std::thread::spawn(move || {
            for incoming in listener.incoming().flatten() {
                if lock(&shared).ended {
                    return;
                }
                // Whom it cannot connect it hangs up on.
                let _ = connect(incoming, port, &shared);
            }
        });
        Ok(this)
    }

    /// The port where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.at.port()
    }

    /// Whether anybody has come this way.
    pub(crate) fn has_connections(&self) -> bool {
        !lock(&self.shared).connections.is_empty()
    }

    /// From now on nothing arrives, and nobody is told: connections stay open, also new ones.
    pub(crate) fn freeze(&self) {
        lock(&self.shared).frozen = true;
    }

    /// Cuts all connections and accepts no new ones.
    pub(crate) fn take_down(&self) {
        let mut state = lock(&self.shared);
        state.down = true;
        state.cut();
    }

    /// Accepts connections again.
    pub(crate) fn bring_up(&self) {
        lock(&self.shared).down = false;
    }

    /// Cuts all connections; new ones are welcome.
    pub(crate) fn cut(&self) {
        lock(&self.shared).cut();
    }
}

impl State {
    fn cut(&mut self) {
        for connection in self.connections.drain(..) {
            let _ = connection.shutdown(Shutdown::Both);
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let mut state = lock(&self.shared);
        state.ended = true;
        state.cut();
        drop(state);
        // So that the thread sees it.
        let _ = TcpStream::connect(self.at);
    }
}

fn lock(shared: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(near: TcpStream, port: u16, shared: &Arc<Mutex<State>>) -> io::Result<()> {
    let mut state = lock(shared);
    if state.down {
        return Ok(());
    }
    let far = TcpStream::connect(("127.0.0.1", port))?;
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (from, to, shared) = (from.try_clone()?, to.try_clone()?, Arc::clone(shared));
        to.set_nodelay(true)?;
        std::thread::spawn(move || {
            let _ = copy(&from, &to, &shared);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    state.connections.extend([near, far]);
    Ok(())
}

fn copy(mut from: &TcpStream, mut to: &TcpStream, shared: &Mutex<State>) -> io::Result<()> {
    /// Between two looks whether it has thawed.
    const PERIOD: Duration = Duration::from_millis(20);
    let mut buffer = vec![0; 16 << 10];
    loop {
        let read = from.read(&mut buffer)?;
        while lock(shared).frozen && !lock(shared).ended {
            std::thread::sleep(PERIOD);
        }
        if read == 0 {
            return Ok(());
        }
        to.write_all(&buffer[..read])?;
    }
}
