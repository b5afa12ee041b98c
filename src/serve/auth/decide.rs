//! The rules: who gets an answer, and what the others are told.

use serde_json::json;

use super::reviews::Unanswered;
use super::user::User;

/// Whom the credentials of a request show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Identity {
    /// Somebody; or nobody in particular, if there were no credentials.
    User(User),
    /// Credentials that are not good, and what is wrong with them.
    Rejected(&'static str),
    /// Nobody can tell.
    Unknown(Unanswered),
}

/// Whether a user may do what they want to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Access {
    Allowed,
    Denied,
    /// Nobody can tell.
    Unknown(Unanswered),
}

/// What somebody wants to do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Action<'a> {
    pub(super) verb: &'a str,
    pub(super) path: &'a str,
}

/// Why somebody gets no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The HTTP status: 401, 403 or 503.
    pub status: u16,
    /// What is missing, and how to get it.
    pub message: String,
}

impl Refusal {
    /// The body: a `Status`, as the API server answers.
    pub fn body(&self) -> String {
        let reason = match self.status {
            401 => "Unauthorized",
            403 => "Forbidden",
            _ => "ServiceUnavailable",
        };
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": reason, "code": self.status,
        });
        format!("{status:#}\n")
    }
}

/// The role that contains both rights.
const DELEGATOR: &str = "bind its service account to the ClusterRole system:auth-delegator";

/// The user, if they are one.
pub(super) fn identified(identity: Identity) -> Result<User, Refusal> {
    match identity {
        Identity::User(user) => Ok(user),
        Identity::Rejected(problem) => Err(Refusal { status: 401, message: problem.to_owned() }),
        Identity::Unknown(Unanswered::Forbidden) => Err(Refusal {
            status: 401,
            message: format!(
                "tokens cannot be verified, because this manager lacks the right to create \
                 tokenreviews.authentication.k8s.io; {DELEGATOR}"
            ),
        }),
        Identity::Unknown(Unanswered::Unavailable(_)) => Err(Refusal {
            status: 503,
            message: "tokens cannot be verified now, because the API server does not answer".to_owned(),
        }),
    }
}

/// Whether the user gets the answer.
pub(super) fn permitted(user: &User, action: Action<'_>, access: &Access) -> Result<(), Refusal> {
    let Action { verb, path } = action;
    // Who has shown nothing is asked to, whatever the reason is.
    let status = if user.is_anonymous() { 401 } else { 403 };
    let message = match access {
        Access::Allowed => return Ok(()),
        Access::Denied if user.is_anonymous() => format!(
            "{path} is not for everybody: show a token (Authorization: Bearer ...) or a client certificate of \
             somebody who may {verb} the non-resource URL {path}"
        ),
        Access::Denied => format!(
            "forbidden: User {:?} cannot {verb} path {path:?}; a ClusterRole with nonResourceURLs [{path:?}] and \
             verbs [{verb:?}] permits it",
            user.name
        ),
        Access::Unknown(Unanswered::Forbidden) => format!(
            "who may {verb} {path} cannot be found out, because this manager lacks the right to create \
             subjectaccessreviews.authorization.k8s.io; {DELEGATOR}"
        ),
        Access::Unknown(Unanswered::Unavailable(_)) => {
            let message = format!(
                "who may {verb} {path} cannot be found out now, because the API server does not answer"
            );
            return Err(Refusal { status: 503, message });
        }
    };
    Err(Refusal { status, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn jane() -> User {
        User { name: "jane".to_owned(), ..User::default() }.authenticated()
    }

    #[test]
    fn whoever_is_not_known_is_told_why() {
        let unavailable = Unanswered::Unavailable("secret detail".to_owned());
        for (identity, status, part) in [
            (Identity::Rejected("the token is not valid"), 401, "the token is not valid"),
            (Identity::Unknown(Unanswered::Forbidden), 401, "tokenreviews.authentication.k8s.io"),
            (Identity::Unknown(unavailable), 503, "the API server does not answer"),
        ] {
            let refusal = identified(identity).unwrap_err();
            assert_eq!(refusal.status, status);
            assert!(refusal.message.contains(part) && !refusal.message.contains("secret"), "{refusal:?}");
        }
        assert_eq!(identified(Identity::User(jane())), Ok(jane()));
    }

    #[test]
    fn whoever_may_not_is_told_what_would_permit_it() {
        let forbidden = Access::Unknown(Unanswered::Forbidden);
        let unavailable = Access::Unknown(Unanswered::Unavailable("secret detail".to_owned()));
        let action = Action { verb: "get", path: "/metrics" };
        for (user, access, status, part) in [
            (jane(), &Access::Denied, 403, "User \"jane\" cannot get path \"/metrics\""),
            (User::anonymous(), &Access::Denied, 401, "Authorization: Bearer"),
            (jane(), &forbidden, 403, "subjectaccessreviews.authorization.k8s.io"),
            (User::anonymous(), &forbidden, 401, "system:auth-delegator"),
            (jane(), &unavailable, 503, "does not answer"),
        ] {
            let refusal = permitted(&user, action, access).unwrap_err();
            assert_eq!(refusal.status, status, "{refusal:?}");
            assert!(refusal.message.contains(part) && !refusal.message.contains("secret"), "{refusal:?}");
            let body: serde_json::Value = serde_json::from_str(&refusal.body()).unwrap();
            assert_eq!((&body["kind"], &body["code"]), (&json!("Status"), &json!(status)));
        }
        for user in [jane(), User::anonymous()] {
            assert_eq!(permitted(&user, action, &Access::Allowed), Ok(()));
        }
    }
}
