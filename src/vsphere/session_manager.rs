//! A session manager: a service beside vCenter that hands out tickets to share its own session, so
//! that many clusters do not use up the sessions that vCenter permits.

use std::path::Path;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::transport::{CONNECT_TIMEOUT, USER_AGENT, innermost};
use super::{Error, tls};
use crate::config::Tls;

/// Until all of the answer is here, as upstream has it.
const DEADLINE: Duration = Duration::from_secs(5);

/// Bytes of the answer at most: a ticket has some hundred.
const MAX_ANSWER: usize = 64 << 10;

/// Where a pod finds the token of its service account; kubelet renews it there.
const SERVICE_ACCOUNT_TOKEN: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// Asks for a ticket, which vCenter takes once.
///
/// `name` is what messages call the session manager: its URL may hold a secret. Its certificate is
/// checked against the system's CAs and those of vCenter.
pub(super) async fn ticket(
    name: &str,
    url: &SecretString,
    token: Option<&SecretString>,
    vcenter: &Tls,
) -> Result<SecretString, Error> {
    let fail = |problem: String| Error::SessionManager { name: name.to_owned(), problem };
    let authorization = authorization(token, Path::new(SERVICE_ACCOUNT_TOKEN)).await.map_err(fail)?;
    let client = reqwest::Client::builder()
        .tls_backend_preconfigured(tls::client_config_beside(vcenter)?)
        .http1_only()
        .connect_timeout(CONNECT_TIMEOUT)
        .user_agent(USER_AGENT)
        // The token is for this address alone.
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .map_err(|error| fail(innermost(&error)))?;
    let exchange = async {
        let request = client.get(url.expose_secret()).header(AUTHORIZATION, authorization);
        let mut response = request.send().await.map_err(|error| innermost(&error.without_url()))?;
        match response.status().as_u16() {
            200..=299 => {}
            status @ (401 | 403) => {
                return Err(format!("refuses the token, with HTTP {status}; is it the one it expects?"));
            }
            status => return Err(format!("answered with HTTP {status}")),
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| innermost(&error.without_url()))? {
            body.extend_from_slice(&chunk);
            if body.len() > MAX_ANSWER {
                return Err(format!("its answer is larger than {MAX_ANSWER} bytes"));
            }
        }
        read(&body)
    };
    match tokio::time::timeout(DEADLINE, exchange).await {
        Ok(outcome) => outcome.map_err(fail),
        Err(_) => Err(fail(format!("no answer within {} s", DEADLINE.as_secs()))),
    }
}

/// The header that says who asks; without a token, the service account whose token is in a file.
async fn authorization(token: Option<&SecretString>, account: &Path) -> Result<HeaderValue, String> {
    let own = match token {
        Some(_) => None,
        None => Some(tokio::fs::read_to_string(account).await.map(SecretString::from).map_err(
            |error| {
                format!(
                    "there is no token for it: neither a key `<server>.vc-session-manager-token`, nor the service \
                     account's ({}: {error})",
                    account.display()
                )
            },
        )?),
    };
    let text = token.or(own.as_ref()).map_or("", |token| token.expose_secret().trim());
    let mut header = HeaderValue::from_str(&format!("Bearer {text}"))
        .map_err(|_| "the token for it has a character that no HTTP header may have".to_owned())?;
    header.set_sensitive(true);
    Ok(header)
}

/// `{"token": "<ticket>"}`; nothing of it is shown, whatever it is.
fn read(body: &[u8]) -> Result<SecretString, String> {
    let answer: Option<Value> = serde_json::from_slice(body).ok();
    match answer.as_ref().and_then(|answer| answer.get("token")).and_then(Value::as_str) {
        Some(ticket) if !ticket.is_empty() => Ok(SecretString::from(ticket.to_owned())),
        _ => Err("its answer is not understood; expected {\"token\": \"<clone ticket>\"}".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_a_token_the_service_accounts_own_is_shown_as_it_is_now() {
        let account = tempfile::NamedTempFile::new().unwrap();
        for token in ["first", "renewed"] {
            std::fs::write(account.path(), format!("{token}\n")).unwrap();
            let header = authorization(None, account.path()).await.unwrap();
            assert_eq!(header.to_str().unwrap(), format!("Bearer {token}"));
            assert!(header.is_sensitive());
        }
        let given = SecretString::from("given".to_owned());
        let header = authorization(Some(&given), account.path()).await.unwrap();
        assert_eq!(header.to_str().unwrap(), "Bearer given");
    }

    #[test]
    fn answers() {
        assert_eq!(read(br#"{"token": "cst-1", "x": 1}"#).unwrap().expose_secret(), "cst-1");
        for bad in ["", "null", "[]", "{}", r#"{"token": 1}"#, r#"{"token": ""}"#, "hunter2", "\"hunter2\""] {
            let error = read(bad.as_bytes()).unwrap_err();
            assert!(error.contains("expected {\"token\"") && !error.contains("hunter2"), "{error}");
        }
    }

    #[tokio::test]
    async fn tokens() {
        let header = |token: &str| {
            let token = SecretString::from(token);
            async move { authorization(Some(&token), Path::new(SERVICE_ACCOUNT_TOKEN)).await }
        };
        assert_eq!(header(" t0k3n\n").await.unwrap(), "Bearer t0k3n");
        assert!(!header("a\nhunter2").await.unwrap_err().contains("hunter2"));
    }
}
