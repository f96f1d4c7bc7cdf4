//! Work that blocks, done on a thread that may.
//!
//! The runtime has a task's code for each type of work, some 3 KiB: in a box there is one type.

use std::any::Any;
use std::future::Future;

use tokio::task::{JoinError, JoinHandle};

type Boxed = Box<dyn Any + Send>;

/// Starts work that blocks; what it makes comes when it is done. Work that nobody waits for any more goes on.
///
/// # Errors
/// When the work panicked, or the runtime is shutting down.
pub fn run<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> impl Future<Output = Result<T, JoinError>> + Send {
    let done = start(Box::new(move || Box::new(work()) as Boxed));
    async move {
        let made = done.await?.downcast();
        Ok(*made.expect("what the work makes is boxed two lines above"))
    }
}

fn start(work: Box<dyn FnOnce() -> Boxed + Send>) -> JoinHandle<Boxed> {
    tokio::task::spawn_blocking(work)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn what_the_work_makes_comes_back_and_its_panic_is_an_error() {
        assert_eq!(super::run(|| vec![1, 2]).await.unwrap(), [1, 2]);
        let died = super::run(|| -> u8 { panic!("on purpose") }).await;
        assert!(died.unwrap_err().is_panic());
    }
}
