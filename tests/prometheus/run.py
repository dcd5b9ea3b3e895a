# SPDX-License-Identifier: MIT
"""Scrapes tests/prometheus/subject.cpp over HTTP, and reads the answer with the parser of prometheus_client.

    python3 tests/prometheus/run.py SUBJECT
"""

import subprocess
import sys
import urllib.request

try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    print("skipped: the Python package prometheus_client is not installed")
    sys.exit(77)

with subprocess.Popen([sys.argv[1]], stdout=subprocess.PIPE, text=True) as subject:
    port = int(subject.stdout.readline())
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        assert answer.headers.get_content_type() == "text/plain" and answer.headers.get_param("version") == "0.0.4"
        text = answer.read().decode()
    subject.terminate()
assert subject.returncode == 0, subject.returncode

families = {family.name: family for family in text_string_to_metric_families(text)}
items = families["weir_stage_items"].samples[0]
assert families["weir_stage_items"].type == "counter" and items.value == 7, items
assert items.labels == {"executor": "main", "stage": 'a "b" \\ c\nd'}, items
groups = {(sample.labels["group"], sample.labels["state"]): sample.value
          for sample in families["weir_group_operations"].samples}
assert groups == {("jobs", "running"): 1, ("jobs", "waiting"): 1}, groups
assert families["weir_executor_run_seconds"].type == "summary"
assert all(family.documentation and family.samples and family.type != "unknown" for family in families.values())
print(f"{len(families)} metrics were read")
