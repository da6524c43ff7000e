//! A proxy as they stand at the edges of networks: it makes tunnels by `CONNECT`, and has its ways.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The ways that a proxy has.
#[derive(Debug, Clone, Default)]
pub(super) enum Manner {
    /// It makes each tunnel.
    #[default]
    Plain,
    /// It makes them for who shows this, by `Basic`.
    Asks(&'static str),
    /// It answers so, and no more.
    Answers(&'static str),
    /// It speaks TLS itself, with a certificate of its own authority for the name that was asked for.
    Inspects,
    /// It cuts what has rested for so long.
    Cuts(Duration),
}

/// The proxy. All its connections end when it is dropped.
#[derive(Debug)]
pub(super) struct ConnectProxy {
    address: SocketAddr,
    manner: Arc<Mutex<Manner>>,
    /// To where tunnels were made.
    made: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl ConnectProxy {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port is free");
        let address = listener.local_addr().expect("it has an address");
        let (manner, made) = (Arc::default(), Arc::default());
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&manner), Arc::clone(&made)));
        Self {
            address,
            manner,
            made,
            _serving: serving,
        }
    }

    /// From the next connection on.
    pub(super) fn set(&self, manner: Manner) {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner) = manner;
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// To where tunnels were made so far.
    pub(super) fn made(&self) -> Vec<String> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, manner: Arc<Mutex<Manner>>, made: Arc<Mutex<Vec<String>>>) {
    let mut connections = JoinSet::new();
    while let Ok((dialer, _)) = listener.accept().await {
        let manner = manner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let made = Arc::clone(&made);
        connections.spawn(async move {
            connect(dialer, manner, &made).await;
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connect(mut dialer: TcpStream, manner: Manner, made: &Mutex<Vec<String>>) -> Option<()> {
    let head = head(&mut dialer).await?;
    let goal = head.strip_prefix("CONNECT ")?.split(' ').next()?.to_owned();
    let refusal = match manner {
        Manner::Asks(shown) if !head.contains(&format!("\r\nproxy-authorization: Basic {shown}\r\n")) => Some(
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"edge\"\r\nContent-Length: 0\r\n\r\n",
        ),
        Manner::Answers(answer) => Some(answer),
        _ => None,
    };
    if let Some(refusal) = refusal {
        dialer.write_all(refusal.as_bytes()).await.ok()?;
        return None;
    }
    dialer
        .write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")
        .await
        .ok()?;
    if matches!(manner, Manner::Inspects) {
        return inspect(dialer, &goal).await;
    }
    let mut there = TcpStream::connect(&goal).await.ok()?;
    made.lock().unwrap_or_else(PoisonError::into_inner).push(goal);
    let rests = match manner {
        Manner::Cuts(rests) => rests,
        _ => Duration::from_secs(600),
    };
    let (mut from_dialer, mut from_there) = (vec![0; 16 * 1024], vec![0; 16 * 1024]);
    loop {
        let next = async {
            tokio::select! {
                read = dialer.read(&mut from_dialer) => (read.ok().filter(|read| *read > 0), true),
                read = there.read(&mut from_there) => (read.ok().filter(|read| *read > 0), false),
            }
        };
        match timeout(rests, next).await.ok()? {
            (Some(length), true) => there.write_all(&from_dialer[..length]).await.ok()?,
            (Some(length), false) => dialer.write_all(&from_there[..length]).await.ok()?,
            (None, _) => return None,
        }
    }
}

/// The head of a request, its names of fields in small letters.
async fn head(dialer: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(dialer.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

async fn inspect(dialer: TcpStream, goal: &str) -> Option<()> {
    let host = goal.rsplit_once(':')?.0.trim_matches(['[', ']']);
    let named = |name: &str, hosts: Vec<String>| {
        let mut params = CertificateParams::new(hosts).expect("a host's name");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    };
    let authority_key = KeyPair::generate().expect("a key");
    let mut authority = named("Corp Inspection CA", Vec::new());
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = Issuer::new(authority, authority_key);
    let key = KeyPair::generate().expect("a key");
    let certificate = named(host, vec![host.to_owned()])
        .signed_by(&key, &authority)
        .expect("signed");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions that there are")
        .with_no_client_auth()
        .with_single_cert(
            vec![certificate.into()],
            PrivateKeyDer::Pkcs8(key.serialize_der().into()),
        )
        .expect("they belong together");
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut stream = TlsAcceptor::from(Arc::new(config)).accept(dialer).await.ok()?;
    // Whoever believes it would be looked at here.
    stream.read_u8().await.ok()?;
    None
}
