//! What the firmware says about the machine.

use serde::Serialize;

use crate::host::root::Root;

/// Maker, product and numbers, by `/sys/class/dmi/id`.
#[derive(Debug, Default, Serialize)]
pub(super) struct Hardware {
    vendor: Option<String>,
    product: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) uuid: Option<String>,
    bios_version: Option<String>,
}

pub(super) fn read(root: &Root) -> Hardware {
    let value = |name: &str| {
        root.value(format!("sys/class/dmi/id/{name}"))
            .filter(|value| !is_placeholder(value))
    };
    Hardware {
        vendor: value("sys_vendor"),
        product: value("product_name"),
        serial: value("product_serial"),
        uuid: value("product_uuid"),
        bios_version: value("bios_version"),
    }
}

/// Whether the maker left the field as it was: thousands of machines share such a "serial number".
fn is_placeholder(value: &str) -> bool {
    const PLACEHOLDERS: [&str; 9] = [
        "to be filled by o.e.m.",
        "default string",
        "not specified",
        "not applicable",
        "system serial number",
        "system product name",
        "system manufacturer",
        "none",
        "03000200-0400-0500-0006-000700080009",
    ];
    let lower = value.to_ascii_lowercase();
    PLACEHOLDERS.contains(&lower.as_str())
        || lower
            .chars()
            .all(|character| matches!(character, '0' | '-' | 'x' | 'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_maker_forgot_is_unknown() {
        for value in [
            "To be filled by O.E.M.",
            "None",
            "00000000-0000-0000-0000-000000000000",
            "0",
        ] {
            assert!(is_placeholder(value), "{value}");
        }
        for value in ["PF2ABCDE", "7f000000-1111-2222-3333-444444444444"] {
            assert!(!is_placeholder(value), "{value}");
        }
    }
}
