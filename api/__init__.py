"""The web process: routes, access, error mapping, and the built pages. Never loads the agent or its SDK."""
