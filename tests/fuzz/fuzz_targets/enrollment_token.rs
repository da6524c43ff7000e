#![no_main]

#[path = "../../tests/decoders/each.rs"]
mod each;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| { each::enrollment_token(bytes); });
