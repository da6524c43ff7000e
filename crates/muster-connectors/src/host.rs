//! Collects from the very Linux machine that the runner stands on, or from the folder tree of another one.

mod bridge;
mod device;
mod lines;
mod root;
mod software;
mod user;

use muster_connector::{
    BoxFuture, Category, Collection, Connector, ConnectorName, DataType, DataTypeSpec, End, Failure, Network,
    Permission, Sink, Spec,
};
use muster_core::time::Interval;
use serde_json::{Value, json};

use self::root::Root;

/// The connector `host`: data types `device`, `user` and `software`.
#[derive(Debug)]
pub struct Host {
    spec: Spec,
}

/// What is collected, once its name has been understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Device,
    User,
    Software,
}

impl Kind {
    const ALL: [Self; 3] = [Self::Device, Self::User, Self::Software];

    fn name(self) -> DataType {
        let name = match self {
            Self::Device => "device",
            Self::User => "user",
            Self::Software => "software",
        };
        DataType::new(name).expect("the names above are lower-case words")
    }

    fn spec(self) -> DataTypeSpec {
        let (title, default_interval, primary_key): (_, _, &[&str]) = match self {
            Self::Device => ("Devices", Interval::HOUR, &["id"]),
            Self::User => ("Users", Interval::HOUR, &["name"]),
            Self::Software => (
                "Software",
                Interval::DAY,
                &["manager", "name", "architecture", "version"],
            ),
        };
        DataTypeSpec {
            name: self.name(),
            title: title.to_owned(),
            default_interval,
            primary_key: primary_key.iter().map(ToString::to_string).collect(),
            incremental: false,
        }
    }
}

impl Host {
    /// The connector.
    #[must_use]
    pub fn new() -> Self {
        Self { spec: spec() }
    }
}

impl Default for Host {
    fn default() -> Self {
        Self::new()
    }
}

impl Connector for Host {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check<'a>(&'a self, config: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.spec.validate(config)?;
            let root = open(config)?;
            // Every Linux system has this file, so a folder without it is the wrong one.
            bridge::blocking(move || root.open(user::PASSWD).map(drop))
                .await?
                .map_err(|error| {
                    Failure::new(
                        Category::Configuration,
                        format!("/{} cannot be read: {error}", user::PASSWD),
                    )
                    .with_remedy("set `root` to the folder in which the host's / is mounted")
                })
        })
    }

    fn collect<'a>(&'a self, collection: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
        Box::pin(async move {
            let root = open(&collection.config)?;
            let kind = Kind::ALL
                .into_iter()
                .find(|kind| kind.name() == collection.data_type)
                .ok_or_else(|| {
                    Failure::new(
                        Category::Configuration,
                        format!("there is no data type {}", collection.data_type),
                    )
                })?;
            match kind {
                Kind::Device => device::collect(root, sink).await?,
                Kind::User => user::collect(root, sink).await?,
                Kind::Software => software::collect(root, sink).await?,
            }
            Ok(End::default())
        })
    }
}

fn open(config: &Value) -> Result<Root, Failure> {
    let path = config.get("root").and_then(Value::as_str).unwrap_or("/");
    Root::open_folder(path).map_err(|error| {
        Failure::new(
            Category::Configuration,
            format!("the root folder {path} cannot be opened: {error}"),
        )
        .with_remedy("correct `root`, or let the runner read that folder")
    })
}

fn spec() -> Spec {
    let permission = |name: &str, purpose: &str, required, kind: Kind| Permission {
        name: name.to_owned(),
        purpose: purpose.to_owned(),
        required,
        data_types: vec![kind.name()],
    };
    Spec {
        name: ConnectorName::new("host").expect("`host` is a lower-case word"),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        title: "This host".to_owned(),
        description: "The Linux machine that the runner stands on: its hardware, its local accounts and its packages."
            .to_owned(),
        config_schema: json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "root": {
                    "title": "Root folder",
                    "description": "The folder that holds the machine's file tree. Another one than / lets a runner in a \
                        container read the host: mount the host's / there, with what is mounted in it.",
                    "type": "string",
                    "pattern": "^/",
                    "maxLength": 4096,
                    "default": "/",
                },
            },
        }),
        data_types: Kind::ALL.map(Kind::spec).into(),
        permissions: vec![
            permission("read /etc/passwd", "lists the local accounts", true, Kind::User),
            permission(
                "read /etc/shadow",
                "tells which accounts are locked; hashes are never sent",
                false,
                Kind::User,
            ),
            permission(
                "read /var/log/lastlog",
                "tells when somebody last logged in",
                false,
                Kind::User,
            ),
            permission(
                "read /sys/class/dmi/id",
                "tells serial numbers, which only root may read",
                false,
                Kind::Device,
            ),
            permission(
                "read the databases of dpkg, apk and rpm",
                "lists the installed packages",
                true,
                Kind::Software,
            ),
        ],
    }
}
