//! Telling the operators what needs somebody: each trouble once, until it is over, to a URL of theirs
//! (a chat's incoming webhook, or a receiver of their own) and to e-mail addresses, through the same
//! outbox as every event.

use std::collections::BTreeMap;

use percent_encoding::utf8_percent_encode;
use serde_json::{Value, json};
use valetkey_store::{Event, NewDelivery, NewEvent};

use crate::attention::{Attention, COUNTED_MAX};
use crate::connections::StoredRefreshError;
use crate::engine::Engine;
use crate::environments::EnvironmentView;
use crate::error::{Error, Result};
use crate::events::origin;
use crate::incoming::UNRESERVED;
use crate::webhooks::mail;
use crate::webhooks::payload::canonical_json;

/// The type of the event.
pub const KIND: &str = "alert";
/// Troubles that are told one by one; the text counts the others.
const TOLD_MAX: usize = 20;

/// What is counted together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Group {
    /// Connections of an integration.
    Connections(String),
    /// Receivers of webhooks.
    Receivers,
}

impl Group {
    fn counted(&self, count: usize) -> String {
        match (self, count) {
            (Self::Connections(key), 1) => format!("1 connection of {key} fails"),
            (Self::Connections(key), _) => format!("{count} connections of {key} fail"),
            (Self::Receivers, 1) => "1 receiver of webhooks does not answer".to_owned(),
            (Self::Receivers, _) => format!("{count} receivers of webhooks do not answer"),
        }
    }
}

/// Something that does not work.
#[derive(Clone, Debug)]
struct Trouble {
    /// What tells it from others, and the same one later.
    subject: String,
    group: Group,
    integration_key: Option<String>,
    connection_id: Option<String>,
    message: String,
}

impl Engine {
    /// Looks at every environment that has somewhere to tell, and tells what is new. Answers how many
    /// troubles that were.
    pub async fn alert_once(&self) -> Result<usize> {
        let Some(account) = self.store.first_account().await? else { return Ok(0) };
        let mut told = 0;
        for environment in self.environments(account.id).await? {
            if !self.alert_places(&environment).is_empty() {
                told += self.alert_of(&environment).await?;
            }
        }
        Ok(told)
    }

    async fn alert_of(&self, environment: &EnvironmentView) -> Result<usize> {
        let troubles = self.troubles(environment).await?;
        let (engine, environment, now) = (self.clone(), environment.clone(), self.clock.now());
        self.store
            .write(move |tx| {
                Box::pin(async move {
                    // Of two processes that look at once, one tells.
                    tx.lock_environment(environment.id).await?;
                    let told = tx.told_alerts(environment.id).await?;
                    let is_new = |it: &&Trouble| !told.contains(&it.subject);
                    let new: Vec<Trouble> = troubles.iter().filter(is_new).cloned().collect();
                    let is_over = |it: &&String| !troubles.iter().any(|one| one.subject == **it);
                    let over: Vec<String> = told.iter().filter(is_over).cloned().collect();
                    let subjects: Vec<_> = new.iter().map(|it| it.subject.clone()).collect();
                    tx.change_alerts(environment.id, &subjects, &over, now).await?;
                    if !new.is_empty() {
                        tx.insert_event(&engine.alert(&environment, &new)).await?;
                    }
                    Ok::<_, Error>(new.len())
                })
            })
            .await
    }

    async fn troubles(&self, environment: &EnvironmentView) -> Result<Vec<Trouble>> {
        let mut troubles = Vec::new();
        for row in self.store.failing_connections(environment.id, COUNTED_MAX).await? {
            let stored: Option<StoredRefreshError> = serde_json::from_str(&row.error).ok();
            let Some(stored) = stored.filter(|stored| stored.told) else { continue };
            troubles.push(Trouble {
                subject: format!("connection:{}/{}", row.integration_key, row.connection_id),
                group: Group::Connections(row.integration_key.clone()),
                integration_key: Some(row.integration_key),
                connection_id: Some(row.connection_id),
                message: stored.message,
            });
        }
        let own = environment.settings.alert_url.as_deref().map(origin);
        let Attention { resting, .. } = self.attention(environment).await?;
        for it in resting {
            // Whoever cannot be told cannot be told that.
            let is_mail = it.destination == mail::DESTINATION;
            if !is_mail && own.as_deref() != Some(it.destination.as_str()) {
                troubles.push(Trouble {
                    subject: format!("destination:{}", it.destination),
                    group: Group::Receivers,
                    integration_key: None,
                    connection_id: None,
                    message: format!("{} does not take webhooks.", it.destination),
                });
            }
        }
        Ok(troubles)
    }

