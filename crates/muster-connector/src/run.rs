//! Runs one collection from its first check to its last record.

use muster_core::words::{Category, Counts, Cursor, Failure};

use crate::{Collection, Connector, Sink};

/// A whole collection: everything has been taken out of the sink's other end, or waits there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// How much went through the sink.
    pub counts: Counts,
    /// Where the next collection goes on. `None`: it begins anew.
    pub cursor: Option<Cursor>,
}

/// Runs one collection: judges its configuration and data type, collects, and sends what is left in the sink.
///
/// A panic of the connector is the caller's to catch, by the task that this runs in.
///
/// # Errors
/// The connector's [`Failure`], or `configuration` for a configuration or data type that the connector does not know. A connector that was
/// told to stop and says that it ended well is not believed. When the collection was canceled, the failure is `canceled`, whatever the
/// connector made of it. The secrets that the sink's redactor knows are taken out of it.
pub async fn run(connector: &dyn Connector, collection: &Collection, sink: Sink) -> Result<Done, Failure> {
    let redactor = sink.redactor().clone();
    let done = run_whole(connector, collection, sink).await;
    done.map_err(|failure| redactor.failure(failure))
}

async fn run_whole(connector: &dyn Connector, collection: &Collection, mut sink: Sink) -> Result<Done, Failure> {
    let spec = connector.spec();
    if spec.data_type(&collection.data_type).is_none() {
        return Err(Failure::new(
            Category::Configuration,
            format!(
                "the connector {} {} does not offer the data type {}",
                spec.name, spec.version, collection.data_type
            ),
        ));
    }
    spec.validate(&collection.config)?;
    let canceled = sink.cancellation();
    let end = match connector.collect(collection, &mut sink).await {
        Ok(end) => end,
        Err(_) if canceled.is_cancelled() => return Err(crate::Stop::Canceled.into()),
        Err(failure) => return Err(failure),
    };
    let counts = sink.finish().await?;
    Ok(Done {
        counts,
        cursor: end.cursor,
    })
}

#[cfg(test)]
mod tests {
    use muster_core::time::Interval;
    use muster_core::words::{ConnectorName, DataType};
    use serde_json::{Value, json};

    use super::*;
    use crate::{BoxFuture, CancellationToken, DataTypeSpec, End, Network, Spec, sink};

    /// Gives each value of the configuration's `records`, heeds no refusal, and says that it ended well.
    struct Careless(Spec);

    impl Careless {
        fn new() -> Self {
            Self(Spec {
                name: ConnectorName::new("careless").expect("a name"),
                version: "1".into(),
                title: "Careless".into(),
                description: "Heeds nothing.".into(),
                config_schema: json!({"required": ["records"]}),
                data_types: vec![DataTypeSpec {
                    name: DataType::new("device").expect("a name"),
                    title: "Devices".into(),
                    default_interval: Interval::HOUR,
                    primary_key: vec!["id".into()],
                    incremental: false,
                }],
                permissions: Vec::new(),
            })
        }
    }

    impl Connector for Careless {
        fn spec(&self) -> &Spec {
            &self.0
        }

        fn check<'a>(&'a self, _: &'a Value, _: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
            Box::pin(async { Ok(()) })
        }

        fn collect<'a>(&'a self, it: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
            Box::pin(async move {
                for record in it.config["records"].as_array().into_iter().flatten() {
                    let _ = sink.record(record).await;
                }
                Ok(End::default())
            })
        }
    }

    async fn collect(data_type: &str, config: Value, canceled: bool) -> Result<Counts, Failure> {
        let token = CancellationToken::new();
        let (sink, _items) = sink(token.clone());
        if canceled {
            token.cancel();
        }
        let collection = Collection {
            config,
            data_type: DataType::new(data_type).expect("a name"),
            cursor: None,
            network: Network::by_hand(),
        };
        run(&Careless::new(), &collection, sink).await.map(|done| done.counts)
    }

    #[tokio::test]
    async fn what_was_given_is_counted() {
        let counts = collect("device", json!({"records": [{"id": 1}, {"id": 2}]}), false).await;
        assert_eq!(counts, Ok(Counts { records: 2, bytes: 18 }));
    }

    #[tokio::test]
    async fn an_unknown_data_type_or_configuration_is_refused_before_the_connector_runs() {
        let unknown = collect("printer", json!({"records": []}), false)
            .await
            .expect_err("not offered");
        assert_eq!(unknown.category, Category::Configuration);
        assert!(unknown.message.contains("printer"), "{}", unknown.message);
        let missing = collect("device", json!({}), false).await.expect_err("required");
        assert_eq!(missing.category, Category::Configuration);
        assert!(missing.message.contains("/records"), "{}", missing.message);
    }

    #[tokio::test]
    async fn a_connector_that_swallows_a_refusal_does_not_end_well() {
        let refused = collect("device", json!({"records": [{"id": 1}, 2, {"id": 3}]}), false).await;
        let failure = refused.expect_err("a number is no record");
        assert_eq!(failure.category, Category::Connector);
        assert_eq!(failure.message, "record 2 was refused: it is not a JSON object");
    }

    #[tokio::test]
    async fn a_canceled_collection_does_not_end_well() {
        let failure = collect("device", json!({"records": []}), true)
            .await
            .expect_err("canceled");
        assert_eq!(failure.category, Category::Canceled);
    }
}
