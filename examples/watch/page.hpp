// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

/// The page of watch: it draws the frames that /events sends.
inline constexpr std::string_view page = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>watch</title>
<link rel="icon" href="data:,">
<style>
:root { color-scheme: light dark; --box: #fff; --line: #c9ccd1; --soft: #5c6066; --wait: #b67a06; --slow: #c2410c; }
@media (prefers-color-scheme: dark) {
    :root { --box: #202327; --line: #454a52; --soft: #a4a9b1; --wait: #e0b04c; --slow: #ff8a50; }
}
body { font: 15px/1.4 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 72rem; }
h1 { font-size: 1.25rem; margin: 0 0 1rem; }
#stages { display: flex; flex-wrap: wrap; gap: 1rem 2rem; padding: 0; margin: 0; list-style: none; }
li { flex: 0 1 11rem; min-width: 9rem; border: 2px solid var(--line); border-radius: 8px; padding: 0.5rem 0.75rem;
    background: var(--box); position: relative; }
li:not(:last-child)::after { content: "\2192"; position: absolute; right: -1.6rem; top: 35%; color: var(--soft); }
li.slow { border-color: var(--slow); box-shadow: 0 0 0 2px var(--slow); }
li b, li span { display: block; }
li .mark { color: var(--slow); font-weight: 600; min-height: 2.8em; }
.soft { color: var(--soft); }
.bar { height: 6px; background: var(--line); border-radius: 3px; margin: 0.25rem 0;
    overflow: hidden; }
.bar i { display: block; height: 100%; background: var(--wait); border-radius: 3px; }
@media (max-width: 700px) {
    #stages { flex-direction: column; gap: 2rem; }
    li { flex-basis: auto; }
    li:not(:last-child)::after { content: "\2193"; top: auto; right: 50%; bottom: -1.8rem; }
    li .mark { min-height: 1.4em; }
}
</style>
<h1>A running pipeline</h1>
<ol id="stages"></ol>
<p id="verdict" role="status"></p>
<p class="soft">A bar is the share of the last quarter of a second for which the consumer of a stage waited for it.</p>
<script>
"use strict";
const make = (name, text = "", style = "") => {
    const one = document.createElement(name);
    one.textContent = text;
    one.className = style;
    return one;
};
const source = new EventSource("/events");
source.onmessage = event => {
    const frame = JSON.parse(event.data);
    document.getElementById("verdict").textContent = frame.verdict;
    document.getElementById("stages").replaceChildren(...[...frame.rows, { slow: frame.consumer }].map(row => {
        const box = make("li", "", row.slow ? "slow" : "");
        const last = row.name === undefined;
        box.append(make("b", row.name ?? "consumer"));
        box.append(make("span", last ? "what follows" : row.items.toLocaleString("en") + " items", "soft"));
        if (!last) {
            const bar = make("div", "", "bar"), part = make("i");
            part.style.width = 100 * row.waited + "%";
            bar.append(part);
            box.append(make("span", row.rate.toFixed(1) + " per second"), bar);
        }
        box.append(make("span", row.slow ? "holds the others back" : "", "mark"));
        return box;
    }));
};
source.onerror = () => { document.getElementById("verdict").textContent = "The program has ended."; };
</script>
</html>
)page";
