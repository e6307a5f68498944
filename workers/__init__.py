"""The worker process: claim a thread, run its turn, commit once, deliver."""
