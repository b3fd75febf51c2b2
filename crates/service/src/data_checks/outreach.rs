//! What prospects say of mails, against the mails that are recorded.

use super::{
    DataCode,
    check::{Check, Mend, lower},
    shape::Shape,
};

const LOGGED: &str = "EXISTS (SELECT 1 FROM email_logs AS e WHERE e.prospect_id = t.id)";
const LAST_LOGGED: &str = "(SELECT max(e.sent_at) FROM email_logs AS e WHERE e.prospect_id = t.id)";

pub(super) fn checks(_: &Shape) -> Vec<Check> {
    let status = lower("t.outreach_status");
    vec![
        pending_with_mail(&status),
        check(
            DataCode::ProspectSentWithoutTrace,
            format!("{status} = 'sent' AND t.last_sent IS NULL AND NOT {LOGGED}"),
            Mend::Advice(
                "find out in the mailbox whether the mail went out: if so, set `last_sent`; only \
                 if not, set `outreach_status` to `pending`, because then it will be sent"
                    .to_owned(),
            ),
        ),
        last_sent_missing(&status),
        check(
            DataCode::ProspectMailNotLogged,
            format!("{status} = 'sent' AND t.last_sent IS NOT NULL AND NOT {LOGGED}"),
            Mend::Advice(
                "nothing has to be done; the text of the mail may be in the mailbox".to_owned(),
            ),
        ),
    ]
}

fn check(code: DataCode, condition: String, mend: Mend) -> Check {
    Check::new(
        code,
        "prospects",
        &["outreach_status", "last_sent"],
        condition,
        mend,
    )
    .needing(&[("email_logs", "prospect_id"), ("email_logs", "sent_at")])
}

fn pending_with_mail(status: &str) -> Check {
    let condition = format!(
        "coalesce({status}, 'pending') = 'pending' AND (t.last_sent IS NOT NULL OR {LOGGED})"
    );
    let sql = format!(
        "UPDATE prospects AS t SET outreach_status = 'sent', \
         last_sent = coalesce(last_sent, {LAST_LOGGED}) WHERE {condition};"
    );
    check(DataCode::ProspectPendingWithMail, condition, Mend::Sql(sql))
}

/// A record without a time says nothing of when.
fn last_sent_missing(status: &str) -> Check {
    let condition =
        format!("{status} = 'sent' AND t.last_sent IS NULL AND {LAST_LOGGED} IS NOT NULL");
    let sql = format!("UPDATE prospects AS t SET last_sent = {LAST_LOGGED} WHERE {condition};");
    check(DataCode::ProspectLastSentMissing, condition, Mend::Sql(sql))
}
