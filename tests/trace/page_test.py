# SPDX-License-Identifier: MIT
"""Opens the page that tests/trace/page_subject.cpp records in Chromium, and looks at what it shows.

    python3 tests/trace/page_test.py SUBJECT [FOLDER-FOR-SCREENSHOTS]
"""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "support"))
from chromium import Chromium  # noqa: E402

BOXES = """Object.fromEntries([...document.querySelectorAll('.box')].map(b =>
    [b.dataset.stage, [b.dataset.state, b.innerText]]))"""
ROWS = """Object.fromEntries([...document.querySelectorAll('.row')].map(r => [r.dataset.row, {
    marbles: [...r.querySelectorAll('.marble title')].map(t => t.textContent),
    waits: r.querySelectorAll('.wait').length, ends: r.querySelectorAll('.end').length,
    failures: [...r.querySelectorAll('.failure title')].map(t => t.textContent)}]))"""
# Boxes that overlap each other, and whatever is wider than the page.
MISPLACED = """(() => {
    const boxes = [...document.querySelectorAll('.box')].map(b => b.getBoundingClientRect());
    const overlap = boxes.filter((a, i) => boxes.some((b, k) => k < i && a.left < b.right && b.left < a.right &&
        a.top < b.bottom && b.top < a.bottom)).length;
    const wide = [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > innerWidth + 1);
    return overlap + wide.length;
})()"""


def page(browser, screenshots, folder):
    file = pathlib.Path(folder, "run.html")
    said = subprocess.run([sys.argv[1], str(file)], check=True, capture_output=True, text=True).stdout
    assert said == "a7 is </script> no order\n", said
    text = file.read_text()
    for outside in ("http://", "https://", "src=", "@import", "url("):
        assert outside not in text.replace("http://www.w3.org/2000/svg", ""), outside
    url = file.as_uri()

    browser.open(url + "#t=0.13")
    assert browser.evaluate("document.getElementById('about').textContent") == "4 stages, 31 items, 375.0 ms"
    assert browser.evaluate("document.getElementById('message').textContent") == ""
    boxes = browser.evaluate(BOXES)
    assert {name: state for name, (state, _) in boxes.items()} == {
        "shop a": "waits", "shop b": "waits", "parsed": "waits", "stored": "cause", "consumer": "waits"}, boxes
    assert "interval | take | map\n4 items, last a3" in boxes["shop a"][1], boxes
    assert "merge | map_async\n5 items, last a3\nwaits for shop a and shop b" in boxes["parsed"][1], boxes
    assert "buffer | map_async\n4 items\nworks on 1 item" in boxes["stored"][1], boxes
    waits = "document.getElementById('waits').textContent"
    assert browser.evaluate(waits) == "stored keeps the others waiting."
    assert browser.evaluate("document.querySelectorAll('.edge').length") == 4
    # a3 has left shop a 10 ms ago and parsed at this moment; the third has no text
    flying = browser.evaluate("[...document.querySelectorAll('#flights text')].map(t => t.textContent)")
    assert flying == ["a3", "a3"], flying
    assert browser.evaluate("document.querySelectorAll('.flying').length") == 3

    rows = browser.evaluate(ROWS)
    assert rows["shop a"]["marbles"] == [f"a{i} at {30.0 * (i + 1):.1f} ms" for i in range(8)], rows
    assert rows["shop b"]["marbles"] == [f"b{i} at {70.0 * (i + 1):.1f} ms" for i in range(3)], rows
    assert [m.split(" ")[0] for m in rows["parsed"]["marbles"]] == "a0 a1 b0 a2 a3 b1 a4 a5 b2 a6".split(), rows
    assert len(rows["stored"]["marbles"]) == 10 and rows["stored"]["marbles"][0] == "an item at 60.0 ms", rows
    assert (rows["shop a"]["waits"], rows["shop b"]["waits"]) == (8, 3), rows
    assert [rows[name]["ends"] for name in ("shop a", "shop b", "parsed", "stored")] == [1, 1, 0, 0], rows
    assert rows["parsed"]["failures"] == ["failed: a7 is </script> no order at 250.0 ms"], rows
    assert "executor" in rows, rows

    causes = {0.02: "shop a and shop b keep", 0.035: "parsed keeps", 0.062: "the consumer of stored keeps"}
    for t, names in causes.items():
        browser.open(f"{url}#t={t}")
        assert browser.evaluate(waits) == names + " the others waiting.", (t, browser.evaluate(waits))
    browser.open(url + "#t=0.13")

    # The keyboard: the next event, the end, zoom, and play from the start.
    now = "document.getElementById('now').textContent"
    browser.press("ArrowRight")
    assert browser.evaluate(now) == "140.0 ms", browser.evaluate(now)
    browser.press("ArrowLeft")
    browser.press("ArrowLeft")
    assert browser.evaluate(now) == "125.0 ms", browser.evaluate(now)
    browser.press("+", "+")
    assert 0 < len(browser.evaluate(ROWS)["shop a"]["marbles"]) < 8
    browser.press("End")
    boxes = browser.evaluate(BOXES)
    assert boxes["parsed"][0] == boxes["stored"][0] == "failed", boxes
    assert boxes["consumer"][1].endswith("is done"), boxes
    browser.press(" ", " ")
    browser.wait_for("document.getElementById('play').textContent === 'Pause' && at > 0 && at < run.length / 2")
    browser.press(" ", " ")
    assert browser.evaluate("document.getElementById('play').textContent") == "Play"

    for width, height in ((1280, 900), (390, 1500)):
        for dark in (False, True):
            for t in ("0.035", "0.13", "0.31"):
                browser.open(f"{url}#t={t}", width, height, dark)
                assert browser.evaluate(MISPLACED) == 0, (width, t)
                if screenshots:
                    browser.screenshot(f"{screenshots}/{width}{'-dark' if dark else ''}-{t}.png")


