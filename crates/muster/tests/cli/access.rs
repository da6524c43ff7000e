//! Logging in, people and tokens, against the real services: these ask who calls.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;

use muster_coordinator::access::text::TokenText;
use muster_coordinator::landing::Landing;
use muster_coordinator::organizations;
use muster_coordinator::service::Services;
use muster_core::decide::Command;
use muster_core::decide::access::{Access, token};
use muster_core::words::{DisplayName, Grant, Principal, RetentionDays, Role, Scope, TokenId};
use muster_process::Tasks;
use muster_shard::Options;
use muster_store::Store;
use muster_store::memory::MemoryBackend;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use crate::command::{Ran, command_in, finish};

/// Services that let in only who shows that they may, and the home of somebody who types.
struct Guarded {
    url: String,
    home: TempDir,
    /// The token of an admin of the staff.
    root: String,
    _landing: TempDir,
}

impl Guarded {
    async fn start() -> Self {
        let store = Store::on(Arc::new(MemoryBackend::new())).expect("memory is there");
        let started = muster_shard::start(store, Options::default()).expect("it is sound");
        let shard = started.handle;
        organizations::found(&shard, RetentionDays::default())
            .await
            .expect("it runs");
        let text = TokenText::new(TokenId(1));
        let create = token::Create {
            granter: Grant::MOST,
            token: TokenId(1),
            scope: Scope::Service,
            person: None,
            name: DisplayName::new("root").expect("a name"),
            role: Some(Role::Admin),
            expires: None,
            hash: text.hash(),
            request: None,
        };
        let asked = shard.ask(Principal::local(), Command::Access(Access::CreateToken(create)));
        asked.await.expect("it is allowed");
        let landing = tempfile::tempdir().expect("a folder");
        let services = Services::new(shard, Landing::open(landing.path()).expect("a landing"), Tasks::new()).guarded();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("it has one"));
        let served = Server::builder()
            .layer(services.door())
            .add_routes(services.operator_routes())
            .serve_with_incoming(TcpIncoming::from(listener));
        drop(services.tasks.spawn("server", served));
        Self {
            url,
            home: tempfile::tempdir().expect("a folder"),
            root: text.reveal().to_owned(),
            _landing: landing,
        }
    }

    fn home(&self) -> &Path {
        self.home.path()
    }

    async fn run(&self, args: &[&str]) -> Ran {
        finish(command_in(self.home(), args).spawn().expect("the binary starts")).await
    }

    /// With this in MUSTER_TOKEN.
    async fn run_as(&self, token: &str, args: &[&str]) -> Ran {
        let mut command = command_in(self.home(), args);
        command.env("MUSTER_SERVER", &self.url).env("MUSTER_TOKEN", token);
        finish(command.spawn().expect("the binary starts")).await
    }

    async fn log_in(&self, args: &[&str], token: &str) -> Ran {
        let mut command = command_in(self.home(), args);
        let mut child = command.stdin(Stdio::piped()).spawn().expect("the binary starts");
        let mut stdin = child.stdin.take().expect("it is piped");
        // It may have ended already, and then its code tells.
        let _gone = stdin.write_all(format!("{token}\n").as_bytes()).await;
        drop(stdin);
        finish(child).await
    }
}

