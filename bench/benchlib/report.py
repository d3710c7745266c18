"""Tables of medians and quartiles, and ratios to the candidate (or to the first proxy)."""

from __future__ import annotations

import statistics

COLUMNS = {
    "load": [("requests_per_second", "req/s", 0), ("total_us", "CPU us/req", 1), ("user_us", "user", 1),
             ("system_us", "system", 1), ("p50_ms", "p50 ms", 2), ("p99_ms", "p99 ms", 2),
             ("utilisation", "util", 2), ("idle_rss_bytes", "RSS MiB", 1), ("loaded_rss_bytes", "loaded", 1)],
    "idle": [("rss_bytes", "RSS MiB", 1), ("pss_bytes", "PSS MiB", 1)],
    "conns": [("bytes_per_connection", "bytes/conn", 0), ("base_pss_bytes", "base PSS MiB", 1),
              ("held_pss_bytes", "held PSS MiB", 1)],
    "start": [("ready_ms", "ready ms", 1), ("cpu_ms", "CPU ms", 0)],
}
# Shown with quartiles; the first of each kind is also shown as a ratio.
SPREAD = {"total_us", "user_us", "system_us", "bytes_per_connection", "ready_ms"}
RATIO = {"load": "total_us", "idle": "pss_bytes", "conns": "bytes_per_connection", "start": "ready_ms"}


def summary(rounds: list[dict]) -> dict:
    """`{figure: {median, q1, q3}}` of every numeric figure."""
    figures: dict = {}
    for name in rounds[0]:
        values = [entry[name] for entry in rounds if isinstance(entry.get(name), (int, float))]
        if values:
            low, middle, high = statistics.quantiles(values, n=4, method="inclusive") if len(values) > 1 \
                else (values[0],) * 3
            figures[name] = {"median": middle, "q1": low, "q3": high}
    return figures


def table(kind: str, results: dict[str, dict], base: str) -> str:
    """Rows of peers. A peer with failed requests, or without a figure, is shown with its reason."""
    ratio = RATIO[kind]
    head = ["proxy", *(title for _, title, _ in COLUMNS[kind]), f"x {base}"]
    rows = [head]
    for name, result in results.items():
        if result.get("problem"):
            rows.append([name, result["problem"]])
            continue
        figures = result["summary"]
        row = [name]
        for key, _, digits in COLUMNS[kind]:
            row.append(_cell(figures.get(key), key, digits))
        reference = results.get(base, {}).get("summary", {}).get(ratio, {}).get("median")
        row.append(f"{figures[ratio]['median'] / reference:.2f}" if reference else "-")
        rows.append(row)
    full = [row for row in rows if len(row) == len(head)]
    widths = [max(len(row[i]) for row in full + [[r[0]] + [""] * (len(head) - 1) for r in rows])
              for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                               for i, (cell, width) in enumerate(zip(row, widths))) if len(row) == len(head)
                     else f"{row[0].ljust(widths[0])}  {row[1]}" for row in rows)


def _cell(figure: dict | None, key: str, digits: int) -> str:
    if figure is None:
        return "-"
    scale = 1 / 2**20 if key.endswith("_bytes") else 1
    text = f"{figure['median'] * scale:,.{digits}f}"
    if key in SPREAD:
        text += f" [{figure['q1'] * scale:,.{digits}f}-{figure['q3'] * scale:,.{digits}f}]"
    return text