    fn alert(&self, environment: &EnvironmentView, troubles: &[Trouble]) -> NewEvent {
        let mut groups: BTreeMap<&Group, usize> = BTreeMap::new();
        for trouble in troubles {
            *groups.entry(&trouble.group).or_default() += 1;
        }
        let lines = groups.iter().map(|(group, count)| group.counted(*count));
        let summary = lines.collect::<Vec<_>>().join("; ");
        let told = troubles.iter().take(TOLD_MAX).map(|it| {
            json!({
                "subject": it.subject,
                "integration": it.integration_key,
                "connectionId": it.connection_id,
                "message": it.message,
                "link": self.trouble_link(environment, it),
            })
        });
        self.alert_event(environment, &summary, &told.collect::<Vec<_>>())
    }

    /// The page on which it is repaired.
    fn trouble_link(&self, environment: &EnvironmentView, trouble: &Trouble) -> String {
        let encoded = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
        let page = match (&trouble.integration_key, &trouble.connection_id) {
            (Some(key), Some(id)) => format!("connections/{}/{}", encoded(key), encoded(id)),
            _ => "settings/webhooks".to_owned(),
        };
        format!("{}/{page}", self.dashboard_of(environment))
    }

    fn dashboard_of(&self, environment: &EnvironmentView) -> String {
        format!("{}/dashboard/{}", self.settings.public_url, environment.name)
    }

    /// Where alerts go: URL and destination of each delivery.
    fn alert_places(&self, environment: &EnvironmentView) -> Vec<(String, String)> {
        let settings = &environment.settings;
        let url = settings.alert_url.iter().filter(|url| !url.is_empty());
        let mut places: Vec<_> = url.map(|url| (url.clone(), origin(url))).collect();
        if self.mailer.is_some() {
            let mails = settings.alert_emails.iter();
            places.extend(mails.map(|address| {
                (format!("{}{address}", mail::SCHEME), mail::DESTINATION.to_owned())
            }));
        }
        places
    }

    /// Whether this server can send alerts by e-mail.
    pub fn has_mail(&self) -> bool {
        self.mailer.is_some()
    }

    fn alert_event(
        &self,
        environment: &EnvironmentView,
        summary: &str,
        troubles: &[Value],
    ) -> NewEvent {
        let now = self.clock.now();
        let link = self.dashboard_of(environment);
        // `text` is what chats show.
        let payload = json!({
            "from": "nango",
            "type": KIND,
            "environment": environment.name,
            "text": format!("Valetkey, {}: {summary}. {link}", environment.name),
            "summary": summary,
            "link": link,
            "troubles": troubles,
        });
        let places = self.alert_places(environment).into_iter();
        NewEvent {
            deliveries: places
                .map(|(url, destination)| NewDelivery {
                    id: self.sortable_id("dlv", now),
                    destination,
                    url,
                })
                .collect(),
            event: Event {
                id: self.sortable_id("evt", now),
                environment_id: environment.id,
                connection_row: None,
                kind: KIND.to_owned(),
                payload: canonical_json(&payload),
                created_at: now,
            },
        }
    }

    /// Sends an alert about nothing, to see whether it arrives.
    ///
    /// # Errors
    /// [`Error::Refused`] (`no_alert_url`) when the environment has nowhere to send to.
    pub async fn send_test_alert(&self, environment: &EnvironmentView, actor: &str) -> Result<()> {
        if self.alert_places(environment).is_empty() {
            return Err(Error::Refused {
                code: "no_alert_url",
                message: "There is nowhere to send to. Save a URL or an address first.".to_owned(),
            });
        }
        let event = self.alert_event(environment, "a test. Alerts arrive here", &[]);
        self.store
            .write::<_, Error, _>(move |tx| {
                Box::pin(async move { Ok(tx.insert_event(&event).await?) })
            })
            .await?;
        self.recorder.audit(Some(environment.id), actor, "alert.test_sent", "");
        Ok(())
    }
}
