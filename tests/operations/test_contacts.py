"""The declared contact model: parts add up, the sensitivity is that of the model, impossible inputs are named."""

from dataclasses import replace

import pytest

from domain.errors import InputError
from operations.contacts import (
    USED,
    ContactModel,
    Input,
    break_even_accuracy,
    expected_wismo,
    message_value_minor,
    sensitivity,
)

MODEL = ContactModel()


def test_the_parts_add_up_to_the_value():
    parts = message_value_minor(MODEL)
    assert parts["value"] == pytest.approx(parts["contacts_avoided"] + parts["message"] + parts["fatigue"])
    assert parts["contacts_avoided"] == pytest.approx(0.27 * 0.4 * 450)


def test_the_sensitivity_table_is_the_model_at_the_ends_of_every_range():
    table = sensitivity(MODEL)
    assert {one.name for one in table} == set(USED)
    for one in table:
        for end, value in ((one.low, one.value_at_low), (one.high, one.value_at_high)):
            assert message_value_minor(MODEL.with_values({one.name: end}))["value"] == pytest.approx(value)
    swings = [abs(one.value_at_high - one.value_at_low) for one in table]
    assert swings == sorted(swings, reverse=True)


def test_at_the_break_even_accuracy_messages_are_worth_nothing():
    share, parts = break_even_accuracy(MODEL), message_value_minor(MODEL)
    assert share * parts["contacts_avoided"] + parts["message"] + parts["fatigue"] == pytest.approx(0)
    assert break_even_accuracy(MODEL.with_values({"avoided": 0.0})) == 1.0


def test_the_figures_of_the_literature_are_inputs_with_source_and_date():
    assert MODEL.failure_minor.value == 1_720
    assert "Loqate" in MODEL.failure_minor.source
    assert expected_wismo(100, MODEL) == pytest.approx(40)
    assert all(getattr(MODEL, name).source for name in MODEL.__dataclass_fields__)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"shoe_size": 1}, "no input 'shoe_size'"),
        ({"avoided": 1.2}, "cannot be 1.2"),
        ({"contact_minor": -1}, "cannot"),
    ],
)
def test_impossible_inputs_are_named(changes, why):
    with pytest.raises(InputError, match=why):
        MODEL.with_values(changes)


def test_a_value_outside_its_range_is_refused():
    with pytest.raises(InputError, match="is not between"):
        replace(MODEL, avoided=Input(0.9, 0.2, 0.6, "x"))
