"""What people look at: the page of a planned day, maps and plots."""

from orchestration.report.day import write_day_report
from orchestration.report.plots import route_map_png

__all__ = ["route_map_png", "write_day_report"]
