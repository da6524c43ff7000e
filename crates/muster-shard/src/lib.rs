//! One ledger, one writer, one journal: decide, record, then act.
