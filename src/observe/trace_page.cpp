// SPDX-License-Identifier: MIT
#include <observe/trace_page.hpp>

namespace weir::detail {

const std::string_view trace_page_head = R"page(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
    content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>weir: a recorded run</title>
<style>
:root {
    color-scheme: light dark;
    --page: #fcfcfb; --box: #ffffff; --ink: #1c1d1f; --soft: #5c6066; --line: #c9ccd1;
    --item: #1f6fd0; --wait: #b67a06; --cause: #c2410c; --bad: #b3261e; --shade: rgb(120 125 135 / 0.16);
}
@media (prefers-color-scheme: dark) {
    :root {
        --page: #16181b; --box: #202327; --ink: #eceef0; --soft: #a4a9b1; --line: #454a52;
        --item: #6cb0ff; --wait: #e0b04c; --cause: #ff8a50; --bad: #ff7b72; --shade: rgb(10 11 13 / 0.45);
    }
}
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1rem; max-width: 90rem; background: var(--page); color: var(--ink);
    font: 15px/1.4 system-ui, sans-serif; }
h1 { font-size: 1.25rem; margin: 0; }
h2 { font-size: 1rem; margin: 1.5rem 0 0.5rem; }
header { display: flex; flex-wrap: wrap; gap: 0.25rem 1rem; align-items: baseline; }
p { margin: 0.5rem 0; }
.soft, #about { color: var(--soft); }
#message:not(:empty) { border: 1px solid var(--wait); border-radius: 6px; padding: 0.5rem 0.75rem; }
#controls { position: sticky; top: 0; z-index: 2; background: var(--page); padding: 0.5rem 0; margin-top: 0.5rem;
    border-bottom: 1px solid var(--line); display: flex; flex-wrap: wrap; gap: 0.5rem; align-items: center; }
#time { flex: 1 1 12rem; min-width: 8rem; accent-color: var(--item); }
#now { min-width: 6.5rem; text-align: right; font-variant-numeric: tabular-nums; }
button, select, .open { font: inherit; color: inherit; background: var(--box); border: 1px solid var(--line);
    border-radius: 6px; padding: 0.25rem 0.6rem; min-height: 2.1rem; cursor: pointer; }
#play { min-width: 4.5rem; }
.open { margin-left: auto; display: inline-flex; align-items: center; }
.open input { position: absolute; opacity: 0; width: 1px; height: 1px; }
:focus-visible, .open:focus-within { outline: 3px solid var(--item); outline-offset: 1px; }
#graph { position: relative; overflow-x: auto; }
#graph svg { position: absolute; inset: 0; overflow: visible; pointer-events: none; }
.box { position: absolute; width: 176px; height: 104px; border: 2px solid var(--line); border-radius: 8px;
    background: var(--box); padding: 0.35rem 0.6rem; font-size: 13px; line-height: 1.3; overflow: hidden; }
.box b, .box span { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.box b { font-size: 14px; }
.box .state { white-space: normal; display: -webkit-box; -webkit-line-clamp: 2; -webkit-box-orient: vertical; }
.box[data-state=waits] { border-color: var(--wait); border-style: dashed; }
.box[data-state=cause] { border-color: var(--cause); box-shadow: 0 0 0 2px var(--cause); }
.box[data-state=cause] .state { color: var(--cause); font-weight: 600; }
.box[data-state=failed] { border-color: var(--bad); }
.box[data-state=failed] .state { color: var(--bad); }
.box[data-state=over], .box[data-state=before] { opacity: 0.7; }
.edge { fill: none; stroke: var(--line); stroke-width: 2; }
.edge[data-waits] { stroke: var(--wait); stroke-dasharray: 5 4; }
.flying { fill: var(--item); }
svg text { fill: var(--ink); font: 11px system-ui, sans-serif; }
#waits { min-height: 1.4em; }
#rows { position: relative; --label: 9.5rem; touch-action: pan-y; }
.row { display: grid; grid-template-columns: var(--label) 1fr; align-items: center; border-top: 1px solid var(--line); }
.row > div { overflow: hidden; text-overflow: ellipsis; white-space: nowrap; padding-right: 0.5rem; font-size: 14px; }
.row svg { width: 100%; display: block; cursor: pointer; }
.line { stroke: var(--soft); stroke-width: 1.5; }
.marble { fill: var(--item); stroke: var(--page); stroke-width: 1.5; }
.many { stroke: none; }
.wait { fill: var(--wait); }
.run { fill: var(--soft); }
.end { stroke: var(--ink); stroke-width: 2.5; }
.failure { stroke: var(--bad); stroke-width: 3; fill: none; }
#cursor { position: absolute; top: 0; bottom: 1.4rem; right: 0; background: var(--shade); pointer-events: none;
    border-left: 2px solid var(--ink); }
