//! A log line as one JSON object whose fields all stand beside each other: those of the event, and those of the spans around it. So `execution` is found
//! at the same place in each line of an execution, however deep in the program it was written.

use std::fmt;

use serde::Serializer as _;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// Writes events as such objects; the spans' fields must be kept by [`JsonFields`].
pub(super) struct Json;

impl<S> FormatEvent<S, JsonFields> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut timestamp = String::new();
        SystemTime.format_time(&mut Writer::new(&mut timestamp))?;
        let mut line = Map::new();
        // From the outermost inwards, so that what is nearer to the event counts; the event itself counts most.
        let spans = context.event_scope().into_iter().flat_map(|scope| scope.from_root());
        for span in spans {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>()
                && let Ok(Value::Object(fields)) = serde_json::from_str(&fields.fields)
            {
                line.extend(fields);
            }
        }
        event.record(&mut Fields(&mut line));
        let metadata = event.metadata();
        let first = [
            ("timestamp", timestamp.into()),
            ("level", metadata.level().as_str().into()),
            ("message", line.remove("message").unwrap_or_default()),
            ("target", metadata.target().into()),
        ];
        writeln!(writer, "{}", object(&first, &line).map_err(|_| fmt::Error)?)
    }
}

/// One object: what a person reads first comes first.
fn object(first: &[(&str, Value)], rest: &Map<String, Value>) -> Result<String, serde_json::Error> {
    let mut bytes = Vec::new();
    let first = first.iter().map(|(name, value)| (*name, value));
    let is_free = |name: &str| !["timestamp", "level", "target"].contains(&name);
    let rest = rest
        .iter()
        .map(|(name, value)| (name.as_str(), value))
        .filter(|(name, _)| is_free(name));
    serde_json::Serializer::new(&mut bytes).collect_map(first.chain(rest))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Puts an event's fields into a map.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex, PoisonError};

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn the_fields_of_spans_stand_beside_those_of_the_event() {
        let written = Written::default();
        let writer = written.clone();
        let subscriber = tracing_subscriber::fmt()
            .fmt_fields(JsonFields::new())
            .event_format(Json)
            .with_writer(move || writer.clone())
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let execution = tracing::info_span!(
                "execution",
                execution = "organizations/default/executions/x",
                attempt = 2_u32
            );
            let _execution = execution.entered();
            let _task = tracing::info_span!("task", task = "collection", attempt = 3_u32).entered();
            tracing::warn!(records = 7_u64, whole = false, part = %"a \"b\"", "a\nline");
        });
        let bytes = written.0.lock().expect("written").clone();
        let text = String::from_utf8(bytes).expect("text");
        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(text.starts_with("{\"timestamp\":\""), "{text}");
        let mut line: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
        assert!(
            line.remove("timestamp")
                .is_some_and(|stamp| stamp.as_str().is_some_and(|stamp| stamp.ends_with('Z')))
        );
        let expected = serde_json::json!({
            "level": "WARN",
            "target": module_path!(),
            "message": "a\nline",
            "execution": "organizations/default/executions/x",
            "attempt": 3,
            "task": "collection",
            "records": 7,
            "whole": false,
            "part": "a \"b\"",
        });
        assert_eq!(Value::Object(line), expected);
    }
}