def cut_off_and_json(browser, folder):
    """A page of a process that was killed, and a file of the other format that is opened by hand."""
    whole = pathlib.Path(folder, "run.html").read_text()
    cut = pathlib.Path(folder, "cut.html")
    cut.write_text(whole[:whole.index("parsed\",\"pid") + 500])
    browser.open(cut.as_uri())
    assert browser.evaluate("document.getElementById('message').textContent") == ""
    assert "shop a" in browser.evaluate(BOXES)

    for rest in ["", "[", '[\n{"ph":"X","na', '[\n{"ph":"i","args":{"stage":1}']:
        cut.write_text(whole[:whole.rindex("\n[") + 1] + rest)
        browser.open(cut.as_uri())
        said = browser.evaluate("document.getElementById('message').textContent")
        assert said == "The record ends before its first event.", (rest, said)

    file = pathlib.Path(folder, "run.json")
    subprocess.run([sys.argv[1], str(file)], check=True, stdout=subprocess.DEVNULL)
    json.loads(file.read_text())
    document = browser.call("DOM.getDocument")["root"]["nodeId"]
    chooser = browser.call("DOM.querySelector", nodeId=document, selector="#file")["nodeId"]
    browser.call("DOM.setFileInputFiles", nodeId=chooser, files=[str(file)])
    browser.wait_for("document.getElementById('about').textContent === '4 stages, 31 items, 375.0 ms'")

    file.write_text("no trace")
    browser.call("DOM.setFileInputFiles", nodeId=chooser, files=[str(file)])
    browser.wait_for("document.getElementById('message').textContent.startsWith('This is not a trace: ')")


with Chromium() as browser, tempfile.TemporaryDirectory() as folder:
    page(browser, sys.argv[2] if len(sys.argv) > 2 else None, folder)
    cut_off_and_json(browser, folder)
    assert not browser.errors, browser.errors
    assert all(url.startswith(("file:", "about:")) for url in browser.requests), browser.requests
print("ok")
