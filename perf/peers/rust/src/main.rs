// SPDX-License-Identifier: MIT
//! What do the same questions cost with futures-rs and tokio? `peers QUESTION CASE` answers each line `N` on its
//! standard input with a line `NANOSECONDS CHECKSUM`. `peers --list` prints the cases, and the factor by which they get
//! fewer items.

use async_stream::stream;
use futures::channel::mpsc as futures_mpsc;
use futures::executor::block_on;
use futures::future;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use futures::SinkExt;
use std::io::{BufRead, Write};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

type Case = (&'static str, &'static str, u64, fn(u64) -> i64);

/// Hides a value from the optimiser.
fn opaque(value: i64) -> i64 {
    unsafe { std::ptr::read_volatile(&value) }
}

fn one_thread() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

// fused

fn fused(n: u64) -> i64 {
    let last = opaque(n as i64);
    let chain = stream::iter(0..last).map(|x| 3 * x).filter(|x| future::ready(x & 1 != 0)).map(|x| x + 1);
    block_on(chain.take(n as usize).fold(0, |sum, x| future::ready(sum + x)))
}

fn fused_boxed(n: u64) -> i64 {
    let last = opaque(n as i64);
    let source: BoxStream<i64> = stream::iter(0..last).boxed();
    let tripled: BoxStream<i64> = source.map(|x| 3 * x).boxed();
    let odd: BoxStream<i64> = tripled.filter(|x| future::ready(x & 1 != 0)).boxed();
    let next: BoxStream<i64> = odd.map(|x| x + 1).boxed();
    let taken: BoxStream<i64> = next.take(n as usize).boxed();
    block_on(taken.fold(0, |sum, x| future::ready(sum + x)))
}

// generator, stages

fn numbers(n: i64) -> impl Stream<Item = i64> {
    stream! {
        for i in 0..n {
            yield i;
        }
    }
}

fn pass(upstream: impl Stream<Item = i64>) -> impl Stream<Item = i64> {
    stream! {
        futures::pin_mut!(upstream);
        while let Some(x) = upstream.next().await {
            yield x;
        }
    }
}

fn sum(all: impl Stream<Item = i64>) -> i64 {
    block_on(all.fold(0, |sum, x| future::ready(sum + x)))
}

fn generator(n: u64) -> i64 {
    sum(numbers(n as i64))
}

fn generator_boxed(n: u64) -> i64 {
    sum(numbers(n as i64).boxed())
}

fn stages(n: u64) -> i64 {
    sum(pass(pass(pass(numbers(n as i64)))))
}

fn stages_boxed(n: u64) -> i64 {
    sum(pass(pass(pass(numbers(n as i64).boxed()).boxed()).boxed()))
}

// merge

fn source(n: u64, which: i64) -> impl Stream<Item = i64> + Unpin {
    let each = n as i64 / 8;
    stream::iter(which * each..(which + 1) * each)
}

fn merge_tokio(n: u64) -> i64 {
    let s = |which| source(n, which);
    let two = |a| tokio_stream::StreamExt::merge(s(a), s(a + 1));
    let four = |a| tokio_stream::StreamExt::merge(two(a), two(a + 2));
    sum(tokio_stream::StreamExt::merge(four(0), four(4)))
}

fn merge_select_all(n: u64) -> i64 {
    sum(stream::select_all((0..8).map(|which| source(n, which))))
}

// flatten

fn flatten(n: u64) -> i64 {
    sum(stream::iter(0..n as i64).flat_map(|i| stream::iter(i..i + 4)))
}

fn flatten_boxed(n: u64) -> i64 {
    sum(stream::iter(0..n as i64).flat_map(|i| stream::iter(i..i + 4).boxed()))
}

fn flatten_coroutine(n: u64) -> i64 {
    sum(stream::iter(0..n as i64).flat_map(|i| {
        Box::pin(stream! {
            for j in i..i + 4 {
                yield j;
            }
        })
    }))
}

// map_async: each inner operation yields once

struct YieldOnce(bool);

