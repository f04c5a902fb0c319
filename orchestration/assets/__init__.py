"""Assets: thin functions that move rows between the lake and the rooms that decide."""
