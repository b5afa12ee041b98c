//! What an error of the API server means, in one line.

use std::error::Error as _;

/// What the API server says, or why it says nothing; the layers of the client around that repeat it or
/// add nothing.
pub fn explain(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error {
        return if status.message.is_empty() { status.reason.clone() } else { status.message.clone() };
    }
    let causes = std::iter::successors(error.source(), |error| (*error).source());
    causes.last().map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cause_is_what_is_told() {
        let refused = std::io::Error::other(std::io::Error::other("Connection refused"));
        assert_eq!(explain(&kube::Error::Service(Box::new(refused))), "Connection refused");
        let status = kube::core::Status::failure("secrets \"x\" is forbidden", "Forbidden").with_code(403);
        assert_eq!(explain(&kube::Error::Api(status.boxed())), "secrets \"x\" is forbidden");
    }
}
