// SPDX-License-Identifier: MIT
// The same questions, answered by async generators and rxjs: `node main.js QUESTION CASE` answers each line `N` on its
// standard input with a line `NANOSECONDS CHECKSUM`; `--list` names the cases, with the divisor of their item counts.

import { createInterface } from "node:readline";
import * as rx from "rxjs";

async function* numbers(n) {
  for (let i = 0; i < n; i++) yield i;
}

async function* mapped(upstream, f) {
  for await (const x of upstream) yield f(x);
}

async function* filtered(upstream, keep) {
  for await (const x of upstream) if (keep(x)) yield x;
}

// Beyond 2^53 a sum of numbers is not exact.
async function sum(all) {
  let total = 0n;
  let part = 0;
  for await (const x of all) {
    part += x;
    if (part > 2 ** 52) {
      total += BigInt(part);
      part = 0;
    }
  }
  return total + BigInt(part);
}

const rxSum = (all) =>
  new Promise((resolve, reject) => {
    let total = 0n;
    let part = 0;
    all.subscribe({
      next: (x) => {
        part += x;
        if (part > 2 ** 52) {
          total += BigInt(part);
          part = 0;
        }
      },
      error: reject,
      complete: () => resolve(total + BigInt(part)),
    });
  });

const fused = (n) =>
  sum(mapped(filtered(mapped(numbers(n), (x) => 3 * x), (x) => (x & 1) !== 0), (x) => x + 1));

const rxFused = (n) =>
  rxSum(
    rx.range(0, n).pipe(
      rx.map((x) => 3 * x),
      rx.filter((x) => x % 2 !== 0),
      rx.map((x) => x + 1),
      rx.take(n),
    ),
  );

const same = (x) => x;
const stages = (n) => sum(mapped(mapped(mapped(numbers(n), same), same), same));

function rxMerge(n) {
  const each = Math.floor(n / 8);
  return rxSum(rx.merge(...Array.from({ length: 8 }, (_, which) => rx.range(which * each, each))));
}

const rxFlatten = (n) => rxSum(rx.range(0, n).pipe(rx.concatMap((i) => rx.range(i, 4))));

const rxMapAsync = (n) =>
  rxSum(rx.range(0, n).pipe(rx.mergeMap((i) => Promise.resolve(i), 64)));

async function tasks(n) {
  const one = async (x) => x;
  let total = 0;
  for (let i = 0; i < n; i++) total += await one(i);
  return BigInt(total);
}

async function yields(n) {
  let total = 0;
  for (let i = 0; i < n; i++) {
    await new Promise((resolve) => setImmediate(resolve));
    total += i;
  }
  return BigInt(total);
}

const cases = [
  ["fused", "rxjs", 10, rxFused],
  ["fused", "Node async generators", 100, fused],
  ["generator", "Node async generator", 10, (n) => sum(numbers(n))],
  ["stages", "Node async generators", 10, stages],
  ["merge", "rxjs", 10, rxMerge],
  ["flatten", "rxjs concatMap", 10, rxFlatten],
  ["map_async", "rxjs mergeMap of promises", 10, rxMapAsync],
  ["task", "Node async function", 10, tasks],
  ["spawn", "Node promise", 10, tasks],
  ["yield", "Node setImmediate", 100, yields],
];

const [, , question, name] = process.argv;
if (question === "--list") {
  for (const [q, c, scale] of cases) console.log(`${q}\t${c}\t${scale}`);
} else {
  const wanted = cases.find(([q, c]) => q === question && c === name);
  if (!wanted) {
    console.error("usage: node main.js QUESTION CASE, or --list");
    process.exit(2);
  }
  for await (const line of createInterface({ input: process.stdin })) {
    const began = process.hrtime.bigint();
    const checksum = await wanted[3](Number(line));
    console.log(`${process.hrtime.bigint() - began} ${checksum}`);
  }
}