#[tokio::test]
async fn who_logs_in_is_known_until_they_log_out() {
    let guarded = Guarded::start().await;
    let login = ["login", "--server", &guarded.url, "--token-stdin"];
    let ran = guarded.log_in(&login, &guarded.root).await;
    ran.tells(&format!(
        "logged in to {} as program root, admin of the service's staff; context `default` is in use from now on\n",
        guarded.url
    ));
    let file = guarded.home().join(".config/muster/contexts.toml");
    assert_eq!(
        fs::metadata(&file).expect("it is there").permissions().mode() & 0o777,
        0o600
    );
    let told = guarded.run(&["whoami", "--output", "json"]).await.json();
    assert_eq!(
        (&told["principal"], &told["scope"]),
        (&"program root".into(), &"service".into())
    );
    for shown in [
        guarded.run(&["context", "list"]).await,
        guarded.run(&["context", "list", "--output", "json"]).await,
        guarded.run(&["context", "show", "--output", "json"]).await,
        guarded.run(&["whoami"]).await,
    ] {
        assert_eq!(shown.code, 0, "{shown:?}");
        assert!(!shown.stdout.contains(&guarded.root[30..]), "{}", shown.stdout);
    }
    guarded
        .run(&["logout"])
        .await
        .tells("context `default` keeps no token any more\n");
    assert!(!fs::read_to_string(&file).expect("it is there").contains("mst_"));
    let ran = guarded.run(&["whoami"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("came without one"), "{}", ran.stderr);
    assert!(ran.stderr.contains("next: muster login\n"), "{}", ran.stderr);
}

#[tokio::test]
async fn a_wrong_token_is_not_kept() {
    let guarded = Guarded::start().await;
    let login = ["login", "--server", &guarded.url, "--token-stdin"];
    let never = TokenText::new(TokenId(7));
    for (token, expected) in [
        ("not a token", "this is no token: one begins with `mst_`"),
        ("mst_short", "a character of it is missing or wrong"),
        (never.reveal(), "this token opens nothing"),
    ] {
        let ran = guarded.log_in(&login, token).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains(expected), "{}", ran.stderr);
        assert!(!ran.stderr.contains(&never.reveal()[30..]), "{}", ran.stderr);
    }
    assert!(!guarded.home().join(".config/muster/contexts.toml").exists());
}

#[tokio::test]
async fn a_token_is_shown_to_no_other_coordinator_than_its_own() {
    let (guarded, other) = (Guarded::start().await, Guarded::start().await);
    guarded
        .log_in(&["login", "--server", &guarded.url, "--token-stdin"], &guarded.root)
        .await;
    // The other one would say that it knows no such token, had it seen one.
    let ran = guarded.run(&["whoami", "--server", &other.url]).await;
    assert!(ran.stderr.contains("came without one"), "{}", ran.stderr);
    let ran = guarded
        .log_in(&["login", "--server", &other.url, "--token-stdin"], &other.root)
        .await;
    assert!(ran.stderr.contains("context `default` is for"), "{}", ran.stderr);
    let named = ["--context", "other", "login", "--server", &other.url, "--token-stdin"];
    let ran = guarded.log_in(&named, &other.root).await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(guarded.run(&["whoami"]).await.code, 0);
    assert_eq!(guarded.run(&["--context", "default", "whoami"]).await.code, 0);
    // A context that is turned to another coordinator has no token for it.
    let set = ["context", "set", "default", "--server", &other.url];
    assert_eq!(guarded.run(&set).await.code, 0);
    let ran = guarded.run(&["--context", "default", "whoami"]).await;
    assert!(ran.stderr.contains("came without one"), "{}", ran.stderr);
}

