//! One test body, run on each database.

/// What a test body may return: nothing, or a result whose error fails the test.
pub trait TestOutcome {
    /// The outcome as the test function returns it.
    fn into_result(self) -> anyhow::Result<()>;
}

impl TestOutcome for () {
    fn into_result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl<E: Into<anyhow::Error>> TestOutcome for Result<(), E> {
    fn into_result(self) -> anyhow::Result<()> {
        self.map_err(Into::into)
    }
}

/// Makes tests `sqlite::<name>` and `postgres::<name>` of each named async
/// function, which takes a [`TestDb`](crate::TestDb) with the schema at head.
///
/// Names after `; on_empty:` get a database without any table. A module can hold
/// one call, because the call makes the modules `sqlite` and `postgres`.
///
/// ```
/// use outreach_tests::{TestDb, matrix_tests};
///
/// matrix_tests! {
///     a_setting_is_stored_once;
///     on_empty: the_chain_builds_an_empty_database,
/// }
///
/// async fn a_setting_is_stored_once(db: TestDb) -> anyhow::Result<()> {
///     let pool = db.connect_plain().await?;
///     pool.ping().await?;
///     Ok(())
/// }
///
/// async fn the_chain_builds_an_empty_database(_db: TestDb) {}
/// ```
#[macro_export]
macro_rules! matrix_tests {
    (@backend $constructor:ident: $($name:ident),*) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() -> ::anyhow::Result<()> {
            let db = $crate::TestDb::$constructor().await?;
            // Boxed, so that a test's future does not fill a thread's stack.
            let outcome = ::std::boxed::Box::pin(super::$name(db)).await;
            $crate::TestOutcome::into_result(outcome)
        }
    )*};
    (@modules [$($name:ident),*] [$($empty:ident),*]) => {
        #[cfg(test)]
        mod sqlite {
            $crate::matrix_tests!(@backend sqlite: $($name),*);
            $crate::matrix_tests!(@backend empty_sqlite: $($empty),*);
        }
        #[cfg(test)]
        mod postgres {
            $crate::matrix_tests!(@backend postgres: $($name),*);
            $crate::matrix_tests!(@backend empty_postgres: $($empty),*);
        }
    };
    (on_empty: $($empty:ident),+ $(,)?) => {
        $crate::matrix_tests!(@modules [] [$($empty),+]);
    };
    ($($name:ident),+ $(,)? ; on_empty: $($empty:ident),+ $(,)?) => {
        $crate::matrix_tests!(@modules [$($name),+] [$($empty),+]);
    };
    ($($name:ident),+ $(,)?) => {
        $crate::matrix_tests!(@modules [$($name),+] []);
    };
}

/// [`matrix_tests!`] for functions that take a database without any table.
#[macro_export]
macro_rules! matrix_tests_empty {
    ($($name:ident),+ $(,)?) => {
        $crate::matrix_tests!(on_empty: $($name),+);
    };
}

/// Makes tests `sqlite::<name>`, `postgres::<name>`, `postgres_portable::<name>`
/// and `pgbouncer::<name>` of each named async function, which takes a
/// [`JobDb`](crate::JobDb).
///
/// A module can hold one call of this or of [`matrix_tests!`], because both make
/// modules of the same names.
///
/// ```
/// use outreach_tests::{JobDb, job_tests};
///
/// job_tests! {
///     the_queue_is_empty_at_first,
/// }
///
/// async fn the_queue_is_empty_at_first(jobs: JobDb) -> anyhow::Result<()> {
///     assert_eq!(jobs.db.count("select count(*) from job_runs").await?, 0);
///     Ok(())
/// }
/// ```
#[macro_export]
macro_rules! job_tests {
    (@on $place:ident: $($name:ident),+) => {
        #[cfg(test)]
        mod $place {$(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> ::anyhow::Result<()> {
                let jobs = $crate::JobDb::$place().await?;
                // Boxed, so that a test's future does not fill a thread's stack.
                let outcome = ::std::boxed::Box::pin(super::$name(jobs)).await;
                $crate::TestOutcome::into_result(outcome)
            }
        )+}
    };
    ($($name:ident),+ $(,)?) => {
        $crate::job_tests!(@on sqlite: $($name),+);
        $crate::job_tests!(@on postgres: $($name),+);
        $crate::job_tests!(@on postgres_portable: $($name),+);
        $crate::job_tests!(@on pgbouncer: $($name),+);
    };
}
