use std::fmt;

use serde_json::{Value, json};

use super::{Contact, ContactFinder};

/// Where contact addresses come from, and what to do with a web site that has
/// none.
#[derive(Clone, Copy)]
pub enum Contacts<'a> {
    /// A web site without a known contact is saved without one, to be looked up
    /// later. Without a finder that is all of them.
    Deferred(Option<&'a dyn ContactFinder>),
    /// A web site without a known contact is not saved, but counted.
    Required(&'a dyn ContactFinder),
}

impl<'a> Contacts<'a> {
    pub(super) fn finder(self) -> Option<&'a dyn ContactFinder> {
        match self {
            Self::Deferred(finder) => finder,
            Self::Required(finder) => Some(finder),
        }
    }

    pub(super) fn is_required(self) -> bool {
        matches!(self, Self::Required(_))
    }
}

impl fmt::Debug for Contacts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let policy = if self.is_required() {
            "Required"
        } else {
            "Deferred"
        };
        f.debug_tuple(policy)
            .field(&self.finder().map(ContactFinder::name))
            .finish()
    }
}

/// What `prospects.hunter_payload` holds for a contact.
pub(super) fn found_payload(finder: &str, contact: &Contact) -> Value {
    contact.payload.clone().unwrap_or_else(|| {
        json!({
            "email": contact.email.as_str(),
            "confidence": contact.confidence,
            "source": finder,
        })
    })
}

/// What it holds for a contact that is to be looked up later.
pub(super) fn deferred_payload() -> Value {
    json!({ "status": "pending_retry", "retry_needed": true })
}