impl future::Future for YieldOnce {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

fn buffer_unordered(n: u64) -> i64 {
    let work = stream::iter(0..n as i64).map(|i| async move {
        YieldOnce(false).await;
        i
    });
    sum(work.buffer_unordered(64))
}

fn tokio_tasks(n: u64) -> i64 {
    one_thread().block_on(async move {
        let work = stream::iter(0..n as i64).map(|i| {
            tokio::spawn(async move {
                tokio::task::yield_now().await;
                i
            })
        });
        let done = work.buffer_unordered(64);
        done.fold(0, |sum, x| future::ready(sum + x.unwrap())).await
    })
}

// task, spawn, yield

fn boxed_future(n: u64) -> i64 {
    #[inline(never)]
    fn same(x: i64) -> Pin<Box<dyn future::Future<Output = i64>>> {
        Box::pin(async move { x })
    }
    block_on(async move {
        let mut sum = 0;
        for i in 0..n as i64 {
            sum += same(i).await;
        }
        sum
    })
}

fn tokio_spawn(n: u64) -> i64 {
    one_thread().block_on(async move {
        let mut sum = 0;
        for i in 0..n as i64 {
            sum += tokio::spawn(async move { i }).await.unwrap();
        }
        sum
    })
}

fn tokio_yield(n: u64) -> i64 {
    one_thread().block_on(async move {
        let mut sum = 0;
        for i in 0..n as i64 {
            tokio::task::yield_now().await;
            sum += i;
        }
        sum
    })
}

// channel, threads

fn channel_futures(n: u64) -> i64 {
    let (mut to, from) = futures_mpsc::channel::<i64>(64);
    let send = async move {
        for i in 0..n as i64 {
            to.send(i).await.unwrap();
        }
    };
    let receive = from.fold(0i64, |sum, x| future::ready(sum + x));
    block_on(async { future::join(send, receive).await.1 })
}

fn channel_tokio(n: u64) -> i64 {
    one_thread().block_on(async move {
        let (to, mut from) = tokio::sync::mpsc::channel::<i64>(64);
        tokio::spawn(async move {
            for i in 0..n as i64 {
                to.send(i).await.unwrap();
            }
        });
        let mut sum = 0;
        while let Some(x) = from.recv().await {
            sum += x;
        }
        sum
    })
}

fn channel_threads_tokio(n: u64) -> i64 {
    let (to, mut from) = tokio::sync::mpsc::channel::<i64>(64);
    let sender = std::thread::spawn(move || {
        one_thread().block_on(async move {
            for i in 0..n as i64 {
                to.send(i).await.unwrap();
            }
        })
    });
    let sum = one_thread().block_on(async move {
        let mut sum = 0;
        while let Some(x) = from.recv().await {
            sum += x;
        }
        sum
    });
    sender.join().unwrap();
    sum
}

fn spawn_blocking(n: u64) -> i64 {
    one_thread().block_on(async move {
        let mut sum = 0;
        for i in 0..n as i64 {
            sum += tokio::task::spawn_blocking(move || i).await.unwrap();
        }
        sum
    })
}

// share

fn share_tokio(n: u64) -> i64 {
    use tokio::sync::broadcast;
    one_thread().block_on(async move {
        // The sender makes room by letting the receivers run after half of it, since a slow receiver loses items.
        let (tx, _) = broadcast::channel(64);
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let mut rx = tx.subscribe();
            tasks.push(tokio::spawn(async move {
                let mut sum = 0;
                while let Ok(x) = rx.recv().await {
                    sum += x;
                }
                sum
            }));
        }
        for i in 0..(n / 8) as i64 {
            tx.send(i).unwrap();
            if i % 32 == 31 {
                tokio::task::yield_now().await;
            }
        }
        drop(tx);
        let mut total = 0;
        for task in tasks {
            total += task.await.unwrap();
        }
        total
    })
}

// timed

fn shifted(n: u64) -> impl Stream<Item = i64> {
    stream::iter(0..n as i64).map(|x| x + 1)
}

fn timeout_tokio(n: u64) -> i64 {
    one_thread().block_on(async move {
        let guarded = tokio_stream::StreamExt::timeout(shifted(n), Duration::from_secs(1));
        futures::pin_mut!(guarded);
        let mut sum = 0;
        while let Some(x) = guarded.next().await {
            sum += x.unwrap();
        }
        sum
    })
}

/// Chunks as in newer versions of tokio-stream, which read the clock when no item is ready.
struct Chunks<S: Stream> {
    from: Pin<Box<S>>,
    held: Vec<S::Item>,
    deadline: Option<Pin<Box<tokio::time::Sleep>>>,
    most: usize,
    within: Duration,
}

impl<S: Stream> Unpin for Chunks<S> {}

