//! The life of jobs against a small model of it: random commands of several
//! actors, some of whom come back with runs that they lost long ago, and after
//! each command the tables are what the model says.

mod send;
mod state;

use outreach_service::{connect::Tenant, jobs::RunToken};
use outreach_tests::{JobDb, job_tests};
use proptest::{
    prelude::*,
    test_runner::{Config, TestCaseError, TestRunner},
};

use self::{send::send, state::Model};
use crate::support::tenant;

job_tests! {
    the_tables_are_what_a_model_of_the_life_of_jobs_says,
}

const JOBS: u64 = 5;
const ACTORS: usize = 3;
const CASES: u32 = 24;
const COMMANDS: usize = 40;

#[derive(Debug, Clone)]
enum Command {
    Enqueue {
        job: u64,
        key: Option<u8>,
        max_attempts: u32,
    },
    Claim {
        actor: usize,
        limit: u32,
    },
    Heartbeat {
        actor: usize,
    },
    Progress {
        actor: usize,
        run: usize,
    },
    Complete {
        actor: usize,
        run: usize,
    },
    CompleteAll {
        actor: usize,
    },
    Fail {
        actor: usize,
        run: usize,
    },
    Retry {
        actor: usize,
        run: usize,
    },
    Release {
        actor: usize,
        run: usize,
    },
    Cancel {
        job: u64,
    },
    CancelByTheOtherBackend {
        job: u64,
    },
    EndLease {
        job: u64,
    },
    ReleaseExpired,
}

fn command() -> impl Strategy<Value = Command> {
    let run = || (0..ACTORS, 0..8_usize);
    prop_oneof![
        4 => (0..JOBS, proptest::option::of(0..2_u8), 1..4_u32)
            .prop_map(|(job, key, max_attempts)| Command::Enqueue { job, key, max_attempts }),
        5 => (0..ACTORS, 1..4_u32).prop_map(|(actor, limit)| Command::Claim { actor, limit }),
        2 => (0..ACTORS).prop_map(|actor| Command::Heartbeat { actor }),
        3 => run().prop_map(|(actor, run)| Command::Progress { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Complete { actor, run }),
        1 => (0..ACTORS).prop_map(|actor| Command::CompleteAll { actor }),
        1 => run().prop_map(|(actor, run)| Command::Fail { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Retry { actor, run }),
        2 => run().prop_map(|(actor, run)| Command::Release { actor, run }),
        1 => (0..JOBS).prop_map(|job| Command::Cancel { job }),
        1 => (0..JOBS).prop_map(|job| Command::CancelByTheOtherBackend { job }),
        3 => (0..JOBS).prop_map(|job| Command::EndLease { job }),
        3 => Just(Command::ReleaseExpired),
    ]
}

/// The tables as the model has them: status, attempts and whether a run holds
/// the job, in the order of the numbers.
async fn stored(jobs: &JobDb) -> Vec<Vec<Option<String>>> {
    let sql = "SELECT jobs.status, CAST(job_runs.attempts AS text), CASE WHEN job_runs.run_token \
               IS NULL THEN 'waiting' ELSE 'held' END, job_runs.unique_key FROM jobs \
               LEFT JOIN job_runs ON job_runs.job_id = jobs.id ORDER BY jobs.id";
    jobs.db.sql(sql).await.unwrap()
}

fn expected(model: &Model) -> Vec<Vec<Option<String>>> {
    let jobs = model.jobs.values();
    jobs.map(|job| {
        let run = job.run.as_ref();
        let held = run.is_some_and(|run| run.held.is_some());
        vec![
            Some(job.status.to_string()),
            run.map(|run| run.attempts.to_string()),
            Some(if held { "held" } else { "waiting" }.to_owned()),
            run.and_then(|run| run.key).map(|key| format!("key {key}")),
        ]
    })
    .collect()
}

async fn follow(jobs: &JobDb, tenant: &Tenant, commands: &[Command]) -> Result<(), TestCaseError> {
    jobs.db
        .sql("DELETE FROM job_runs; DELETE FROM jobs")
        .await
        .unwrap();
    let mut model = Model::default();
    for (step, command) in commands.iter().enumerate() {
        let token = RunToken::random();
        let answered = send(jobs, tenant, &model, command, token).await;
        let wanted = model.apply(command, token);
        prop_assert_eq!(
            &answered,
            &wanted,
            "step {} {:?} of {:?}",
            step,
            command,
            commands
        );
        let rows = stored(jobs).await;
        prop_assert_eq!(
            &rows,
            &expected(&model),
            "after step {} {:?}",
            step,
            command
        );
    }
    Ok(())
}

async fn the_tables_are_what_a_model_of_the_life_of_jobs_says(jobs: JobDb) -> anyhow::Result<()> {
    let tenant = tenant(&jobs).await;
    tokio::task::block_in_place(|| {
        let mut runner = TestRunner::new(Config {
            cases: CASES,
            max_shrink_iters: 300,
            failure_persistence: None,
            ..Config::default()
        });
        let commands = proptest::collection::vec(command(), 1..COMMANDS);
        runner.run(&commands, |commands| {
            tokio::runtime::Handle::current().block_on(follow(&jobs, &tenant, &commands))
        })
    })?;
    Ok(())
}
