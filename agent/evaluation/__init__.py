"""How good the agent is, measured: on public sets, on our own suite, and on any labelled file."""
