//! A bad network: a proxy on loopback whose connections do what those of real networks do.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How many bytes are carried at a time.
const PIECE: usize = 16 * 1024;

/// What the network does to each connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Weather {
    /// How long each piece takes, in either direction.
    pub delay: Duration,
    /// How many bytes a second a direction carries; `None`: as many as come.
    pub bytes_per_s: Option<u32>,
    /// Cut when nothing has come for so long, in either direction.
    pub cut_idle_after: Option<Duration>,
    /// What the dialer says arrives, and no answer comes back.
    pub loses_answers: bool,
    /// Nothing is carried, and nothing is closed.
    pub stalls: bool,
    /// Each connection arrives twice; the second one's answers go nowhere.
    pub duplicates: bool,
}

/// What is done to all connections at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    None,
    /// The dialer is told that nothing more will come, and may go on talking.
    HalfClose,
    Reset,
}

#[derive(Debug, Clone, Copy)]
struct Orders {
    weather: Weather,
    cut: Cut,
    /// Counts the cuts: a connection obeys those that come after its beginning.
    cuts: u64,
}

/// A proxy before a coordinator. All its connections end when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    orders: watch::Sender<Orders>,
    /// How many bytes have gone to the coordinator.
    carried: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

impl Proxy {
    /// A proxy before what listens at `behind`, in good weather.
    ///
    /// # Panics
    /// When no port is free.
    pub async fn before(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (orders, obeyed) = watch::channel(Orders {
            weather: Weather::default(),
            cut: Cut::None,
            cuts: 0,
        });
        let carried = Arc::new(AtomicU64::new(0));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, behind, obeyed, Arc::clone(&carried)));
        Self {
            address,
            orders,
            carried,
            _serving: serving,
        }
    }

    /// Where runners dial it.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes the weather, for all connections.
    pub fn set(&self, weather: Weather) {
        self.orders.send_modify(|orders| orders.weather = weather);
    }

    /// Resets all connections.
    pub fn reset(&self) {
        self.cut(Cut::Reset);
    }

    /// Closes all connections in the direction of the dialer alone.
    pub fn half_close(&self) {
        self.cut(Cut::HalfClose);
    }

    fn cut(&self, cut: Cut) {
        self.orders.send_modify(|orders| {
            orders.cut = cut;
            orders.cuts += 1;
        });
    }

    /// How many bytes have gone to the coordinator so far.
    #[must_use]
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

async fn serve(listener: TcpListener, behind: SocketAddr, orders: watch::Receiver<Orders>, carried: Arc<AtomicU64>) {
    let mut connections = JoinSet::new();
    while let Ok((dialer, _)) = listener.accept().await {
        let (orders, carried) = (orders.clone(), Arc::clone(&carried));
        connections.spawn(async move {
            // A dialer whose goal is away learns it by the end of its connection.
            if let Ok(goal) = TcpStream::connect(behind).await {
                connect(dialer, goal, behind, orders, &carried).await;
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(
    dialer: TcpStream,
    goal: TcpStream,
    behind: SocketAddr,
    mut orders: watch::Receiver<Orders>,
    carried: &AtomicU64,
) {
    let cuts = orders.borrow_and_update().cuts;
    let second = if orders.borrow().weather.duplicates {
        TcpStream::connect(behind).await.ok()
    } else {
        None
    };
    for stream in [&dialer, &goal] {
        // Else a reset would be an orderly end; and what is small must not wait.
        let _ = (stream.set_zero_linger(), stream.set_nodelay(true));
    }
    let (from_dialer, to_dialer) = dialer.into_split();
    let (from_goal, to_goal) = goal.into_split();
    let mut second = second.map(TcpStream::into_split);
    let mut drain = JoinSet::new();
    let echo = second.take().map(|(mut answers, questions)| {
        drain.spawn(async move { while answers.read(&mut [0; 1024]).await.is_ok_and(|read| read > 0) {} });
        questions
    });
    let there = carry(from_dialer, to_goal, echo, orders.clone(), Way::There(carried));
    let back = carry(from_goal, to_dialer, None, orders.clone(), Way::Back);
    let reset = orders.wait_for(|orders| orders.cuts > cuts && orders.cut == Cut::Reset);
    tokio::select! {
        _ = async { tokio::join!(there, back) } => {}
        _ = reset => {}
    }
}

#[derive(Clone, Copy)]
enum Way<'a> {
    /// To the coordinator.
    There(&'a AtomicU64),
    Back,
}

/// Carries one direction until it ends.
async fn carry(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    mut echo: Option<OwnedWriteHalf>,
    mut orders: watch::Receiver<Orders>,
    way: Way<'_>,
) {
    let cuts = orders.borrow().cuts;
    let mut piece = vec![0; PIECE];
    loop {
        let Orders {
            weather,
            cut,
            cuts: now,
        } = *orders.borrow_and_update();
        let is_back = matches!(way, Way::Back);
        if is_back && now > cuts && cut == Cut::HalfClose {
            let _ = to.shutdown().await;
            return;
        }
        if weather.stalls {
            if orders.changed().await.is_err() {
                return;
            }
            continue;
        }
        let idle = weather.cut_idle_after.unwrap_or(Duration::MAX);
        let read = tokio::select! {
            read = tokio::time::timeout(idle, from.read(&mut piece)) => read,
            changed = orders.changed() => match changed {
                Ok(()) => continue,
                Err(_) => return,
            },
        };
        let Ok(Ok(length @ 1..)) = read else { return };
        tokio::time::sleep(weather.delay).await;
        if let Some(rate) = weather.bytes_per_s {
            tokio::time::sleep(Duration::from_secs_f64(length as f64 / f64::from(rate))).await;
        }
        if is_back && weather.loses_answers {
            continue;
        }
        if let Some(echo) = &mut echo {
            let _ = echo.write_all(&piece[..length]).await;
        }
        if to.write_all(&piece[..length]).await.is_err() {
            return;
        }
        if let Way::There(carried) = way {
            carried.fetch_add(length as u64, Ordering::Relaxed);
        }
    }
}