#[tokio::test]
async fn an_admin_lets_somebody_in_and_out_again() {
    let guarded = Guarded::start().await;
    let root = guarded.root.clone();
    let create = [
        "person",
        "create",
        "Ada",
        "--email",
        "ada@example.com",
        "--role",
        "operator",
    ];
    let ran = guarded.run_as(&root, &[&create[..], &["--dry-run"]].concat()).await;
    ran.tells("would create person `Ada` (ada@example.com), operator of organization default\n");
    let repeatable = [&create[..], &["--request-id", "6f0d3a52-5d5e-4c0e-9a0e-3d1c7c1b2a44"]].concat();
    for _ in 0..2 {
        let ran = guarded.run_as(&root, &repeatable).await;
        ran.tells("created person `Ada` (ada@example.com), operator of organization default\n");
    }
    let ran = guarded.run_as(&root, &create).await;
    assert!(
        ran.stderr.contains("`ada@example.com` belongs to the person"),
        "{}",
        ran.stderr
    );
    let ran = guarded
        .run_as(
            &root,
            &["token", "create", "--person", "ada@example.com", "--expires", "8h"],
        )
        .await;
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let ada = ran.stdout.trim().to_owned();
    assert!(ada.starts_with("mst_") && !ran.stderr.contains(&ada), "{ran:?}");
    assert!(
        ran.stderr.contains("operator, until ") && ran.stderr.contains("it is shown this once"),
        "{}",
        ran.stderr
    );
    let told = guarded.run_as(&ada, &["whoami", "--output", "json"]).await.json();
    assert_eq!(told["principal"], "person Ada");
    assert_eq!(guarded.run_as(&ada, &["integration", "list"]).await.code, 0);
    let ran = guarded.run_as(&ada, &["person", "list"]).await;
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("this needs the role admin"), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("next: see who you are here: muster whoami"),
        "{}",
        ran.stderr
    );

    let update = ["person", "update", "Ada", "--role", "viewer"];
    let ran = guarded.run_as(&root, &[&update[..], &["--dry-run"]].concat()).await;
    ran.tells("would change person `Ada` (ada@example.com), viewer of organization default\n");
    let told = guarded.run_as(&ada, &["whoami", "--output", "json"]).await.json();
    assert_eq!(told["role"], "ROLE_OPERATOR");
    let ran = guarded.run_as(&root, &update).await;
    ran.tells("changed person `Ada` (ada@example.com), viewer of organization default\n");
    let listed = guarded
        .run_as(&root, &["person", "list", "--output", "json"])
        .await
        .json();
    assert_eq!(
        (&listed[0]["role"], listed.as_array().map(Vec::len)),
        (&"ROLE_VIEWER".into(), Some(1))
    );
    let ran = guarded.run_as(&root, &["person", "show", "ada@exmaple.com"]).await;
    assert!(ran.stderr.contains("did you mean `ada@example.com`?"), "{}", ran.stderr);
    let tokens = guarded
        .run_as(&root, &["token", "list", "--output", "json"])
        .await
        .json();
    let id = tokens[0]["name"]
        .as_str()
        .expect("a name")
        .rsplit_once('/')
        .expect("an id")
        .1;
    let ran = guarded.run_as(&root, &["token", "list"]).await;
    assert!(
        ran.stdout.contains("Ada") && ran.stdout.contains("active"),
        "{}",
        ran.stdout
    );
    let shown = guarded.run_as(&root, &["token", "show", &id[28..]]).await.stdout;
    for line in [
        "token       token\n",
        &format!("id          {id}\n"),
        "of          Ada (ada@example.com)\n",
        "opens       operator of organization default\n",
        "state       active\n",
        "created by  program root\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    assert!(!shown.contains("mst_"), "{shown}");
    let shown = guarded.run_as(&root, &["token", "show", id, "--output", "json"]).await;
    assert_eq!(shown.json(), tokens[0]);
    let ran = guarded.run_as(&root, &["token", "revoke", &id[28..]]).await;
    ran.tells(&format!("revoked token {id}\n"));
    let ran = guarded.run_as(&ada, &["whoami"]).await;
    assert!(ran.stderr.contains("this token opens nothing"), "{}", ran.stderr);
    let ran = guarded.run_as(&root, &["person", "delete", "Ada"]).await;
    ran.tells("deleted person `Ada` (ada@example.com), viewer of organization default\n");
    let ran = guarded.run_as(&root, &["token", "list", "--output", "json"]).await;
    assert_eq!(ran.json(), serde_json::json!([]), "a person's tokens go");
    let program = [
        "token",
        "create",
        "--staff",
        "--program",
        "backup",
        "--role",
        "admin",
        "--expires",
        "never",
    ];
    let ran = guarded.run_as(&root, &program).await;
    assert!(ran.stderr.contains("admin, for ever"), "{}", ran.stderr);
    let told = guarded
        .run_as(ran.stdout.trim(), &["whoami", "--output", "json"])
        .await
        .json();
    assert_eq!(
        (&told["principal"], &told["scope"]),
        (&"program backup".into(), &"service".into())
    );
}
