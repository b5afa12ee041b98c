//! The SOAP 1.1 envelope around requests and answers.

use super::{DecodeError, Fault, FromXml, Reader, Tag, Writer};
use crate::vsphere::MoRef;

/// The service a message belongs to, by its XML namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Namespace {
    /// `urn:vim25`, at `/sdk`
    Vim25,
}

impl Namespace {
    /// The URI.
    pub const fn uri(self) -> &'static str {
        match self {
            Self::Vim25 => "urn:vim25",
        }
    }

    /// Where the service listens.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Vim25 => "/sdk",
        }
    }
}

/// A call of one method on one managed object.
pub trait Request: Sync {
    /// The method's name, as in `RetrievePropertiesEx`.
    const METHOD: &'static str;
    /// The service.
    const NAMESPACE: Namespace = Namespace::Vim25;
    /// Whether doing it twice is as good as once, so that it may be retried when the answer got lost.
    const IDEMPOTENT: bool;
    /// What the method returns.
    type Response: Send;

    /// The object the method is called on.
    fn this(&self) -> &MoRef;

    /// Writes the arguments in the schema's order.
    fn write(&self, writer: &mut Writer);

    /// Reads the element `<…Response>`.
    fn read(reader: &mut Reader<'_>) -> Result<Self::Response, DecodeError>;

    /// Whether the answer, though no fault, says that the session is gone.
    ///
    /// Property reads without a session succeed and report `NotAuthenticated` per property.
    fn lost_session(_response: &Self::Response) -> bool {
        false
    }
}

/// Why an answer gives no result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoapError {
    /// vCenter refused.
    #[error("{0}")]
    Fault(Box<Fault>),
    /// The answer is not understood.
    #[error(transparent)]
    Decode(#[from] DecodeError),
}

/// The whole body of the HTTP request.
pub fn encode_request<R: Request>(request: &R) -> String {
    let mut w = Writer::default();
    w.raw(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?>"#,
        r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/""#,
        r#" xmlns:xsd="http://www.w3.org/2001/XMLSchema""#,
        r#" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Body><"#,
    ));
    w.raw(R::METHOD);
    w.raw(" xmlns=\"");
    w.raw(R::NAMESPACE.uri());
    w.raw("\">");
    w.moref("_this", request.this());
    request.write(&mut w);
    w.raw("</");
    w.raw(R::METHOD);
    w.raw("></soapenv:Body></soapenv:Envelope>");
    w.finish()
}

/// Reads the body of the HTTP answer, whatever its status was.
pub fn decode_response<R: Request>(body: &str) -> Result<R::Response, SoapError> {
    let mut outcome: Option<Result<R::Response, Fault>> = None;
    let expected = |name: &str| name.strip_suffix("Response") == Some(R::METHOD);
    Reader::new(body).children(|reader, tag| {
        if tag.name != "Envelope" {
            return Err(DecodeError::new("expected a SOAP envelope"));
        }
        reader.children(|reader, tag| {
            if tag.name != "Body" {
                return Ok(());
            }
            reader.children(|reader, tag| {
                if tag.name == "Fault" {
                    outcome = Some(Err(reader.read(tag)?));
                } else if expected(&tag.name) {
                    outcome = Some(Ok(R::read(reader)?));
                } else {
                    return Err(DecodeError::new(format!("expected <{}Response>", R::METHOD)));
                }
                Ok(())
            })
        })
    })?;
    match outcome {
        Some(Ok(response)) => Ok(response),
        Some(Err(fault)) => Err(SoapError::Fault(Box::new(fault))),
        None => Err(DecodeError::missing("Body").into()),
    }
}

impl Reader<'_> {
    /// The one `returnval` of a response, which must be there.
    pub fn returnval<T: FromXml>(&mut self) -> Result<T, DecodeError> {
        self.optional_returnval()?.ok_or_else(|| DecodeError::missing("returnval"))
    }

    /// The `returnval` of a response that may have none.
    pub fn optional_returnval<T: FromXml>(&mut self) -> Result<Option<T>, DecodeError> {
        Ok(self.returnvals()?.pop())
    }

    /// All `returnval`s of a response.
    pub fn returnvals<T: FromXml>(&mut self) -> Result<Vec<T>, DecodeError> {
        let mut values = Vec::new();
        self.children(|reader, tag: &Tag| {
            if tag.name == "returnval" {
                values.push(reader.read(tag)?);
            }
            Ok(())
        })?;
        Ok(values)
    }
}
