"""The customers' web service: pages behind signed links, without JavaScript. It writes answers and nothing else."""
