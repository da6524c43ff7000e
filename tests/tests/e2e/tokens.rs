//! The secret of a token is told once, to whoever asked for it, and is nowhere then: in no line of the log, however much is logged, and on no disk.

use std::fs;
use std::path::{Path, PathBuf};

use muster_proto::v1;
use muster_proto::v1::access_service_client::AccessServiceClient;
use muster_tests::Coordinator;
use sha2::{Digest as _, Sha256};
use tonic::Request;
use tonic::transport::Channel;

/// Where the secret stands in a token's text, and how long it is.
const SECRET: std::ops::Range<usize> = 27..70;

async fn create(client: &mut AccessServiceClient<Channel>) -> String {
    let request = v1::CreateTokenRequest {
        parent: "service".to_owned(),
        token: Some(v1::Token {
            display_name: "canary".to_owned(),
            ..Default::default()
        }),
        never_expires: true,
        ..Default::default()
    };
    client.create_token(request).await.expect("made").into_inner().text
}

/// Shows a token as clients do, also a wrong one.
async fn show(client: &mut AccessServiceClient<Channel>, token: &str) {
    for shown in [format!("Bearer {token}"), format!("Bearer {token}x"), token.to_owned()] {
        let mut request = Request::new(v1::WhoAmIRequest {});
        let shown = shown.parse().expect("a value");
        request.metadata_mut().insert("authorization", shown);
        client.who_am_i(request).await.expect("nobody is asked here");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder");
    let paths = entries.map(|entry| entry.expect("listed").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn the_secret_of_a_token_is_in_no_log_and_on_no_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let coordinator = Coordinator::start(folder.path(), &["--log", "trace"]).await;
    let mut client = AccessServiceClient::connect(coordinator.url())
        .await
        .expect("it listens");
    let text = create(&mut client).await;
    show(&mut client, &text).await;
    let data = coordinator.data();
    drop(coordinator);

    let (secret, id) = (&text[SECRET], &text[4..26]);
    let hash = Sha256::digest(secret);
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let numbers: Vec<String> = hash.iter().map(u8::to_string).collect();
    let mut logged = 0;
    for path in files(folder.path()) {
        let bytes = fs::read(&path).expect("it is readable");
        let name = path.display();
        assert!(!holds(&bytes, secret.as_bytes()), "{name} has the secret");
        assert!(
            !holds(&bytes, &secret.as_bytes()[..16]),
            "{name} has some of the secret"
        );
        if path.starts_with(&data) {
            continue;
        }
        logged += bytes.len();
        for hashed in [
            hex.as_bytes(),
            hex.to_uppercase().as_bytes(),
            numbers[..8].join(", ").as_bytes(),
        ] {
            assert!(!holds(&bytes, hashed), "{name} has the hash");
        }
    }
    assert!(logged > 100_000, "all was logged that can be: {logged} bytes");
    // It is looked for where it would be: the id, which is no secret, is on the disk by its bytes, and the hash is too.
    let on_disk = files(&data)
        .iter()
        .any(|path| holds(&fs::read(path).expect("it is readable"), &hash));
    assert!(on_disk, "the hash of {id} is kept");
}
