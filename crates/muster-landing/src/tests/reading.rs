use futures_util::TryStreamExt;

use super::*;

async fn read(bench: &Bench) -> Result<Vec<Bytes>, LandingError> {
    let lines = bench.landing.read(&destination()).await?.expect("visible");
    lines.try_collect().await
}

#[tokio::test]
async fn records_are_read_in_bounded_chunks_of_whole_lines() {
    let bench = Bench::new();
    let mut stage = bench.begin(FIRST).await;
    let mut uploaded = Vec::new();
    // From short lines to the longest that is allowed, and back.
    for bytes in [20, 70_000, LINE_BYTES_MAX, 300_000, LINE_BYTES_MAX, 9, 262_144, 20] {
        let line = format!("{{\"a\":\"{}\"}}\n", "x".repeat(bytes - 9));
        let line = if bytes == 9 { "{\"a\":\"\"}\n".to_owned() } else { line };
        uploaded.extend_from_slice(line.as_bytes());
        stage.write(Bytes::from(line)).await.expect("written");
    }
    bench
        .publish(&stage.finish().await.expect("staged"))
        .await
        .expect("published");
    let chunks = read(&bench).await.expect("records");
    for chunk in &chunks {
        assert!(chunk.len() <= LINE_BYTES_MAX, "{}", chunk.len());
        assert_eq!(chunk.last(), Some(&b'\n'));
    }
    assert!(chunks.concat() == uploaded, "the bytes are others");
}

#[tokio::test]
async fn nothing_is_read_before_it_is_published_or_under_another_name() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    assert!(bench.landing.read(&destination()).await.expect("an answer").is_none());
    bench.publish(&staged).await.expect("published");
    for elsewhere in [
        Destination {
            organization: OrganizationId::new("other").expect("a name"),
            ..destination()
        },
        Destination {
            integration: IntegrationId(0x12),
            ..destination()
        },
        Destination {
            data_type: DataType::new("user").expect("a name"),
            ..destination()
        },
        Destination {
            execution: ExecutionId(0x12),
            ..destination()
        },
    ] {
        assert!(
            bench.landing.read(&elsewhere).await.expect("an answer").is_none(),
            "{elsewhere}"
        );
    }
    assert_eq!(
        read(&bench).await.expect("records").concat(),
        CHUNKS.concat().as_bytes()
    );
}

#[tokio::test]
async fn damage_is_told_and_not_read_over() {
    let bench = Bench::new();
    let staged = bench.stage(FIRST).await;
    bench.publish(&staged).await.expect("published");
    let mut content = fs::read(bench.data()).expect("content");
    let middle = content.len() / 2;
    content[middle] ^= 1;
    fs::write(bench.data(), &content).expect("written");
    let error = read(&bench).await.expect_err("damaged");
    assert!(matches!(error, LandingError::Damaged { .. }), "{error:?}");
    fs::write(bench.data(), &content[..middle]).expect("written");
    let error = read(&bench).await.expect_err("cut");
    assert!(matches!(error, LandingError::Damaged { .. }), "{error:?}");
}
