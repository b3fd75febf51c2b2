use outreach_domain::OutreachStatus;
use outreach_entity::prospects;
use rust_decimal::Decimal;
use sea_orm::{ColumnTrait, Condition};

/// Which prospects to list or count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProspectFilter {
    /// Only this status. Rows without one count as pending.
    pub status: Option<OutreachStatus>,
    /// Only this score and above. Rows without one count as 0.
    pub min_score: Option<Decimal>,
    /// Only those with an address, or only those without.
    pub has_email: Option<bool>,
}

impl ProspectFilter {
    /// The one condition of list and count.
    pub(super) fn condition(self) -> Condition {
        Condition::all()
            .add_option(self.status.map(status_is))
            .add_option(self.min_score.map(score_at_least))
            .add_option(self.has_email.map(has_email))
    }
}

fn status_is(status: OutreachStatus) -> Condition {
    let condition = Condition::any().add(prospects::COLUMN.outreach_status.eq(status.as_str()));
    if status == OutreachStatus::Pending {
        condition.add(prospects::Column::OutreachStatus.is_null())
    } else {
        condition
    }
}

fn score_at_least(score: Decimal) -> Condition {
    let condition = Condition::any().add(prospects::COLUMN.score.gte(score));
    if score <= Decimal::ZERO {
        condition.add(prospects::Column::Score.is_null())
    } else {
        condition
    }
}

fn has_email(has: bool) -> Condition {
    let present = Condition::all()
        .add(prospects::Column::ContactEmail.is_not_null())
        .add(prospects::COLUMN.contact_email.ne(""));
    if has {
        present
    } else {
        Condition::any()
            .add(prospects::Column::ContactEmail.is_null())
            .add(prospects::COLUMN.contact_email.eq(""))
    }
}
