//! One worker of the chaos runs; see the program `chaos`.

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> anyhow::Result<()> {
    outreach_tests::chaos::run_worker().await
}
