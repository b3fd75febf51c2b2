//! Domains, addresses, and what prospects say of mails.

use outreach_service::data_checks::DataCode;
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::DbBackend;

use super::{
    cases::{Case, id, prospect, run_all},
    findings,
};

matrix_tests! {
    f28_a_domain_or_address_that_no_discovery_would_save_is_found,
    f28_domains_are_walked_page_by_page_to_the_last,
}

pub(super) fn cases(backend: DbBackend) -> Vec<Case> {
    let of_prospects = |column: &str, values: &[&str]| {
        let rows: Vec<_> = values
            .iter()
            .zip(1..)
            .map(|(value, number)| prospect(backend, number, column, value))
            .collect();
        rows.concat()
    };
    let domains = |values: &[&str]| of_prospects("domain", values);
    let sent = |number, columns: &str, values: &str| {
        let columns = format!("outreach_status{columns}");
        prospect(backend, number, &columns, &format!("'sent'{values}"))
    };
    let mail = |number| {
        let key = id(backend, number);
        format!(
            "insert into email_logs (id, prospect_id, sent_at) values \
             ({key}, {key}, '2026-01-01T10:00:00+00:00'); "
        )
    };
    let time = ", '2026-01-01T10:00:00+00:00'";
    vec![
        Case::new(
            DataCode::DomainMalformed,
            "prospects.domain",
            domains(&[
                "'good.example.com'",
                "'no domain'",
                "''",
                "'192.0.2.1'",
                "'mycom'",
            ]),
            &[2, 3, 4, 5],
        )
        .by_hand("delete from prospects where domain <> 'good.example.com'".to_owned()),
        Case::new(
            DataCode::DomainNotNormalized,
            "prospects.domain",
            domains(&[
                "'a.example.com'",
                "'WWW.B.example.com'",
                "'bücher.example.com'",
                "'c.example.com.'",
            ]),
            &[2, 3, 4],
        ),
        Case::new(
            DataCode::DomainDuplicateNormalized,
            "prospects.domain",
            domains(&["'a.example.com'", "'www.a.example.com'", "'A.example.com'"]),
            &[2, 3],
        )
        .by_hand("delete from prospects where domain <> 'a.example.com'".to_owned()),
        Case::new(
            DataCode::EmailMalformed,
            "prospects.contact_email",
            of_prospects(
                "contact_email",
                &["'a@example.com'", "'a at example.com'", "''", "NULL"],
            ),
            &[2],
        )
        .by_hand("update prospects set contact_email = NULL".to_owned()),
        Case::new(
            DataCode::ProspectSentWithoutTrace,
            "prospects",
            sent(1, "", "") + &prospect(backend, 2, "", ""),
            &[1],
        )
        .by_hand("update prospects set outreach_status = 'pending'".to_owned()),
        Case::new(
            DataCode::ProspectLastSentMissing,
            "prospects",
            sent(1, "", "") + &mail(1) + &sent(2, ", last_sent", time) + &mail(2),
            &[1],
        ),
        Case::new(
            DataCode::ProspectMailNotLogged,
            "prospects",
            sent(1, ", last_sent", time),
            &[1],
        )
        .by_hand(mail(1)),
        Case::new(
            DataCode::ProspectPendingWithMail,
            "prospects",
            prospect(backend, 1, "", "") + &mail(1) + &prospect(backend, 2, "", ""),
            &[1],
        ),
    ]
}

async fn f28_a_domain_or_address_that_no_discovery_would_save_is_found(
    db: TestDb,
) -> anyhow::Result<()> {
    run_all(&db, cases(db.backend())).await
}

/// Two spellings of one web site a page apart, neither as it should be: the
/// first is mended, the second is a duplicate.
async fn f28_domains_are_walked_page_by_page_to_the_last(db: TestDb) -> anyhow::Result<()> {
    let rows: String = (1..=2500)
        .map(|number| match number {
            1 => prospect(db.backend(), 1, "domain", "'www.x.example.com'"),
            2500 => prospect(db.backend(), 2500, "domain", "'X.example.com'"),
            2000 => prospect(db.backend(), 2000, "domain", "'-'"),
            _ => prospect(db.backend(), number, "", ""),
        })
        .collect();
    db.sql(&format!("begin; {rows} commit")).await?;
    let found: Vec<_> = findings(&db)
        .await?
        .iter()
        .map(|finding| (finding.code, finding.ids.join(" ")))
        .collect();
    let key = |number| uuid::Uuid::from_u128(number).to_string();
    assert_eq!(
        found,
        [
            (DataCode::DomainDuplicateNormalized, key(2500)),
            (DataCode::DomainNotNormalized, key(1)),
            (DataCode::DomainMalformed, key(2000)),
        ]
    );
    Ok(())
}
