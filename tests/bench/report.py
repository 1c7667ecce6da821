# SPDX-License-Identifier: Apache-2.0
"""report.py - a table for people, JSON for programs, a plot in SVG."""
import json
from html import escape

from works import goal_text, judge

COLORS = {"tidemark": "#0b6e99", "restic": "#888888", "borg": "#a8a8a8",
          "kopia": "#bcbcbc", "rustic": "#c8c8c8"}
FLOOR = "#e3d5b8"


def seconds(v):
    if v < 1:
        return f"{v:.3f}"
    return f"{v:.2f}" if v < 10 else f"{v:.1f}"


def table(result):
    out = []
    for w in result["works"]:
        out.append(f"\n{w['name']}: {w['text']}"
                   f" ({w['files']:,} files, {w['bytes'] / 1e6:,.0f} MB)")
        out.append(f"  {'':20} {'time s':>8} {'x restic':>8} {'CPU s':>8}"
                   f" {'MiB':>7} {'repo MB':>8}")
        base = w["rows"].get("restic", {}).get("wall_s")
        for tool, m in w["rows"].items():
            if "failed" in m:
                out.append(f"  {tool:20} failed: {m['failed']}")
                continue
            ratio = f"{m['wall_s'] / base:.3f}" if base else "-"
            repo = m.get("repo_bytes")
            out.append(f"  {tool:20} {seconds(m['wall_s']):>8} {ratio:>8}"
                       f" {seconds(m['cpu_s']):>8}"
                       f" {m['rss_bytes'] / (1 << 20):7.0f}"
                       f" {f'{repo / 1e6:.1f}' if repo else '-':>8}")
        for g in w["goals"]:
            share = f" ({g['share']:.3f} of it)" if g["share"] else ""
            out.append(f"  {g['text']:44} {g['verdict']}{share}")
    for name, why in result["skipped"].items():
        out.append(f"\nskipped: {name}: {why}")
    return "\n".join(out).lstrip("\n")


def goals(work, rows, scale):
    done = []
    for g in work.goals:
        verdict, share = judge(g, rows, scale)
        done.append({"text": goal_text(g), "verdict": verdict,
                     "share": share})
    return done


def bars_of(work):
    rows = [(t, m) for t, m in work["rows"].items() if "wall_s" in m]
    base = work["rows"].get("restic", {}).get("wall_s")
    base = base or max((m["wall_s"] for _, m in rows), default=1)
    return rows, base


def svg(result):
    """Times, restic's as the unit; bars longer than twice that are cut."""
    left, width, line, y = 190, 520, 16, 56
    body = []

    def text(x, yy, s, **more):
        style = "".join(f' {k.replace("_", "-")}="{v}"'
                        for k, v in more.items())
        body.append(f'<text x="{x:.1f}" y="{yy:.1f}"{style}>'
                    f"{escape(s)}</text>")

    for w in result["works"]:
        rows, base = bars_of(w)
        text(10, y, f"{w['name']}: {w['text']}", font_weight="bold")
        y += 8
        top = y
        for tool, m in rows:
            share = m["wall_s"] / base
            length = min(share, 2) * width / 2
            fill = COLORS.get(tool, FLOOR)
            body.append(f'<rect x="{left}" y="{y}" width="{length:.1f}"'
                        f' height="{line - 3}" fill="{fill}"/>')
            text(left - 6, y + 11, tool, text_anchor="end")
            more = " (cut)" if share > 2 else ""
            text(left + length + 5, y + 11,
                 f"{seconds(m['wall_s'])} s{more}", fill="#444")
            y += line
        unit = left + width / 2
        body.append(f'<line x1="{unit}" y1="{top}" x2="{unit}" y2="{y}"'
                    ' stroke="#b00" stroke-dasharray="2,3"/>')
        y += 26
    head = (f'<svg xmlns="http://www.w3.org/2000/svg" width="820"'
            f' height="{y}" font-family="sans-serif" font-size="11">'
            f'<rect width="100%" height="100%" fill="#fff"/>')
    text(10, 20, "Time, less is better; the dashed line is restic's",
         font_size="14")
    text(10, 36, f"{result['machine']['cpu']}, {result['machine']['cores']}"
         f" cores; medians of {result['rounds']}; scale {result['scale']:g}",
         fill="#444")
    return head + "\n".join(body) + "</svg>\n"


def write(result, out):
    with open(out + "/bench.json", "w", encoding="utf-8") as f:
        json.dump(result, f, indent=1)
        f.write("\n")
    with open(out + "/bench.svg", "w", encoding="utf-8") as f:
        f.write(svg(result))
    with open(out + "/bench.txt", "w", encoding="utf-8") as f:
        f.write(table(result) + "\n")
