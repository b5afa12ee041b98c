//! A network between two programs that can be taken away.

use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Passes on connections to a port of this machine for as long as it is told to.
#[derive(Debug)]
pub(crate) struct Proxy {
    port: u16,
    shared: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    down: bool,
    ended: bool,
    connections: Vec<TcpStream>,
}

impl Proxy {
    /// A way to `port`, open.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let this = Self { port: listener.local_addr().unwrap().port(), shared: Arc::default() };
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
        this
    }

    /// The port on 127.0.0.1 where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
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
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn lock(shared: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(near: TcpStream, port: u16, shared: &Mutex<State>) -> io::Result<()> {
    let mut state = lock(shared);
    if state.down {
        return Ok(());
    }
    let far = TcpStream::connect(("127.0.0.1", port))?;
    for (from, to) in [(&near, &far), (&far, &near)] {
        let (mut from, mut to) = (from.try_clone()?, to.try_clone()?);
        to.set_nodelay(true)?;
        std::thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Both);
        });
    }
    state.connections.extend([near, far]);
    Ok(())
}
