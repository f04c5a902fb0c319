"""The invented address book: the same each time, an entry a customer, nobody real."""

from simulation import City, address_book, load_scenario


def test_every_customer_has_one_entry_that_can_reach_nobody_real():
    scenario = load_scenario()
    people = address_book(City(scenario))
    assert people == address_book(City(scenario))
    assert len({one["customer_id"] for one in people}) == len(people) == scenario.customers.count
    assert all(one["email"].endswith("@example.org") for one in people)
    agreed = sum(one["channels"] == "email" for one in people) / len(people)
    assert 0.85 < agreed < 0.95
