//! Another session through the same proxy while rows do their worst: how late its messages are, next to what a plain thread in their place
//! would make of the same machine at the same moment.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::cli::Peer;

/// What the proxy may add to the slowest hundredth. How fast a debug build audits what a row sends says nothing.
const MOST: Duration = Duration::from_millis(if cfg!(debug_assertions) { 200 } else { 20 });
/// Between two messages.
const PAUSE: Duration = Duration::from_millis(5);
/// Fewer messages have no slowest hundredth.
const ENOUGH: usize = 200;

/// A session that talks all the time.
pub struct Bystander {
    stopped: Arc<AtomicBool>,
    times: Arc<Mutex<Times>>,
    thread: Option<JoinHandle<()>>,
}

/// How long messages took.
#[derive(Default)]
struct Times {
    through_proxy: Vec<Duration>,
    beside_it: Vec<Duration>,
}

impl Bystander {
    /// Talks from now on. Takes a client that is logged in, and the server's end.
    pub fn start(mut client: Peer, mut server: Peer) -> Bystander {
        let (stopped, times) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(Times::default())));
        let (stop, taken) = (stopped.clone(), times.clone());
        let thread = std::thread::spawn(move || {
            let mut beside = Beside::new();
            while !stop.load(Ordering::Relaxed) {
                let began = Instant::now();
                client.says(MESSAGE, &mut server);
                let through_proxy = began.elapsed();
                let began = Instant::now();
                beside.says(MESSAGE);
                let mut times = taken.lock().unwrap();
                times.through_proxy.push(through_proxy);
                times.beside_it.push(began.elapsed());
                drop(times);
                std::thread::sleep(PAUSE);
            }
        });
        Bystander { stopped, times, thread: Some(thread) }
    }

    /// Nothing that went through the proxy so far was much later than what went beside it.
    #[track_caller]
    pub fn is_served(&self, after: &str) {
        assert!(!self.thread.as_ref().is_some_and(JoinHandle::is_finished), "another session broke off in or before {after}");
        let mut times = self.times.lock().unwrap();
        let Times { through_proxy, beside_it } = &mut *times;
        if through_proxy.len() >= ENOUGH {
            let (through, beside) = (slowest_hundredth(through_proxy), slowest_hundredth(beside_it));
            assert!(through < beside + MOST, "other sessions wait {through:?} (p99), {beside:?} beside the proxy, until {after}");
        }
    }
}

impl Drop for Bystander {
    /// Ends the session, which must have been there until now.
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(std::thread::panicking() || matches!(ended, Some(Ok(()))), "another session broke off");
    }
}

fn slowest_hundredth(times: &mut [Duration]) -> Duration {
    let at = times.len() * 99 / 100;
    *times.select_nth_unstable(at).1
}

/// Two sockets, and a thread that hands on what it reads: what any relay costs on this machine.
struct Beside {
    near: TcpStream,
    far: TcpStream,
}

impl Beside {
    fn new() -> Beside {
        let pair = || {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let near = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let far = listener.accept().unwrap().0;
            near.set_nodelay(true).unwrap();
            far.set_nodelay(true).unwrap();
            (near, far)
        };
        let ((near, mut from), (mut to, far)) = (pair(), pair());
        // Ends with `near`.
        std::thread::spawn(move || std::io::copy(&mut from, &mut to));
        Beside { near, far }
    }

    fn says(&mut self, text: &str) {
        self.near.write_all(text.as_bytes()).unwrap();
        self.far.read_exact(&mut vec![0; text.len()]).unwrap();
    }
}

const MESSAGE: &str = "<message to='ben@lab.test' type='chat'><active xmlns='http://jabber.org/protocol/chatstates'/></message>";
