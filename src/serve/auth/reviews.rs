//! Asks the API server who somebody is, and what they may do.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{
    NonResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::Semaphore;

use super::user::User;

/// Upstream's deadline for a review.
const DEADLINE: Duration = Duration::from_secs(10);
/// Reviews at the same time: whoever tries tokens at random must not make us flood the API server.
const AT_ONCE: usize = 8;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// This process lacks the right to ask.
    Forbidden,
    /// The API server cannot be asked.
    Unavailable(String),
}

/// Where it is asked.
pub(super) trait Reviews: Send + Sync {
    /// Whose token it is; `None` if it is nobody's.
    fn token<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<User>, Unanswered>>;

    /// Whether the user may do this with a path.
    fn access<'a>(
        &'a self,
        user: &'a User,
        verb: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<bool, Unanswered>>;
}

/// The API server.
pub(super) struct ApiServer {
    tokens: Api<TokenReview>,
    access: Api<SubjectAccessReview>,
    turns: Semaphore,
}

impl ApiServer {
    pub(super) fn new(authentication: Client, authorization: Client) -> Self {
        Self {
            tokens: Api::all(authentication),
            access: Api::all(authorization),
            turns: Semaphore::new(AT_ONCE),
        }
    }

    async fn in_time<T>(&self, ask: impl Future<Output = Result<T, kube::Error>>) -> Result<T, Unanswered> {
        let asked = async {
            // Never closed: an error could only mean that there is no limit any more.
            let _turn = self.turns.acquire().await.ok();
            ask.await
        };
        match tokio::time::timeout(DEADLINE, asked).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(kube::Error::Api(status))) if status.code == 403 => Err(Unanswered::Forbidden),
            Ok(Err(error)) => Err(Unanswered::Unavailable(error.to_string())),
            Err(_) => Err(Unanswered::Unavailable(format!("no answer in {} s", DEADLINE.as_secs()))),
        }
    }
}

impl Reviews for ApiServer {
    fn token<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Option<User>, Unanswered>> {
        async move {
            let spec = TokenReviewSpec { token: Some(token.to_owned()), audiences: None };
            let review = TokenReview { spec, ..TokenReview::default() };
            let answer = self.in_time(self.tokens.create(&PostParams::default(), &review)).await?;
            let status = answer.status.unwrap_or_default();
            Ok(status.user.filter(|_| status.authenticated == Some(true)).map(user))
        }
        .boxed()
    }

    fn access<'a>(
        &'a self,
        user: &'a User,
        verb: &'a str,
        path: &'a str,
    ) -> BoxFuture<'a, Result<bool, Unanswered>> {
        async move {
            let attributes =
                NonResourceAttributes { path: Some(path.to_owned()), verb: Some(verb.to_owned()) };
            let spec = SubjectAccessReviewSpec {
                user: Some(user.name.clone()),
                uid: Some(user.uid.clone()).filter(|uid| !uid.is_empty()),
                groups: Some(user.groups.clone()),
                extra: (!user.extra.is_empty()).then(|| user.extra.clone()),
                non_resource_attributes: Some(attributes),
                ..SubjectAccessReviewSpec::default()
            };
            let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
            let answer = self.in_time(self.access.create(&PostParams::default(), &review)).await?;
            Ok(answer.status.is_some_and(|status| status.allowed && status.denied != Some(true)))
        }
        .boxed()
    }
}

fn user(info: UserInfo) -> User {
    User {
        name: info.username.unwrap_or_default(),
        uid: info.uid.unwrap_or_default(),
        groups: info.groups.unwrap_or_default(),
        extra: info.extra.unwrap_or_default(),
    }
    .authenticated()
}
