//! When an integration would be collected by another schedule.

use muster_proto::v1;
use tonic::Code;

use super::{create, request, update};
use crate::rig::{Rig, assert_refused, integration};

const HOUR: i64 = 3_600;

fn schedule(data_type: &str, seconds: Option<i64>) -> v1::CollectionSchedule {
    v1::CollectionSchedule {
        data_type: data_type.to_owned(),
        interval: seconds.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
        ..Default::default()
    }
}

async fn planned(rig: &Rig, name: &str, schedules: Vec<v1::CollectionSchedule>) -> Vec<v1::PlannedTimes> {
    let request = v1::PreviewScheduleRequest {
        name: name.to_owned(),
        data_types: schedules,
    };
    let answer = rig.integrations().preview_schedule(request).await;
    answer.expect("told").into_inner().data_types
}

#[tokio::test]
async fn what_is_told_before_a_change_is_what_comes_of_it() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let kind = made.data_types.first().expect("one").clone();
    let now = made.create_time.expect("told").seconds;

    // As it is: the upcoming collection, and then every interval.
    let interval = kind.interval.expect("told").seconds;
    let told = planned(&rig, &made.name, vec![schedule(&kind.data_type, Some(interval))]).await;
    let times: Vec<i64> = told[0].times.iter().map(|time| time.seconds).collect();
    assert_eq!(told[0].times.first(), kind.next_collection_time.as_ref());
    assert_eq!(times.len(), 5);
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] == interval), "{times:?}");

    // As it would be, in the order that was asked for; what is not said is as by default.
    let asked = vec![
        schedule(&kind.data_type, Some(2 * HOUR)),
        schedule("software", None),
        schedule("group", Some(60)),
    ];
    let told = planned(&rig, &made.name, asked).await;
    let named: Vec<&str> = told.iter().map(|one| one.data_type.as_str()).collect();
    assert_eq!(named, [kind.data_type.as_str(), "software", "group"]);
    for (one, interval) in told.iter().zip([2 * HOUR, 24 * HOUR, 60]) {
        let times: Vec<i64> = one.times.iter().map(|time| time.seconds).collect();
        assert!(
            times[0] >= now && times[0] <= now + interval + 60,
            "{times:?} after {now}"
        );
        assert!(times.windows(2).all(|pair| pair[1] - pair[0] == interval), "{times:?}");
    }
    let change = v1::Integration {
        data_types: vec![schedule(&kind.data_type, Some(2 * HOUR))],
        ..made.clone()
    };
    let changed = update(&rig, change, &["data_types"]).await.expect("changed");
    let next = changed.data_types[0].next_collection_time.as_ref();
    assert_eq!(told[0].times.first(), next, "nothing has changed before, and then this");
}

#[tokio::test]
async fn a_schedule_that_cannot_be_is_refused_by_its_place() {
    let rig = Rig::with_connector().await;
    let made = create(&rig, request(integration("Corp"))).await.expect("created");
    let asked = v1::PreviewScheduleRequest {
        name: made.name,
        data_types: vec![
            schedule("user", Some(60)),
            schedule("device", Some(59)),
            schedule("user", None),
        ],
    };
    let answer = rig.integrations().preview_schedule(asked).await;
    let message = answer.as_ref().expect_err("refused").message().to_owned();
    assert!(
        message.contains("data_types[2].data_type"),
        "all of them are told: {message}"
    );
    assert_refused(
        answer,
        Code::InvalidArgument,
        "INVALID_FIELD",
        Some("data_types[1].interval"),
    );
}
