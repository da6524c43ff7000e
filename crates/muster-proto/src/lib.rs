//! The generated code of Muster's wire.
