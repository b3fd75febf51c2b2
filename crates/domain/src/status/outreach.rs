//! Where the conversation with a prospect is.

use super::{InvalidTransition, Lifecycle, stored_words};

stored_words! {
    /// Where the conversation with a prospect is; stored in
    /// `prospects.outreach_status`. `Accepted` and `Rejected` are final.
    ///
    /// A prospect is accepted or rejected from `Replied` and also straight from
    /// `Sent`: people answer by telephone or from another address, where no
    /// reply check can see it. Before the first mail there is nothing to accept
    /// or reject.
    pub enum OutreachStatus: "outreach status" {
        /// Saved by a discovery; no mail has gone out. Sending moves it on.
        Pending => "pending",
        /// The first mail went out. Follow-ups leave the status as it is; a
        /// reply check or a person moves it on.
        Sent => "sent",
        /// The prospect answered. A person reads the answer and moves it on.
        Replied => "replied",
        /// A person recorded that the prospect agreed.
        Accepted => "accepted",
        /// A person recorded that the prospect declined.
        Rejected => "rejected",
    }
}

impl Lifecycle for OutreachStatus {
    const SUBJECT: &'static str = "prospect";

    fn next(self) -> &'static [Self] {
        match self {
            Self::Pending => &[Self::Sent],
            Self::Sent => &[Self::Replied, Self::Accepted, Self::Rejected],
            Self::Replied => &[Self::Accepted, Self::Rejected],
            Self::Accepted | Self::Rejected => &[],
        }
    }
}

impl OutreachStatus {
    /// The first mail went out: `Pending` becomes `Sent`. A follow-up is no
    /// transition.
    pub fn send(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Sent)
    }

    /// An answer came: `Sent` becomes `Replied`.
    pub fn reply(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Replied)
    }

    /// The prospect agreed: `Sent` or `Replied` becomes `Accepted`.
    pub fn accept(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Accepted)
    }

    /// The prospect declined: `Sent` or `Replied` becomes `Rejected`.
    pub fn reject(self) -> Result<Self, InvalidTransition<Self>> {
        self.change(Self::Rejected)
    }

    /// Whether the conversation is over and the status can no longer change.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Accepted | Self::Rejected)
    }
}

#[cfg(test)]
mod tests {
    use super::OutreachStatus::{self, Accepted, Pending, Rejected, Replied, Sent};
    use super::{InvalidTransition, Lifecycle};

    #[test]
    fn f38_a_prospect_changes_only_along_the_conversation() {
        for from in OutreachStatus::ALL {
            let answered = matches!(from, Sent | Replied);
            assert_eq!(from.send().is_ok(), from == Pending, "send {from}");
            assert_eq!(from.reply().is_ok(), from == Sent, "reply {from}");
            assert_eq!(from.accept().is_ok(), answered, "accept {from}");
            assert_eq!(from.reject().is_ok(), answered, "reject {from}");
        }
        assert_eq!(Pending.send().and_then(OutreachStatus::reply), Ok(Replied));
        assert_eq!(Replied.accept(), Ok(Accepted));
        assert_eq!(Sent.reject(), Ok(Rejected));
    }

    #[test]
    fn f40_a_sent_prospect_is_not_sent_again() {
        assert_eq!(
            Sent.send(),
            Err(InvalidTransition {
                from: Sent,
                to: Sent
            })
        );
    }

    #[test]
    fn a_final_status_has_no_successor_and_any_other_has() {
        for status in OutreachStatus::ALL {
            assert_eq!(status.is_final(), status.next().is_empty(), "{status}");
        }
    }
}
