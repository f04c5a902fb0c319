"""The study's tables and plots inside a Markdown page, between two marks: numbers in documents come from a command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from domain.errors import InputError
from simulation.experiment.report import plots_of, short, span

BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"


def put_into(result: dict[str, Any], page: Path, command: str) -> None:
    """Replace what stands between the marks of ``page``; plots go to a folder of the page's name beside it.

    Raises:
        InputError: the page is not there or lacks a mark.
    """
    text = page.read_text(encoding="utf-8") if page.is_file() else ""
    if BEGIN not in text or END not in text:
        raise InputError(f"{page}: the marks {BEGIN} and {END} are not there")
    head, rest = text.split(BEGIN, 1)
    tail = rest.split(END, 1)[1]
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    for name, svg in plots_of(result).items():
        (folder / f"{name}.svg").write_text(svg + "\n", encoding="utf-8")
    body = "\n\n".join(_parts(result, folder.name, command))
    page.write_text(f"{head}{BEGIN}\n\n{body}\n\n{END}{tail}", encoding="utf-8")


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _parts(result: dict[str, Any], folder: str, command: str) -> list[str]:
    primary = result["kpis"][0]
    scale = primary["absolute"]
    cpu = result["cpu_s"]
    drivers = zip(*(scale[name] for name in ("alone", "last", "factorial", "shapley")), strict=True)
    largest = max(scale["pairs"], key=lambda row: abs(row["value"]))
    parts = [
        f"`{command}`: {result['arms']} arms, {result['worlds']} worlds of {result['days']} scored days, about "
        f"{result['orders']} orders a day. Registration `{result['registration'][:12]}`. {cpu['a_day_of_an_arm']} "
        f"processor seconds a day of an arm ({cpu['total'] / 60:.0f} minutes in all; 60 minutes on two cores allow "
        f"{cpu['budget_a_day_of_an_arm']}). Planted worlds recovered: {result['planted_recovered']} of "
        f"{len(result['planted'])}.",
        *([result["caution"]] if result["caution"] else []),
        f"![The whole and its parts]({folder}/whole.svg)",
        _table(
            ["KPI (better)", "scale", "all - none", "S", "all - unintegrated"],
            [
                [
                    f"{kpi['kpi']} ({kpi['better']})" if name == "absolute" else "",
                    name,
                    *(span(kpi[name].get(one)) for one in ("all_minus_none", "S", "integrated_minus_unintegrated")),
                ]
                for kpi in result["kpis"]
                for name in ("absolute", "log")
            ],
        ),
        "Cost an order, minor units saved, by driver:",
        _table(
            ["driver", "alone", "last", "main effect", "Shapley"],
            [[row[0]["name"], *(span(one) for one in row)] for row in drivers],
        ),
        f"![Drivers]({folder}/drivers.svg)",
        _table(
            ["pair", "beyond the two alone", "p (Holm)", "main effects' interaction"],
            [
                [row["name"], span(row), short(row["p_holm"]), span(other)]
                for row, other in zip(scale["pairs"], scale["factorial_pairs"], strict=True)
            ],
        ),
        f"The largest pair, {largest['name']}, makes {short(largest['value'])} of S = {short(scale['S']['value'])}.",
        f"![Pairs]({folder}/pairs.svg)",
        "What was claimed, and what came out:",
        _table(["claim", "outcome"], [[name, verdict] for name, verdict in result["verdicts"].items()]),
        _table(
            ["failure arm", "measure", "without", "with", "difference", "difference in the whole"],
            [
                [
                    one["name"],
                    one["measure"],
                    short(one["without"]),
                    short(one["with"]),
                    span(one["difference"]),
                    span(one["difference_in_all"]),
                ]
                for one in result["failure_arms"]
            ],
        ),
        _table(
            [
                "arm",
                "failed",
                "late of promised",
                "coverage of 80 %",
                "width, min",
                "informed late",
                "false alarms",
                "messages an order",
                "contacts an order",
            ],
            [
                [
                    f"`{row['arm']}`",
                    *(
                        short(row[name])
                        for name in (
                            "failed",
                            "late",
                            "coverage_80",
                            "width_min",
                            "informed_late",
                            "false_alarms",
                            "messages_per_order",
                            "contacts_per_order",
                        )
                    ),
                ]
                for row in result["quality"]
            ],
        ),
        f"![Every arm]({folder}/arms.svg)",
    ]
    if result["sensitivity"]:
        parts += [
            "Sensitivity, one declared parameter at a time (fewer worlds and days, as registered):",
            _table(
                ["variant", "cost of none", "all - none", "S", "all - unintegrated"],
                [
                    [
                        row["variant"],
                        short(row["cost_none"]["value"]),
                        *(span(row[name]) for name in ("all_minus_none", "S", "integrated_minus_unintegrated")),
                    ]
                    for row in result["sensitivity"]
                ],
            ),
        ]
    return parts
