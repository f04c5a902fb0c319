"""Sources become rows of the lake: read, mapped, validated, landed or quarantined; nothing is lost.

``load_mapping(name)`` reads ``sources/<name>.yml``; ``ingest(lake, mapping, folder)`` loads it; ``watch`` does so
whenever its files change; ``diagnose`` tells what is wrong with it; ``begin_reading`` reads while the lake is opened.
"""

from orchestration.ingestion.doctor import Finding, diagnose
from orchestration.ingestion.loading import begin_reading, ingest
from orchestration.ingestion.mapping import Mapping, load_mapping
from orchestration.ingestion.report import IngestReport
from orchestration.ingestion.watching import watch

__all__ = ["Finding", "IngestReport", "Mapping", "begin_reading", "diagnose", "ingest", "load_mapping", "watch"]
