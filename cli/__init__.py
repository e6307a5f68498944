"""The `nightdesk` command: the only place that reads the environment and puts the parts together."""
