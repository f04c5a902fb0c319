"""What can be done about a risk: a catalogue of actions, their effect on a day, the policy that picks, what it learns.

``catalogue`` says what each action costs, who may decide it and how it is undone; ``book`` applies and undoes it;
``policy`` picks by expected net value under a weekly budget, with a randomised holdout; ``efficacy`` learns from the
holdout; ``imputation`` keeps what was prevented from teaching the predictor that there was no risk.
"""

from operations.interventions.book import Book, OrderState, RefusedError, RouteState, apply, undo
from operations.interventions.catalogue import CATALOGUE, Intervention, Permission, Spec
from operations.interventions.efficacy import Efficacy, pooled
from operations.interventions.imputation import soft_labels
from operations.interventions.policy import Candidate, Choice, Policy, pick

__all__ = [
    "CATALOGUE",
    "Book",
    "Candidate",
    "Choice",
    "Efficacy",
    "Intervention",
    "OrderState",
    "Permission",
    "Policy",
    "RefusedError",
    "RouteState",
    "Spec",
    "apply",
    "pick",
    "pooled",
    "soft_labels",
    "undo",
]
