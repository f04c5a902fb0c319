"""Files derived from code are as the code says, and one that was changed by hand is found and mended."""

from orchestration import derived


def test_every_derived_file_is_current(capsys):
    assert derived.main(["--check"]) == 0, capsys.readouterr().err


def test_a_file_changed_by_hand_is_named_and_written_anew(tmp_path, monkeypatch, capsys):
    path = tmp_path / "docs" / "tables.md"
    monkeypatch.setattr(derived, "PROJECT", tmp_path)
    monkeypatch.setattr(derived, "DERIVED", {path: lambda: "text\n"})
    assert derived.main(["--check"]) == 1
    assert "docs/tables.md is out of date" in capsys.readouterr().err
    assert not path.exists()
    assert derived.main([]) == 0
    path.write_text("by hand\n")
    assert derived.main(["--check"]) == 1
    assert derived.main([]) == 0
    assert path.read_text() == "text\n"
