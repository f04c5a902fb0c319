"""What the docs point to is there."""

import re
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([*(PROJECT / "docs").rglob("*.md"), *PROJECT.glob("*.md")])


def anchors(page):
    titles = re.findall(r"^#+ +(.+)$", page.read_text(encoding="utf-8"), flags=re.M)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(PROJECT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), f"{page.name} links to {target}, which is not there"
        if anchor and found.suffix == ".md":
            assert anchor in anchors(found), f"{page.name} links to {target}: no such heading"


def test_every_setting_is_in_the_table_of_settings():
    table = (PROJECT / "docs" / "orchestration.md").read_text(encoding="utf-8").split("## Settings")[1]
    told = set(re.findall(r"`(FIVEFOLD_[A-Z_]+)`", table.split("\n## ")[0]))
    packages = ("orchestration", "operations", "models", "solvers", "simulation", "domain")
    code = "".join(file.read_text(encoding="utf-8") for name in packages for file in (PROJECT / name).rglob("*.py"))
    # what Fivefold hands to the dbt that it starts is no setting of a person's
    assert {one for one in re.findall(r"FIVEFOLD_[A-Z_]+[A-Z]", code) if "_DBT_" not in one} == told


def test_readme_names_every_command():
    from orchestration.cli import COMMANDS

    table = (PROJECT / "README.md").read_text(encoding="utf-8").split("## Commands")[1].split("\n## ")[0]
    assert set(re.findall(r"`([a-z]+)(?: NAME)?`", table)) == set(COMMANDS)
