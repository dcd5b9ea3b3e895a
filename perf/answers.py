# SPDX-License-Identifier: MIT
"""The answer of a case that is measured by a script, as the benchmarks print theirs."""

import statistics


def answer(question, case, kind, costs, unit, digits):
    """A dictionary for a JSON line. Without costs the case is missing."""
    found = {"question": question, "case": case, "kind": kind if costs else "missing"}
    if costs:
        median = statistics.median(costs)
        mad = statistics.median(abs(cost - median) for cost in costs)
        found |= {"unit": unit, "median": round(median, digits), "mad": round(mad, digits),
                  "min": round(min(costs), digits), "rounds": len(costs), "checksum": 0}
    return found
