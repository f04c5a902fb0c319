"""Plans of a service date: rows of the lake become a planning problem, the plan becomes rows again."""

from orchestration.planning.inputs import service_dates
from orchestration.planning.service import PlannedDay, plan_day, plan_file, publish

__all__ = ["PlannedDay", "plan_day", "plan_file", "publish", "service_dates"]
