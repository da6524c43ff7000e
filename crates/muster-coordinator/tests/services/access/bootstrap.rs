//! The first way in.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use muster_coordinator::access::bootstrap::{BootstrapError, make_way_in};
use muster_coordinator::access::text::TokenText;
use muster_core::decide::access::{Access, token};
use muster_core::words::{Grant, Scope, TokenId};
use muster_proto::v1;
use prost::Message as _;

use crate::raw::call;
use crate::rig::Rig;

async fn start(rig: &Rig, data: &Path, given: Option<&Path>) -> Result<(), BootstrapError> {
    make_way_in(&rig.shard, data, given, false).await
}

/// Whether a token opens what is for admins of the staff alone.
async fn opens(rig: &Rig, text: &str) -> bool {
    let shown = format!("Bearer {text}");
    let people = v1::ListPeopleRequest {
        parent: "service".to_owned(),
        ..Default::default()
    };
    let path = "/muster.v1.AccessService/ListPeople";
    call(rig.channel(), Some(&shown), path, people.encode_to_vec())
        .await
        .is_ok()
}

#[tokio::test]
async fn a_coordinator_that_nobody_can_enter_makes_a_token_and_writes_it_for_its_own_user() {
    let (rig, data) = (Rig::guarded().await, tempfile::tempdir().expect("a folder"));
    start(&rig, data.path(), None).await.expect("it is written");
    let file = data.path().join("bootstrap-token");
    assert_eq!(fs::metadata(&file).expect("it is there").mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).expect("it is text");
    assert!(opens(&rig, text.trim()).await);
    // There is one now, so no second one is made, also when the file is gone.
    fs::remove_file(&file).expect("it was there");
    start(&rig, data.path(), None).await.expect("there is nothing to do");
    assert!(!file.exists());
}

#[tokio::test]
async fn what_cannot_be_written_is_not_made() {
    let rig = Rig::guarded().await;
    let refused = start(&rig, Path::new("/nowhere/at/all"), None).await;
    assert!(matches!(refused, Err(BootstrapError::Unwritable { .. })), "{refused:?}");
    let data = tempfile::tempdir().expect("a folder");
    start(&rig, data.path(), None)
        .await
        .expect("nobody has come in between");
    assert!(data.path().join("bootstrap-token").exists());
}

#[tokio::test]
async fn a_token_that_is_given_is_taken_in_once_and_beside_others() {
    let (rig, data) = (Rig::guarded().await, tempfile::tempdir().expect("a folder"));
    start(&rig, data.path(), None).await.expect("it is written");
    let (id, given) = (TokenId(7), data.path().join("given"));
    let text = TokenText::new(id);
    fs::write(&given, format!("{}\n", text.reveal())).expect("written");
    for _ in 0..2 {
        start(&rig, data.path(), Some(&given)).await.expect("it is taken in");
        assert!(opens(&rig, text.reveal()).await);
    }
    let revoke = token::Revoke {
        granter: Grant::MOST,
        scope: Scope::Service,
        token: id,
    };
    rig.access(Access::RevokeToken(revoke)).await;
    start(&rig, data.path(), Some(&given)).await.expect("it stays revoked");
    assert!(!opens(&rig, text.reveal()).await);
    fs::write(&given, "mst_wrong").expect("written");
    let refused = start(&rig, data.path(), Some(&given)).await;
    assert!(matches!(refused, Err(BootstrapError::NoToken(_))), "{refused:?}");
    let missing = start(&rig, data.path(), Some(&data.path().join("nothing"))).await;
    assert!(matches!(missing, Err(BootstrapError::Unreadable { .. })), "{missing:?}");
}
