//! stub replaced by merge
use secrecy::SecretString;
/// Credentials
#[derive(Debug)]
pub struct Credentials {
    /// user
    pub user: String,
    /// password
    pub password: SecretString,
}
