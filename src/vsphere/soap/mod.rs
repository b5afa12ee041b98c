//! The SOAP codec: bytes in, bytes out, no I/O.
//!
//! vSphere's SOAP cannot be read through serde: a moref inside `anyType` carries two attributes
//! called `type`, one of them in the XSI namespace. So messages are pulled event by event.

mod envelope;
mod fault;
mod reader;
mod value;
mod writer;

pub use envelope::{Namespace, Request, SoapError, decode_response, encode_request};
pub use fault::{Fault, FaultKind};
pub use reader::{DecodeError, FromXml, Reader, Tag};
pub use value::Value;
pub use writer::{Writer, is_legal};

#[cfg(test)]
mod tests;
