//! A line of `/etc/passwd`.

use crate::host::lines::number;

/// An account, as its line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Account<'a> {
    pub(super) name: &'a [u8],
    pub(super) password: Password,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) gecos: &'a [u8],
    pub(super) home: &'a [u8],
    pub(super) shell: &'a [u8],
}

/// Where the password is. Never the password: old systems have its hash in this file, which anybody may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Password {
    /// `/etc/shadow` knows.
    InShadow,
    /// In this line.
    Here { locked: bool },
}

/// Whether the line is empty, a comment, or a reference to a directory service (`+` and `-`).
pub(super) fn is_no_account(line: &[u8]) -> bool {
    matches!(line.trim_ascii().first(), None | Some(b'#' | b'+' | b'-'))
}

/// The account of this line; `None` when it is malformed.
pub(super) fn parse(line: &[u8]) -> Option<Account<'_>> {
    let fields: Vec<_> = line.split(|byte| *byte == b':').collect();
    let [name, password, uid, gid, gecos, home, shell] = fields[..] else {
        return None;
    };
    if name.is_empty() {
        return None;
    }
    let password = match password {
        b"x" => Password::InShadow,
        other => Password::Here {
            locked: is_locked(other),
        },
    };
    let (uid, gid) = (number(uid)?, number(gid)?);
    Some(Account {
        name,
        password,
        uid,
        gid,
        gecos,
        home,
        shell,
    })
}

/// Whether no password can be right: `!` stands before one that was locked, `*` in place of one that was never set.
pub(super) fn is_locked(password: &[u8]) -> bool {
    matches!(password.first(), Some(b'!' | b'*'))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_line_has_seven_fields() {
        let account = parse(b"ana:x:1000:100:Ana,,,:/home/ana:/bin/sh").expect("an account");
        assert_eq!((account.name, account.uid, account.gid), (&b"ana"[..], 1000, 100));
        assert_eq!(account.password, Password::InShadow);
        for odd in [
            "ana",
            "ana:x:1000:100:Ana:/home/ana",
            ":x:1:1::/:/bin/sh",
            "a:x:-1:1::/:/",
            "a:x:1:99999999999::/:/",
        ] {
            assert_eq!(parse(odd.as_bytes()), None, "{odd}");
        }
    }

    #[test]
    fn a_password_in_the_line_is_judged_and_forgotten() {
        let here = |password: &str| parse(format!("a:{password}:1:1::/:/").as_bytes()).map(|account| account.password);
        assert_eq!(here("$6$salt$hash"), Some(Password::Here { locked: false }));
        assert_eq!(here(""), Some(Password::Here { locked: false }));
        assert_eq!(here("*"), Some(Password::Here { locked: true }));
    }

    proptest! {
        #[test]
        fn any_line_is_an_account_or_none(line in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = (is_no_account(&line), parse(&line));
        }
    }
}
