"""A knowledge base that cannot be read is not an empty one: the turn is put off, whoever thinks."""

import pytest
from agents.testing import ScriptedModel, function_call

from agent.decision.policy import PolicyMatch
from database.patience import DatabaseAway
from database.queries.knowledge import Shelf
from database.types import Passage
from tests.agent.builders import make_agent, make_turn

SEARCH = [function_call("search_knowledge_base", {"query": "reset password"}, call_id="call_1")]


@pytest.mark.parametrize("has_model", [False, True])
async def test_a_database_that_is_away_during_a_search_puts_the_turn_off(has_model: bool) -> None:
    model = ScriptedModel([SEARCH, SEARCH]) if has_model else None
    with pytest.raises(DatabaseAway):
        await make_agent(model=model, search_error=DatabaseAway("OSError")).run_turn(make_turn())


async def test_a_database_that_is_away_while_the_model_is_too_puts_the_turn_off() -> None:
    searches = 0

    async def search(query: str, *, shelf: Shelf) -> list[Passage]:  # as the agent asks
        nonlocal searches
        searches += 1
        if searches > 1:  # the offline brain's, after the model has failed
            raise DatabaseAway("OSError")
        return []

    agent = make_agent(model=ScriptedModel([]))
    agent._search_knowledge = search
    with pytest.raises(DatabaseAway):
        await agent.run_turn(make_turn())
    assert searches == 2


async def test_a_matter_for_a_person_is_put_off_as_well() -> None:
    mandatory = PolicyMatch(rule="billing_dispute", route="billing", level="always", evidence="charged twice")
    agent = make_agent(policy=(mandatory,), search_error=DatabaseAway("OSError"))
    with pytest.raises(DatabaseAway):
        await agent.run_turn(make_turn())
