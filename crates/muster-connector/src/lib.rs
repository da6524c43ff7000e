//! What a connector is: specification, check, collect, sink.
