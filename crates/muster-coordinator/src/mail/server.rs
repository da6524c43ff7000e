//! Where the mail server is, and how the way to it is protected.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// Where the mail server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailServer {
    /// Its name, which its certificate must have, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

impl MailServer {
    /// Whether it is this machine.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        address.map_or(self.host == "localhost", |address| address.is_loopback())
    }
}

impl fmt::Display for MailServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for MailServer {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let authority = text.parse::<http::uri::Authority>().ok();
        let server = authority.filter(|_| !text.contains('@')).and_then(|authority| {
            let host = authority.host();
            let host = host
                .strip_prefix('[')
                .and_then(|host| host.strip_suffix(']'))
                .unwrap_or(host);
            let port = authority.port_u16().filter(|port| *port > 0)?;
            (!host.is_empty()).then(|| Self {
                host: host.to_ascii_lowercase(),
                port,
            })
        });
        server.ok_or_else(|| {
            format!(
                "`{text}` is no mail server: write it like `mail.example.com:587`; how it is protected is for `smtp_tls` to say, and who logs in for \
                 `smtp_user`"
            )
        })
    }
}

/// How the way to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SmtpTls {
    /// By TLS after a greeting; without it nothing is sent.
    Starttls,
    /// By TLS from the first byte.
    Tls,
    /// Not at all: it is this machine.
    None,
    /// Not at all, wherever it is.
    Unprotected,
}

impl SmtpTls {
    /// Whether by TLS.
    #[must_use]
    pub fn is_protected(self) -> bool {
        match self {
            Self::Starttls | Self::Tls => true,
            Self::None | Self::Unprotected => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mail_server_has_a_host_and_a_port() {
        for (text, host, port, loopback) in [
            ("mail.example.com:587", "mail.example.com", 587, false),
            ("localhost:25", "localhost", 25, true),
            ("127.0.0.1:1025", "127.0.0.1", 1025, true),
            ("[::1]:25", "::1", 25, true),
            ("[2001:db8::1]:465", "2001:db8::1", 465, false),
            ("Localhost.example.com:25", "localhost.example.com", 25, false),
        ] {
            let server: MailServer = text.parse().expect("it is one");
            assert_eq!((server.host.as_str(), server.port), (host, port));
            assert_eq!(server.is_loopback(), loopback, "{text}");
            assert_eq!(server.to_string(), text.to_ascii_lowercase());
        }
    }

    #[test]
    fn what_is_no_mail_server_is_refused_with_how_to_write_it() {
        for bad in [
            "",
            "mail.example.com",
            "mail.example.com:",
            "mail.example.com:0",
            "mail.example.com:70000",
            ":25",
            "smtp://mail.example.com:25",
            "user:password@mail.example.com:587",
            "mail.example.com:25/path",
        ] {
            let refused = bad.parse::<MailServer>().expect_err("it is none");
            assert!(refused.contains("mail.example.com:587"), "{bad}: {refused}");
        }
    }
}