#axis { display: flex; justify-content: space-between; font-size: 12px; color: var(--soft); margin-left: var(--label);
    border-top: 1px solid var(--line); height: 1.4rem; }
.key { display: inline-flex; align-items: center; gap: 0.35rem; margin-right: 1rem; }
.key i { width: 12px; height: 12px; border-radius: 50%; background: var(--item); }
.key i.w { border-radius: 2px; height: 7px; width: 18px; background: var(--wait); }
.key i.r { border-radius: 2px; height: 12px; width: 4px; background: var(--soft); }
kbd { border: 1px solid var(--line); border-radius: 4px; padding: 0 0.3rem; font: inherit; font-size: 13px; }
@media (max-width: 700px) {
    #rows { --label: 0px; }
    .row > div { grid-column: 1 / -1; }
    .row svg { grid-column: 1 / -1; }
    .box { width: 164px; }
    #time { flex-basis: 100%; order: 1; }
    #now { flex: 1; text-align: left; order: 2; }
    #speed { order: 3; }
}
</style>
<header><h1>Recorded run</h1><span id="about"></span>
<label class="open">Open a trace<input type="file" id="file" accept=".json,.html"></label></header>
<p id="message" role="status"></p>
<div id="controls">
<button id="play" aria-keyshortcuts="Space">Play</button>
<button id="back" aria-label="Previous event" title="Previous event">&#9664;</button>
<button id="forth" aria-label="Next event" title="Next event">&#9654;</button>
<input type="range" id="time" min="0" max="100000" value="0" aria-label="Time">
<output id="now" for="time"></output>
<select id="speed" aria-label="Speed">
<option value="fit" selected>whole run in 20 s</option><option value="slow">whole run in 2 min</option>
<option value="1">real time</option><option value="0.1">1/10 of real time</option>
<option value="0.01">1/100 of real time</option><option value="0.001">1/1000 of real time</option>
</select>
<button id="out" aria-label="Zoom out" title="Zoom out">&minus;</button>
<button id="in" aria-label="Zoom in" title="Zoom in">+</button>
</div>
<h2>Stages</h2>
<div id="graph"></div>
<p id="waits"></p>
<h2>Marbles</h2>
<div id="rows"></div>
<p class="soft"><span class="key"><i></i>an item left the stage</span><span class="key"><i class="w"></i>its consumer
waited for it</span><span class="key"><i class="r"></i>a run of the executor</span></p>
<p class="soft"><kbd>Space</kbd> plays, <kbd>&larr;</kbd> <kbd>&rarr;</kbd> go to the next event, <kbd>+</kbd>
<kbd>&minus;</kbd> zoom, <kbd>Home</kbd> <kbd>End</kbd> jump. A click on a row sets the time.</p>
)page"
                                         R"page(<script>
"use strict";
const $ = id => document.getElementById(id);
const flights = 25; // so many flights of an item take as long as the visible time
let run = null;     // the recorded run
let at = 0;         // the time that is shown, in us since the start
let zoom = 1, left = 0;
let playing = 0;    // the time of the last frame, or 0

