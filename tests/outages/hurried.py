"""`nightdesk` whose stop takes seconds instead of half a minute: `python -m tests.outages.hurried worker`."""

from api import server
from cli.main import main
from core import stopping
from workers import ending
from workers.ending import StopBudget

if __name__ == "__main__":
    stopping.STOP_SECONDS = 8.0
    server.GRACE_SECONDS = 2
    ending.STOP_BUDGET = StopBudget(sides=0.2, turns=0.5, given_back=1.0, sends=1.5)
    main()