impl<S: Stream> Stream for Chunks<S> {
    type Item = Vec<S::Item>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let me = &mut *self;
        loop {
            match me.from.as_mut().poll_next(cx) {
                Poll::Pending => break,
                Poll::Ready(None) if me.held.is_empty() => return Poll::Ready(None),
                Poll::Ready(None) => return Poll::Ready(Some(std::mem::take(&mut me.held))),
                Poll::Ready(Some(item)) => {
                    if me.held.is_empty() {
                        match &mut me.deadline {
                            Some(sleep) => sleep.as_mut().reset(tokio::time::Instant::now() + me.within),
                            None => me.deadline = Some(Box::pin(tokio::time::sleep(me.within))),
                        }
                        me.held.reserve_exact(me.most);
                    }
                    me.held.push(item);
                    if me.held.len() == me.most {
                        return Poll::Ready(Some(std::mem::take(&mut me.held)));
                    }
                }
            }
        }
        if me.held.is_empty() {
            return Poll::Pending;
        }
        match future::Future::poll(me.deadline.as_mut().unwrap().as_mut(), cx) {
            Poll::Ready(()) => Poll::Ready(Some(std::mem::take(&mut me.held))),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn chunks_tokio(n: u64) -> i64 {
    one_thread().block_on(async move {
        let from = Box::pin(shifted(n));
        let mut chunks = Chunks { from, held: Vec::new(), deadline: None, most: 100, within: Duration::from_secs(1) };
        let mut sum = 0;
        while let Some(chunk) = chunks.next().await {
            sum += chunk.iter().sum::<i64>();
        }
        sum
    })
}

// timers

fn span(i: u64) -> u64 {
    10_000_000_000 + (i.wrapping_mul(2_654_435_761) & 0xffff_ffff) * 14
}

fn timers(n: u64) -> i64 {
    one_thread().block_on(async move {
        let mut all: Vec<_> = Vec::with_capacity(n as usize);
        for i in 0..n {
            let mut sleep = Box::pin(tokio::time::sleep(Duration::from_nanos(span(i))));
            let _ = futures::poll!(sleep.as_mut());
            all.push(Some(sleep));
        }
        let mut left = 0;
        for i in 0..n {
            if i % 10 == 0 {
                left += span(i) as i64;
            } else {
                all[i as usize] = None;
            }
        }
        left
    })
}

// memory: the answer is in bytes instead of nanoseconds, from a new process

fn resident_bytes() -> u128 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u128>().unwrap() * 4096
}

fn tokio_waiting(n: u64) -> i64 {
    let runtime = one_thread();
    let before = resident_bytes();
    runtime.block_on(async move {
        let mut tasks = Vec::with_capacity(n as usize);
        for _ in 0..n {
            tasks.push(tokio::spawn(future::pending::<()>()));
        }
        tokio::task::yield_now().await;
        println!("{} {}", resident_bytes() - before, n);
        std::process::exit(0)
    })
}

const CASES: &[Case] = &[
    ("fused", "futures-rs", 1, fused),
    ("fused", "futures-rs, boxed at every stage", 10, fused_boxed),
    ("generator", "async-stream (Rust)", 1, generator),
    ("generator", "async-stream (Rust), boxed", 1, generator_boxed),
    ("stages", "async-stream (Rust)", 1, stages),
    ("stages", "async-stream (Rust), boxed", 1, stages_boxed),
    ("merge", "tokio-stream merge tree", 1, merge_tokio),
    ("merge", "futures-rs select_all", 10, merge_select_all),
    ("flatten", "futures-rs flat_map", 1, flatten),
    ("flatten", "futures-rs flat_map, boxed inner", 1, flatten_boxed),
    ("flatten", "futures-rs flat_map, async-stream inner", 1, flatten_coroutine),
    ("map_async", "futures-rs buffer_unordered", 1, buffer_unordered),
    ("map_async", "tokio tasks", 10, tokio_tasks),
    ("task", "boxed future (Rust)", 1, boxed_future),
    ("spawn", "tokio", 10, tokio_spawn),
    ("yield", "tokio", 10, tokio_yield),
    ("channel", "futures-rs mpsc", 10, channel_futures),
    ("channel", "tokio mpsc", 10, channel_tokio),
    ("channel_threads", "tokio mpsc", 10, channel_threads_tokio),
    ("hop", "tokio mpsc(64)", 10, channel_threads_tokio),
    ("offload", "tokio spawn_blocking", 1, spawn_blocking),
    ("memory", "tokio", 1, tokio_waiting),
    ("share", "tokio broadcast", 1, share_tokio),
    ("timed", "tokio-stream timeout(1s)", 10, timeout_tokio),
    ("timed", "tokio chunks of 100 or 1s, by hand", 10, chunks_tokio),
    ("timers", "tokio", 1, timers),
];

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if arguments.len() == 2 && arguments[1] == "--list" {
        for (question, name, scale, _) in CASES {
            println!("{question}\t{name}\t{scale}");
        }
        return;
    }
    let wanted = CASES.iter().find(|c| arguments.len() == 3 && c.0 == arguments[1] && c.1 == arguments[2]);
    let run = match wanted {
        Some(case) => case.3,
        None => {
            eprintln!("usage: peers QUESTION CASE, or --list");
            std::process::exit(2);
        }
    };
    for line in std::io::stdin().lock().lines() {
        let n = line.unwrap().trim().parse().unwrap();
        let began = Instant::now();
        let checksum = run(n);
        println!("{} {}", began.elapsed().as_nanos(), checksum);
        std::io::stdout().flush().unwrap();
    }
}
