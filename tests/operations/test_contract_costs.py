"""What a contract prices is what the books hold: no minor unit is lost between an invoice and the ledger."""

from datetime import date

import pandas as pd

from operations.accrual import day_postings
from operations.contract_costs import accrued_routes, adjustments
from operations.ledger import costs, post, reconcile
from solvers.contracts import RouteWork, VisitWork, read_contract, settle, total_minor

DAY = date(2026, 3, 31)
CONTRACT = read_contract(
    {
        "contract_id": "acme",
        "fleet_id": "f",
        "currency": "EUR",
        "versions": [
            {
                "valid_from": "2026-01-01",
                "rules": [
                    {"rule_id": "start", "how": "base", "unit": "route", "amount_minor": 4_000},
                    {"rule_id": "drop", "how": "base", "unit": "stop", "amount_minor": 301},
                    {"rule_id": "miss", "how": "add", "unit": "failed_attempt", "amount_minor": 120},
                ],
                "monthly": [
                    {"rule_id": "floor", "kind": "minimum_volume", "volume": 5, "amount_minor": 90},
                    {"rule_id": "sla", "kind": "sla_penalty", "target_bp": 9_500, "amount_bp": 100},
                ],
            }
        ],
    }
)


def test_the_ledger_holds_what_the_contract_prices_by_kind():
    visits = tuple(VisitWork(f"o{n}", failed=n == 2, on_time=n == 0) for n in range(3))
    lines = settle(CONTRACT, {DAY: [RouteWork("r", 9_000, 9_000, visits=visits)]}, closing=DAY)
    outcomes = pd.DataFrame(
        {
            "order_id": ["o0", "o1", "o2"],
            "attempt": 1,
            "outcome": ["delivered", "delivered", "failed"],
            "route_id": "r",
            "fleet_id": "f",
            "depot_id": "d",
        }
    )
    orders = pd.DataFrame({"order_id": ["o0", "o1", "o2"], "tenant_id": "t", "depot_id": "d"})
    book = post(
        day_postings(
            DAY,
            "s",
            "EUR",
            orders=orders,
            outcomes=outcomes,
            accrued_routes=accrued_routes(lines),
            adjustments=adjustments(lines, "f"),
        )
    )
    by_kind = costs(book).groupby("kind")["amount_minor"].sum()
    # 4000 + 3 x 301 + 120; two stops short at 90; one of three on time: 61 full points, 1 % each
    assert by_kind["shortfall"] == 180
    assert by_kind["penalty"] == -3_064  # 61 % of 5023 = 3064.03
    assert by_kind["transport"] + by_kind["failure"] - 250 == 5_023  # 250: the return of the failed parcel
    assert costs(book)["amount_minor"].sum() - 250 == total_minor(lines)
    assert (reconcile(book)["difference_minor"] == 0).all()