/// How many of the sorted numbers are at most t.
function upTo(sorted, t) {
    let low = 0, high = sorted.length;
    while (low < high) {
        const middle = (low + high) >> 1;
        if (sorted[middle] <= t) low = middle + 1; else high = middle;
    }
    return low;
}
const ascending = (a, b) => a - b;
const make = (name, attributes = {}, text = "") => {
    const svg = ["svg", "path", "circle", "rect", "line", "text", "title"].includes(name);
    const one = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    if (text !== "") one.textContent = text;
    return one;
};
const titled = (element, text) => { element.append(make("title", {}, text)); return element; };
const clamp = (x, low, high) => Math.min(Math.max(x, low), high);

function timeText(us, span = run.length / zoom) {
    const [unit, factor] = span >= 1e6 ? ["s", 1e6] : span >= 1e3 ? ["ms", 1e3] : ["\u00b5s", 1];
    const digits = clamp(3 - Math.floor(Math.log10(Math.max(span / factor, 1e-9))), 0, 6);
    return (us / factor).toFixed(digits) + " " + unit;
}
const plural = (n, what) => n.toLocaleString("en") + " " + what + (n === 1 ? "" : "s");

/// The events of a trace, also of one whose end is missing.
function parse(text) {
    if (text.trimStart().startsWith("<")) text = text.slice(text.lastIndexOf('id="trace">') + 11);
    const end = text.lastIndexOf("<\/script>");
    if (end >= 0) text = text.slice(0, end);
    try {
        return JSON.parse(text);
    } catch (_) {
        const whole = text.slice(0, text.lastIndexOf("}") + 1);
        let cut = whole;
        for (; cut.includes("\n"); cut = cut.slice(0, cut.lastIndexOf("\n"))) {
            try { return JSON.parse(cut.replace(/,\s*$/, "") + "]"); } catch (_) { /* a line less */ }
            if (whole.length - cut.length > 65536) break;
        }
        const starts = /^\s*(\[\s*(\{|$)|$)/.test(text);
        if (starts && !cut.includes("\n")) return []; // it ends within its first event
        return JSON.parse(text);
    }
}

const localsOf = event => event.args?.locals ? ", " + event.args.locals : "";

/// Stages of one name are one box: those of an inner pipeline may be many.
function understand(events) {
    const result = { groups: [], runs: new Map(), start: Infinity, end: -Infinity, full: false, items: 0 };
    const byName = new Map(), byNumber = new Map(), open = new Map(), tracks = new Set();
    const groupOf = event => {
        const key = event.tid + " " + event.name;
        if (!byName.has(key)) {
            byName.set(key, { name: event.name, tid: event.tid, operators: "", begins: [], ends: [], items: [],
                waits: [], asks: new Set(), lastEnd: "ended", failures: [] });
            tracks.add(event.tid);
        }
        return byName.get(key);
    };
    for (const event of events) {
        if (event.ph === "M") { result.full = true; continue; }
        const t = event.ts;
        result.start = Math.min(result.start, t);
        result.end = Math.max(result.end, t + (event.dur || 0));
        if (event.ph === "X") {
            if (event.name === "turn" || event.name === "timers and I/O") continue;
            if (!result.runs.has(event.tid)) result.runs.set(event.tid, []);
            result.runs.get(event.tid).push({ begin: t, end: t + event.dur, name: event.name + localsOf(event) });
        } else if (event.ph === "b") {
            const wait = { begin: t, end: Infinity };
            groupOf(event).waits.push(wait);
            open.set(event.id, wait);
        } else if (event.ph === "e") {
            if (open.has(event.id)) open.get(event.id).end = t;
            open.delete(event.id);
        } else if (event.cat === "stage_begins") {
            const group = groupOf(event);
            group.begins.push(t);
            group.operators = event.args.text || "";
            byNumber.set(event.tid + " " + event.args.stage, group);
            const consumer = byNumber.get(event.tid + " " + event.args.asked_by);
            if (consumer && consumer !== group) consumer.asks.add(group);
        } else if (event.cat === "stage_ends") {
            const group = groupOf(event), text = event.args.text;
            group.ends.push(t);
            group.lastEnd = text;
            if (text.startsWith("failed")) group.failures.push({ t, text });
        } else if (event.cat === "item") {
            groupOf(event).items.push({ t, text: event.args.text || "", locals: localsOf(event) });
            ++result.items;
        }
    }
    if (result.start > result.end) result.start = result.end = 0;
    result.length = Math.max(result.end - result.start, 1e-3);
    const relative = t => t - result.start;
    for (const runs of result.runs.values()) {
        for (const one of runs) { one.begin = relative(one.begin); one.end = relative(one.end); }
    }
    result.groups = [...byName.values()];
    if (tracks.size > 1) for (const group of result.groups) group.name += ` (executor ${group.tid})`;
    const times = new Set([0, result.length]);
    for (const group of result.groups) {
        for (const item of group.items) { item.t = relative(item.t); times.add(item.t); }
        for (const one of group.failures) one.t = relative(one.t);
        group.begins = group.begins.map(relative).sort(ascending);
        group.ends = group.ends.map(relative).sort(ascending);
        for (const wait of group.waits) {
            wait.begin = relative(wait.begin);
            // A wait at the end of the record has not ended.
            wait.end = relative(wait.end) >= result.length ? Infinity : relative(wait.end);
            times.add(wait.begin);
        }
        for (const t of group.ends) times.add(t);
        group.waits.sort((a, b) => a.begin - b.begin);
        group.itemTimes = group.items.map(item => item.t);
        group.waitBegins = group.waits.map(wait => wait.begin);
        group.waitEnds = group.waits.map(wait => wait.end).sort(ascending);
        group.askedBy = result.groups.filter(other => other.asks.has(group));
    }
    result.times = [...times].sort(ascending);
    // What stands behind the last meter has no name in the trace.
    for (const group of result.groups.filter(one => one.askedBy.length === 0)) {
        const consumer = { consumer: true, name: "consumer", operators: "what follows " + group.name,
            asks: new Set([group]), askedBy: [], of: group };
        group.askedBy.push(consumer);
        result.groups.push(consumer);
    }
    const levelOf = (group, below = new Set()) => {
        if (group.level === undefined && !below.has(group)) {
            const inner = new Set([...below, group]);
            group.level = 1 + Math.max(-1, ...group.askedBy.map(one => levelOf(one, inner)));
        }
        return group.level ?? 0;
    };
    const columns = Math.max(0, ...result.groups.map(one => levelOf(one)));
    for (const group of result.groups) group.column = columns - group.level;
    result.groups.sort((a, b) => a.column - b.column);
    return result;
}

const waiting = group => upTo(group.waitBegins, at) - upTo(group.waitEnds, at);
const alive = group => upTo(group.begins, at) - upTo(group.ends, at);
const list = names => names.length < 2 ? names.join("") : names.slice(0, -1).join(", ") + " and " + names.at(-1);

/// Operators whose items are as many as those of their upstream.
const passAll = new Set(["buffer", "delay", "enumerate", "inspect", "map", "map_async",
    "map_async_unordered", "map_blocking", "merge", "pace", "publish_on", "timeout", "timestamp"]);

/// How many items a stage has taken and not given. 0 where its operators do not tell.
function holds(group) {
    if (group.asks.size === 0 || !group.operators.split(/[ |(),]+/).every(name => !name || passAll.has(name))) return 0;
    return [...group.asks].reduce((sum, one) => sum + upTo(one.itemTimes, at), -upTo(group.itemTimes, at));
}

/// The stages that keep the others waiting: from each consumer on, those that are asked, and lack no item or ask nobody
/// for one.
function causes() {
    const found = new Set(), seen = new Set();
    const look = group => {
        if (seen.has(group)) return;
        seen.add(group);
        const waited = [...group.asks].filter(waiting);
        if (group.consumer ? !waited.length : holds(group) > 0 || !waited.length) found.add(group);
        else waited.forEach(look);
    };
    run.groups.filter(group => group.consumer && alive(group.of) > 0).forEach(look);
    return found;
}

/// The state of a box, and that in words.
function stateOf(group, isCause) {
    const stage = group.of || group;
    if (upTo(stage.begins, at) === 0 && stage.begins.length) return ["before", "has not started"];
    if (stage.begins.length && alive(stage) === 0) {
        if (group.consumer) return ["over", "is done"];
        return [stage.lastEnd.startsWith("failed") ? "failed" : "over", stage.lastEnd];
    }
    if (group.consumer) {
        return isCause ? ["cause", "is busy, and asks for nothing"] : ["waits", "waits for " + stage.name];
    }
    const n = waiting(group), all = alive(group), held = holds(group);
    const share = all > 1 ? ` (${n} of ${all})` : "";
    const waited = [...group.asks].filter(waiting);
    const words = held > 0 ? "works on " + plural(held, "item") : waited.length
        ? "waits for " + list(waited.map(one => one.name)) : "has no item yet";
    if (n === 0) return ["idle", held > 0 ? "is not asked, and holds " + plural(held, "item") : "is not asked"];
    return [isCause ? "cause" : "waits", words + share];
}

const boxes = new Map(); // of a group: its element and the paths to those that ask it

function layOut() {
    const graph = $("graph");
    graph.replaceChildren();
    boxes.clear();
    const narrow = matchMedia("(max-width: 700px)").matches;
    const width = narrow ? 164 : 176, height = 104, gap = narrow ? 16 : 28;
    const layers = [];
    for (const group of run.groups) (layers[group.column] ??= []).push(group);
    const across = layers.length * (width + 72) - 72 + 4;
    const downwards = across > graph.clientWidth;
    const svg = make("svg");
    let bottom = 0;
    const place = (group, x, y) => {
        const element = make("section", { class: "box", "aria-label": group.name });
        element.style.left = x + "px";
        element.style.top = y + "px";
        element.dataset.stage = group.name;
        element.append(make("b", { title: group.name }, group.name),
            make("span", { class: "soft", title: group.operators }, group.operators || "\u00a0"), make("span"),
            make("span", { class: "state" }));
        graph.append(element);
        boxes.set(group, { element, x, y, paths: [] });
        bottom = Math.max(bottom, y + height);
    };
    if (downwards) {
        const perLine = Math.max(1, Math.floor((graph.clientWidth + gap) / (width + gap)));
        let y = 2;
        for (const layer of layers) {
            for (let i = 0; i < layer.length; i += perLine) {
                const line = layer.slice(i, i + perLine);
                const start = (graph.clientWidth - line.length * (width + gap) + gap) / 2;
                line.forEach((group, n) => place(group, Math.max(2, start + n * (width + gap)), y));
                y += height + 40;
            }
        }
    } else {
        const most = Math.max(...layers.map(layer => layer.length), 0);
        layers.forEach((layer, column) => layer.forEach((group, n) => {
            const top = (most - layer.length) * (height + gap) / 2;
            place(group, 2 + column * (width + 72), 2 + top + n * (height + gap));
        }));
    }
    for (const [group, box] of boxes) {
        for (const consumer of group.askedBy || []) {
            const to = boxes.get(consumer);
            const p = downwards ? [box.x + width / 2, box.y + height, to.x + width / 2, to.y]
                : [box.x + width, box.y + height / 2, to.x, to.y + height / 2];
            const bend = downwards ? [p[0], (p[1] + p[3]) / 2, p[2], (p[1] + p[3]) / 2]
                : [(p[0] + p[2]) / 2, p[1], (p[0] + p[2]) / 2, p[3]];
            const path = make("path", { class: "edge", d: `M${p[0]},${p[1]} C${bend} ${p[2]},${p[3]}` });
            svg.append(path);
            const curve = u => [0, 1].map(k => (1 - u) ** 3 * p[k] + 3 * (1 - u) ** 2 * u * bend[k] +
                3 * (1 - u) * u * u * bend[k + 2] + u ** 3 * p[k + 2]);
            box.paths.push({ path, curve, downwards });
        }
    }
    svg.append(make("svg", { id: "flights" }));
    graph.append(svg);
    graph.style.height = bottom + 4 + "px";
}

function showStages() {
    const flights_ = $("flights");
    if (!flights_) return;
    flights_.replaceChildren();
    const causing = causes();
    for (const [group, { element, paths }] of boxes) {
        const [state, words] = stateOf(group, causing.has(group));
        element.dataset.state = state;
        element.children[3].textContent = words;
        element.children[3].title = words;
        if (group.consumer) continue;
        const passed = upTo(group.itemTimes, at), newest = group.items[passed - 1];
        element.children[2].textContent = plural(passed, "item") + (newest?.text ? ", last " + newest.text : "");
        const onTheWay = [];
        const length = run.length / zoom / flights;
        for (let i = passed - 1; i >= 0 && i > passed - 30 && at - group.items[i].t < length; --i) {
            onTheWay.push(group.items[i]);
        }
        for (const { path, curve, downwards } of paths) {
            path.toggleAttribute("data-waits", waiting(group) > 0);
            let labelled = [-100, -100];
            for (const item of onTheWay) {
                const [x, y] = curve((at - item.t) / length);
                flights_.append(make("circle", { class: "flying", cx: x, cy: y, r: 6 }));
                if (item.text && Math.hypot(x - labelled[0], y - labelled[1]) > 36) {
                    labelled = [x, y];
                    const where = downwards ? { x: x + 10, y: y + 4 } : { x, y: y - 10, "text-anchor": "middle" };
                    flights_.append(make("text", where, item.text.slice(0, 12)));
                }
            }
        }
    }
    const names = [...causing].map(one => one.consumer ? "the consumer of " + one.of.name : one.name);
    $("waits").textContent = names.length === 0 ? ""
        : list(names) + (names.length === 1 ? " keeps" : " keep") + " the others waiting.";
}

function drawRows() {
    const rows = $("rows");
    rows.replaceChildren();
    const span = run.length / zoom;
    const row = (label, title) => {
        const element = make("div", { class: "row" });
        const svg = make("svg", { height: 46, role: "img", "aria-label": title });
        element.append(make("div", { title: label }, label), svg);
        element.dataset.row = label;
        rows.append(element);
        return svg;
    };
    const inView = (begin, end) => end >= left && begin <= left + span;
    for (const group of run.groups.filter(one => !one.consumer)) {
        const svg = row(group.name, group.name + ": " + plural(group.items.length, "item"));
        const width = svg.clientWidth || 600, margin = 9;
        const x = t => margin + (clamp(t, left, left + span) - left) / span * (width - 2 * margin);
        const begin = group.begins[0] ?? 0, over = group.ends.length === group.begins.length && group.ends.length > 0;
        const end = over ? group.ends.at(-1) : run.length;
        if (inView(begin, end)) svg.append(make("line", { class: "line", x1: x(begin), x2: x(end), y1: 24, y2: 24 }));
        let drawnTo = -Infinity;
        for (const wait of group.waits) {
            if (!inView(wait.begin, wait.end) || x(wait.end) - drawnTo < 0.7) continue;
            const from = Math.max(x(wait.begin), drawnTo);
            drawnTo = Math.max(x(wait.end), from + 1);
            const width = Math.max(drawnTo - from - 1, 0.7);
            const bar = make("rect", { class: "wait", x: from + 0.5, width, y: 36, height: 6 });
            const length = Math.min(wait.end, run.length) - wait.begin;
            svg.append(titled(bar, "its consumer waited " + timeText(length)));
        }
        const first = upTo(group.itemTimes, left - 1e-9), last = upTo(group.itemTimes, left + span);
        if ((last - first) * 7 > width) {
            const bins = new Map();
            for (let i = first; i < last; ++i) {
                const bin = Math.floor(x(group.items[i].t) / 4);
                bins.set(bin, (bins.get(bin) || 0) + 1);
            }
            const most = Math.max(...bins.values());
            for (const [bin, n] of bins) {
                const height = 3 + 20 * n / most;
                const bar = make("rect", { class: "marble many", x: bin * 4, width: 3, y: 31 - height, height });
                svg.append(titled(bar, plural(n, "item")));
            }
        } else {
            let textEnd = -Infinity, place = -Infinity, here = 0;
            for (let i = first; i < last; ++i) {
                const item = group.items[i], where = x(item.t);
                here = where - place < 1 ? here + 1 : 0; // several at one moment stand above each other
                place = where;
                const marble = make("circle", { class: "marble", cx: where, cy: 24 - 4 * Math.min(here, 3), r: 6.5 });
                svg.append(titled(marble, (item.text || "an item") + " at " + timeText(item.t) + item.locals));
                const shown = item.text.slice(0, 14), half = shown.length * 3.2 + 2;
                if (!shown || where - half < textEnd) continue;
                const middle = clamp(where, half, width - half);
                textEnd = middle + half;
                svg.append(make("text", { x: middle, y: 12, "text-anchor": "middle" }, shown));
            }
        }
        for (const one of group.failures.filter(failure => inView(failure.t, failure.t))) {
            const c = x(one.t), d = `M${c - 6},18 l12,12 m0,-12 l-12,12`;
            svg.append(titled(make("path", { class: "failure", d }), one.text + " at " + timeText(one.t)));
        }
        if (over && group.lastEnd === "ended" && inView(end, end)) {
            const beside = x(end) - x(group.itemTimes.at(-1) ?? -Infinity) < 8 ? 8 : 0; // the last marble
            const mark = make("line", { class: "end", x1: x(end) + beside, x2: x(end) + beside, y1: 15, y2: 33 });
            svg.append(titled(mark, "ended at " + timeText(end)));
        }
    }
    for (const [tid, runs] of run.runs) {
        const label = run.runs.size === 1 ? "executor" : "executor " + tid;
        const svg = row(label, label + ": " + plural(runs.length, "run"));
        const width = svg.clientWidth || 600, margin = 9;
        const x = t => margin + (clamp(t, left, left + span) - left) / span * (width - 2 * margin);
        let drawnTo = -Infinity;
        for (const one of runs) {
            if (!inView(one.begin, one.end) || x(one.end) - drawnTo < 0.7 && one.name === "run") continue;
            const from = Math.max(x(one.begin), drawnTo === -Infinity ? 0 : drawnTo);
            drawnTo = Math.max(x(one.end), from + 1);
            const bar = make("rect", { class: "run", x: from, width: drawnTo - from, y: 12, height: 24 });
            svg.append(titled(bar, one.name + ", " + timeText(one.end - one.begin)));
        }
    }
    const axis = make("div", { id: "axis" });
    for (const part of [0, 0.5, 1]) axis.append(make("span", {}, timeText(left + span * part)));
    rows.append(axis, make("div", { id: "cursor" }));
}

function showCursor() {
    const cursor = $("cursor"), svg = document.querySelector(".row svg");
    if (!cursor || !svg) return;
    const outer = $("rows").getBoundingClientRect(), inner = svg.getBoundingClientRect();
    const part = (at - left) / (run.length / zoom);
    cursor.style.left = inner.left - outer.left + 8 + part * (inner.width - 18) + "px";
}

function show() {
    const span = run.length / zoom;
    if (at < left || at > left + span) {
        left = clamp(at - span / 10, 0, run.length - span);
        drawRows();
    }
    $("time").value = at / run.length * 100000;
    $("now").textContent = timeText(at);
    $("time").setAttribute("aria-valuetext", timeText(at));
    showStages();
    showCursor();
}
function go(t) { at = clamp(t, 0, run.length); show(); }
function setZoom(to) {
    zoom = clamp(to, 1, 65536);
    left = clamp(at - run.length / zoom / 2, 0, run.length - run.length / zoom);
    drawRows();
    show();
}
function step(direction) {
    const n = upTo(run.times, at + 1e-6);
    const before = run.times[n - 1] < at - 1e-6 ? n - 1 : n - 2;
    go(run.times[clamp(direction > 0 ? n : before, 0, run.times.length - 1)]);
}
function pause() { playing = 0; $("play").textContent = "Play"; }
function play() {
    if (playing) return pause();
    if (at >= run.length) at = 0;
    $("play").textContent = "Pause";
    playing = performance.now();
    requestAnimationFrame(frame);
}
function frame(now) {
    if (!playing) return;
    const speed = $("speed").value;
    const rate = speed === "fit" ? run.length / 20e3 : speed === "slow" ? run.length / 120e3 : speed * 1e3; // us a ms
    const passed = Math.max(now - playing, 0);
    playing = Math.max(now, playing);
    go(at + passed * rate);
    if (at >= run.length) pause(); else requestAnimationFrame(frame);
}

function open(text) {
    try {
        run = understand(parse(text));
    } catch (error) {
        $("message").textContent = "This is not a trace: " + error.message;
        return;
    }
    pause();
    at = left = 0;
    zoom = 1;
    const stages = run.groups.filter(one => !one.consumer);
    const about = [plural(stages.length, "stage"), plural(run.items, "item"), timeText(run.length)];
    $("about").textContent = about.join(", ");
    const empty = stages.length === 0 && run.runs.size === 0;
    $("message").textContent = empty ? "The record ends before its first event." : stages.length === 0
        ? "No stage of the run is metered. Add weir::meter(name) to its pipelines to see them here."
        : stages.every(one => one.begins.length === 0)
            ? "This trace is a sample, without items. A page (WEIR_TRACE=run.html) or {.one_in = 1} records everything."
            : run.full ? "The record was full before the end of the run." : "";
    layOut();
    drawRows();
    const place = /t=([\d.]+)/.exec(location.hash); // in seconds
    go(place ? place[1] * 1e6 : 0);
}

addEventListener("DOMContentLoaded", () => {
    $("play").onclick = play;
    $("back").onclick = () => step(-1);
    $("forth").onclick = () => step(1);
    $("in").onclick = () => setZoom(zoom * 2);
    $("out").onclick = () => setZoom(zoom / 2);
    $("time").oninput = () => go($("time").value / 100000 * run.length);
    $("file").onchange = async () => {
        const [file] = $("file").files;
        $("file").value = ""; // so that the same file can be opened again
        if (file) open(await file.text());
    };
    const pick = event => {
        const svg = event.target.closest(".row svg");
        if (!svg || event.buttons === 0) return;
        const area = svg.getBoundingClientRect();
        go(left + (event.clientX - area.left - 9) / (area.width - 18) * run.length / zoom);
    };
    $("rows").addEventListener("pointerdown", pick);
    $("rows").addEventListener("pointermove", pick);
    addEventListener("keydown", event => {
        if (!run || event.ctrlKey || event.metaKey || event.altKey) return;
        const on = event.target.closest("button, select, input");
        const keys = { "+": () => setZoom(zoom * 2), "=": () => setZoom(zoom * 2), "-": () => setZoom(zoom / 2) };
        if (!on || on.id === "time") keys[" "] = play;
        if (!on || on.tagName === "BUTTON") {
            Object.assign(keys, { ArrowLeft: () => step(-1), ArrowRight: () => step(1), Home: () => go(0),
                End: () => go(run.length) });
        }
        if (!keys[event.key]) return;
        event.preventDefault();
        keys[event.key]();
    });
    addEventListener("hashchange", () => { const t = /t=([\d.]+)/.exec(location.hash); if (t && run) go(t[1] * 1e6); });
    new ResizeObserver(() => { if (run) { layOut(); drawRows(); show(); } }).observe($("rows"));
    open($("trace").textContent);
});
</script>
<script type="application/json" id="trace">
)page";

const std::string_view trace_page_end = "</script>\n</html>\n";

} // namespace weir::detail
