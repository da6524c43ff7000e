//! By which proxy the coordinator is reached, if by any. Only what the runner itself says to its coordinator goes through it; connectors go their own ways.

use std::fmt;

use http::HeaderValue;
use hyper_util::client::proxy::matcher::Matcher;
use tonic::transport::Uri;

/// The variables that name a proxy for `https`, and the hosts that are reached without one, as other programs know them. The first that is set counts.
const PROXY_VARIABLES: [(&str, &str); 2] = [
    ("HTTPS_PROXY", "the variable HTTPS_PROXY"),
    ("https_proxy", "the variable https_proxy"),
];
const EXCEPTION_VARIABLES: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// What says that there is no proxy, whatever the variables say.
const DIRECT: &str = "direct";

const EXPECTED: &str = "write it as `http://proxy.example:3128`, or as `http://name:password@proxy.example:3128`, where what is no letter or digit in the \
                        name and the password stands as in `%40` for `@`";

/// A proxy that makes tunnels by `CONNECT`, and what it is shown. Its texts never have the password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proxy {
    address: Uri,
    authorization: Option<HeaderValue>,
    /// What has named it.
    named_by: &'static str,
}

impl Proxy {
    /// Reads an address such as `http://name:password@proxy.example:3128`.
    ///
    /// # Errors
    /// What is wrong, without the text, which may hold a password.
    fn parse(text: &str, named_by: &'static str) -> Result<Self, String> {
        let text = if text.contains("://") {
            text.to_owned()
        } else {
            format!("http://{text}")
        };
        let address: Uri = text
            .parse()
            .map_err(|_| format!("is no address of a proxy: {EXPECTED}"))?;
        match address.scheme_str() {
            Some("http") => {}
            Some("https") => {
                return Err(
                    "begins with `https://`: the proxy itself is spoken to by `http://`. What goes through it is protected all the same, since TLS is spoken \
                     with the coordinator"
                        .to_owned(),
                );
            }
            Some(_) | None => return Err(format!("is of another kind than `http://`: {EXPECTED}")),
        }
        // With more than one `@` a part of the password would be taken for the host, and a port that is none for 80.
        let authority = address.authority().map_or("", |authority| authority.as_str());
        let place = authority.rsplit('@').next().unwrap_or_default();
        let has_no_port = place.ends_with(']') || !place.contains(':');
        if authority.matches('@').count() > 1 || !(has_no_port || address.port_u16().is_some()) {
            return Err(format!("is no address of a proxy: {EXPECTED}"));
        }
        let matcher = Matcher::builder().https(text).build();
        let found = matcher.intercept(&Uri::from_static("https://coordinator"));
        let found = found.ok_or_else(|| format!("is no address of a proxy: {EXPECTED}"))?;
        Ok(Self {
            address: found.uri().clone(),
            authorization: found.basic_auth().cloned(),
            named_by,
        })
    }

    /// Where it is.
    #[must_use]
    pub fn address(&self) -> &Uri {
        &self.address
    }

    /// What it is shown: a name and a password.
    pub(crate) fn authorization(&self) -> Option<&HeaderValue> {
        self.authorization.as_ref()
    }

    /// By what it was named: a setting, or a variable.
    pub(crate) fn named_by(&self) -> &'static str {
        self.named_by
    }
}

impl fmt::Display for Proxy {
    /// `proxy.example:3128`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.address.authority().map_or("", |authority| authority.as_str()))
    }
}

/// What is set about proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProxySetting {
    /// There is none, whatever the variables say.
    Direct,
    /// This one, whatever the coordinator's address is.
    Through(Proxy),
}

/// Reads the setting.
///
/// # Errors
/// What is wrong.
pub(crate) fn proxy_from(text: &str) -> Result<ProxySetting, String> {
    if text == DIRECT {
        return Ok(ProxySetting::Direct);
    }
    Proxy::parse(text, "the setting `proxy`").map(ProxySetting::Through)
}

/// By which proxy others are reached: what is set, or else what the variables say that other programs heed, too.
#[derive(Clone, Default)]
pub struct Proxies {
    set: Option<ProxySetting>,
    /// What one of [`PROXY_VARIABLES`] says, with how it is called; and that of one of [`EXCEPTION_VARIABLES`].
    variables: Option<(&'static str, String, String)>,
}

impl fmt::Debug for Proxies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Proxies")
            .field("set", &self.set)
            .finish_non_exhaustive()
    }
}

impl Proxies {
    /// What is set, or else what this process's environment says.
    #[must_use]
    pub fn of_process(set: Option<ProxySetting>) -> Self {
        Self::of(set, |name| std::env::var(name).ok())
    }

