"""When each asset is late: the promises the pipeline makes to the people who work with it."""

from datetime import timedelta

import dagster as dg

from orchestration import settings

EVENING_BEFORE = dg.FreshnessPolicy.cron(
    deadline_cron="0 23 * * *", lower_bound_delta=timedelta(hours=3), timezone=settings.timezone()
)
"""The plan of the next service date stands at 23:00, three hours after its cut-off at the earliest."""
MORNING_AFTER = dg.FreshnessPolicy.cron(
    deadline_cron="0 6 * * *", lower_bound_delta=timedelta(hours=3), timezone=settings.timezone()
)
"""What the last service date came to is known at 6:00."""
WITHIN_A_DAY = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=24), warn_window=timedelta(hours=20))
"""Orders and outcomes come in every day."""
WITHIN_A_FORTNIGHT = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=15), warn_window=timedelta(days=8))
"""Predictors learn every Monday; one missed week is a warning, two are a failure."""
