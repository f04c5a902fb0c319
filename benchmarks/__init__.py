"""What is measured: each module holds the click command of ``fivefold bench <name>``."""
