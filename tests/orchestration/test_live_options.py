"""Options of a command that begins a live day."""

import click
from click.testing import CliRunner

from operations.state import Approvals
from orchestration.cli.approvals import with_approvals


def test_what_waits_for_a_person_reaches_the_command_as_one_value():
    seen = []

    @click.command()
    @with_approvals
    def command(approvals):
        seen.append(approvals)

    for words in ("", "--approve leave --approve tender --approve-above 2500 --approve-per-hour 12"):
        assert CliRunner().invoke(command, words.split()).exit_code == 0
    assert CliRunner().invoke(command, ["--approve", "teleport"]).exit_code == 2
    assert seen == [Approvals(), Approvals(("leave", "tender"), above_minor=2_500, most_per_hour=12)]