    fn of(set: Option<ProxySetting>, variable: impl Fn(&str) -> Option<String>) -> Self {
        let set_to = |name| variable(name).filter(|value| !value.is_empty());
        let exceptions = EXCEPTION_VARIABLES.into_iter().find_map(set_to).unwrap_or_default();
        let mut proxies = PROXY_VARIABLES.into_iter();
        let variables = proxies.find_map(|(name, named_by)| Some((named_by, set_to(name)?, exceptions.clone())));
        Self { set, variables }
    }

    /// The proxy by which this address is reached; `None` for none. The variables are about `https` alone.
    ///
    /// # Errors
    /// What is wrong with the variable.
    pub fn to(&self, address: &Uri) -> Result<Option<Proxy>, String> {
        match (&self.set, &self.variables) {
            (Some(ProxySetting::Direct), _) | (None, None) => Ok(None),
            (Some(ProxySetting::Through(proxy)), _) => Ok(Some(proxy.clone())),
            (None, Some((named_by, value, exceptions))) => {
                // Any proxy will do to ask for the exceptions.
                let matcher = Matcher::builder().https("http://proxy").no(exceptions).build();
                if matcher.intercept(address).is_none() {
                    return Ok(None);
                }
                Proxy::parse(value, named_by)
                    .map(Some)
                    .map_err(|problem| format!("{named_by} {problem}"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(set: Option<&str>, variables: &[(&str, &str)], address: &str) -> Result<Option<String>, String> {
        let set = set.map(proxy_from).transpose()?;
        let variable = |name: &str| {
            let found = variables.iter().find(|(known, _)| *known == name)?;
            Some(found.1.to_owned())
        };
        let proxies = Proxies::of(set, variable);
        let proxy = proxies.to(&address.parse().expect("an address"))?;
        Ok(proxy.map(|proxy| {
            let shown = proxy.authorization().map_or("", |value| value.to_str().expect("ASCII"));
            format!("{proxy} {shown}").trim_end().to_owned()
        }))
    }

    #[test]
    fn what_is_set_goes_before_the_variables() {
        let there = "https://muster.example:443";
        let variables = [("HTTPS_PROXY", "http://v:1")];
        let through = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(to(None, &[], there), Ok(None));
        assert_eq!(to(None, &variables, there), through("v:1"));
        assert_eq!(to(Some("direct"), &variables, there), Ok(None));
        assert_eq!(to(Some("http://s:2"), &variables, there), through("s:2"));
        assert_eq!(
            to(Some("http://s:2"), &variables, "http://127.0.0.1:7443"),
            through("s:2")
        );
        assert_eq!(
            to(None, &[("HTTPS_PROXY", ""), ("https_proxy", "l:3")], there),
            through("l:3")
        );
        let user = "http://Aladdin:open%20sesame@p:8080/";
        assert_eq!(
            to(Some(user), &[], there),
            through("p:8080 Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
        );
    }

    #[test]
    fn the_variables_are_about_https_and_have_exceptions() {
        let with = |exceptions, address| to(None, &[("https_proxy", "p:1"), ("no_proxy", exceptions)], address);
        let proxied = Ok(Some("p:1".to_owned()));
        assert_eq!(with("", "https://muster.example:443"), proxied);
        assert_eq!(with("", "http://muster.example:80"), Ok(None));
        for exceptions in ["muster.example", ".example", "other, example", "*"] {
            assert_eq!(with(exceptions, "https://muster.example:443"), Ok(None), "{exceptions}");
        }
        assert_eq!(with("notmuster.example", "https://muster.example:443"), proxied);
        assert_eq!(with("10.0.0.0/8", "https://10.1.2.3:443"), Ok(None));
        assert_eq!(with("::1", "https://[::1]:443"), Ok(None));
        assert_eq!(with("127.0.0.1", "https://[::1]:443"), proxied);
    }

    #[test]
    fn what_is_wrong_is_told_without_the_password() {
        for (text, part) in [
            ("https://n:hunter2@p:1", "begins with `https://`"),
            ("socks5://n:hunter2@p:1", "of another kind"),
            ("http://n:hunter2@@p:1", "stands as in `%40`"),
            ("http://n:hunt@er2@p:1", "stands as in `%40`"),
            ("http://n:hunter2@p:port", "no address"),
        ] {
            let error = proxy_from(text).expect_err(text);
            assert!(error.contains(part) && !error.contains("hunter2"), "{error}");
            let error = to(None, &[("https_proxy", text)], "https://c:1").expect_err(text);
            assert!(
                error.starts_with("the variable https_proxy ") && error.contains(part),
                "{error}"
            );
            assert!(!error.contains("hunter2"), "{error}");
            assert_eq!(
                to(None, &[("https_proxy", text), ("no_proxy", "c")], "https://c:1"),
                Ok(None)
            );
        }
        let good = proxy_from("http://n:hunter2@p:1").expect("good");
        assert!(!format!("{good:?}").contains("hunter2") && !format!("{good:?}").contains("Basic"));
    }
}
