//! Who we are among the candidates.

use ring::rand::{SecureRandom, SystemRandom};
use rustix::system::uname;

/// `<hostname>_<uuid>`, as client-go's managers call themselves. Each call makes another one.
///
/// # Errors
/// The system has no random numbers.
pub fn identity() -> Result<String, ring::error::Unspecified> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes)?;
    let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
    Ok(format!("{}_{uuid}", uname().nodename().to_string_lossy()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_are_the_same() {
        let (one, other) = (identity().unwrap(), identity().unwrap());
        assert_ne!(one, other);
        let (host, uuid) = one.rsplit_once('_').unwrap();
        assert!(!host.is_empty() && uuid::Uuid::parse_str(uuid).is_ok(), "{one}");
    }
}
