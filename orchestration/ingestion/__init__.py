"""Sources become rows of the lake: read, mapped, validated, landed or quarantined; nothing is lost.

``load_mapping(name)`` reads ``sources/<name>.yml``; ``ingest(lake, mapping, folder)`` loads it; ``watch`` does so
whenever its files change; ``diagnose`` tells what is wrong with it; ``warm_up`` begins to import what judges the rows.
"""

from orchestration.ingestion.doctor import Finding, diagnose
from orchestration.ingestion.loading import ingest
from orchestration.ingestion.mapping import Mapping, load_mapping
from orchestration.ingestion.report import IngestReport
from orchestration.ingestion.validation import warm_up
from orchestration.ingestion.watching import watch

__all__ = ["Finding", "IngestReport", "Mapping", "diagnose", "ingest", "load_mapping", "warm_up", "watch"]
