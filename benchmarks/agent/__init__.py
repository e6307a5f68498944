"""How fast the agent thinks: search in a large library, one decision, and what customers want."""
