//! `REQ(X?Y):Z` and its like.

use nuncio_message::HeaderId;
use nuncio_message::Headers;

/// The header to print, the one to print in its absence, and how much of it.
#[derive(Debug)]
pub(crate) struct HeaderQuery {
    main: HeaderName,
    alternative: Option<HeaderName>,
    max_length: usize,
}

#[derive(Debug)]
struct HeaderName {
    id: HeaderId,
    name: Box<[u8]>,
}

impl HeaderQuery {
    /// Parses `X` or `X?Y`.
    ///
    /// # Errors
    /// What is wrong, in Envoy's words.
    pub(super) fn parse(arguments: &str, max_length: Option<u64>) -> Result<Self, String> {
        let mut names = arguments.split('?');
        let main = names.next().unwrap_or("");
        let alternative = names.next().filter(|name| !name.is_empty());
        if names.next().is_some() {
            return Err(format!("More than 1 alternative header specified in token: {arguments}"));
        }
        Ok(Self {
            main: HeaderName::parse(main)?,
            alternative: alternative.map(HeaderName::parse).transpose()?,
            max_length: max_length.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX)),
        })
    }

    /// The same for requests, which keep the host as `:authority`, whatever their version.
    pub(super) fn of_request(mut self) -> Self {
        for name in [&mut self.main].into_iter().chain(&mut self.alternative) {
            if name.id == HeaderId::HOST {
                name.id = HeaderId::AUTHORITY;
            }
        }
        self
    }

    /// The value to print; empty is a value.
    pub(super) fn find<'a>(&self, headers: Option<&'a Headers>) -> Option<&'a [u8]> {
        let headers = headers?;
        let value = self.main.find(headers).or_else(|| self.alternative.as_ref()?.find(headers))?;
        Some(&value[..value.len().min(self.max_length)])
    }
}

impl HeaderName {
    fn parse(name: &str) -> Result<Self, String> {
        let plain = name.strip_prefix(':').unwrap_or(name);
        // RFC 9110 section 5.6.2, tchar.
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if !plain.bytes().all(is_token) {
            return Err("Invalid header configuration. Format string contains invalid characters.".to_owned());
        }
        let name = name.to_ascii_lowercase().into_bytes();
        Ok(Self { id: HeaderId::of(&name), name: name.into() })
    }

    fn find<'a>(&self, headers: &'a Headers) -> Option<&'a [u8]> {
        match self.id {
            HeaderId::OTHER => headers.get_by_name(&self.name),
            id => headers.get(id),
        }
    }
}
