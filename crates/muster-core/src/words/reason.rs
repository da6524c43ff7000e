//! What exactly has failed, where somebody knows: what makes a remedy name the thing.

use smol_str::SmolStr;

use super::Category;

/// The kinds of reasons. Each has a subject: the thing that it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReasonKind {
    /// The source lacks a grant: the permission's name, as in the connector's specification.
    MissingPermission,
    /// The source does not accept the credentials: what they are called, such as `token`.
    BadCredentials,
    /// A name could not be resolved: the host's name.
    NameResolution,
    /// A connection was refused: the address, or host and port.
    Refused,
    /// A connection was not answered: the address, or host and port.
    ConnectTimeout,
    /// There is no way to a host: the address, or host and port.
    Unreachable,
    /// A connection broke off: the address, or host and port.
    Broken,
    /// A certificate was issued by somebody who is not trusted: the host. The issuer may be told, too.
    Untrusted,
    /// A certificate is not valid now: the host.
    CertificateExpired,
    /// A certificate is for another host: the host that was asked for.
    CertificateName,
    /// TLS failed otherwise: the host.
    Tls,
    /// A proxy refused the connection: the proxy's address.
    ProxyRefused,
    /// A proxy asks who it is: the proxy's address.
    ProxyAuthentication,
    /// A program exited before its end: its exit code.
    Exited,
    /// A program was killed: the signal.
    Killed,
    /// The connector's code has panicked: nothing, or where.
    Panicked,
    /// It took longer than a runner allows: the limit.
    TimeLimit,
    /// A runner was not heard of any more: its id.
    RunnerSilent,
}

impl ReasonKind {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 18] = [
        Self::MissingPermission,
        Self::BadCredentials,
        Self::NameResolution,
        Self::Refused,
        Self::ConnectTimeout,
        Self::Unreachable,
        Self::Broken,
        Self::Untrusted,
        Self::CertificateExpired,
        Self::CertificateName,
        Self::Tls,
        Self::ProxyRefused,
        Self::ProxyAuthentication,
        Self::Exited,
        Self::Killed,
        Self::Panicked,
        Self::TimeLimit,
        Self::RunnerSilent,
    ];

    /// Its name, as on the wire and in documentation: `missing_permission`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MissingPermission => "missing_permission",
            Self::BadCredentials => "bad_credentials",
            Self::NameResolution => "name_resolution",
            Self::Refused => "refused",
            Self::ConnectTimeout => "connect_timeout",
            Self::Unreachable => "unreachable",
            Self::Broken => "broken",
            Self::Untrusted => "untrusted",
            Self::CertificateExpired => "certificate_expired",
            Self::CertificateName => "certificate_name",
            Self::Tls => "tls",
            Self::ProxyRefused => "proxy_refused",
            Self::ProxyAuthentication => "proxy_authentication",
            Self::Exited => "exited",
            Self::Killed => "killed",
            Self::Panicked => "panicked",
            Self::TimeLimit => "time_limit",
            Self::RunnerSilent => "runner_silent",
        }
    }

    /// The kind of this name; `None` when there is none.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }

    /// The category of a failure that has it.
    #[must_use]
    pub fn category(self) -> Category {
        match self {
            Self::MissingPermission | Self::BadCredentials => Category::Permission,
            Self::NameResolution
            | Self::Refused
            | Self::ConnectTimeout
            | Self::Unreachable
            | Self::Broken
            | Self::Untrusted
            | Self::CertificateExpired
            | Self::CertificateName
            | Self::Tls
            | Self::ProxyRefused
            | Self::ProxyAuthentication => Category::Communication,
            Self::Exited | Self::Killed | Self::Panicked => Category::Connector,
            Self::TimeLimit => Category::Timeout,
            Self::RunnerSilent => Category::RunnerLost,
        }
    }
}

/// What exactly has failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Its kind.
    pub kind: ReasonKind,
    /// What it is about, as its kind says. At most [`Reason::TEXT_BYTES_MAX`] bytes.
    pub subject: SmolStr,
    /// Who issued the certificate of [`ReasonKind::Untrusted`]; `None` where nobody knows. As long at most.
    pub issuer: Option<SmolStr>,
}

impl Reason {
    /// The most bytes of one of its texts: host names have at most 253.
    pub const TEXT_BYTES_MAX: usize = 256;

    /// A reason of this kind. A longer subject is cut.
    #[must_use]
    pub fn new(kind: ReasonKind, subject: impl AsRef<str>) -> Self {
        Self {
            kind,
            subject: cut(subject.as_ref()),
            issuer: None,
        }
    }

    /// The same with the issuer of a certificate. A longer name is cut.
    #[must_use]
    pub fn with_issuer(mut self, issuer: impl AsRef<str>) -> Self {
        self.issuer = Some(cut(issuer.as_ref()));
        self
    }
}

fn cut(text: &str) -> SmolStr {
    if text.len() <= Reason::TEXT_BYTES_MAX {
        return text.into();
    }
    let end = text.floor_char_boundary(Reason::TEXT_BYTES_MAX - '…'.len_utf8());
    format!("{}…", &text[..end]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in ReasonKind::ALL {
            assert_eq!(ReasonKind::of_name(kind.as_str()), Some(kind));
        }
        assert_eq!(ReasonKind::of_name("phase_of_the_moon"), None);
    }

    #[test]
    fn its_texts_are_bounded() {
        let reason = Reason::new(ReasonKind::Untrusted, "ä".repeat(1_000)).with_issuer("x".repeat(1_000));
        assert!(reason.subject.len() <= Reason::TEXT_BYTES_MAX && reason.subject.ends_with('…'));
        assert_eq!(reason.issuer.map(|issuer| issuer.len()), Some(Reason::TEXT_BYTES_MAX));
    }
}
