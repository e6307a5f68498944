"""A desk whose classifier learns from a few examples in a moment."""

from agent.decision.policy import Rule
from agent.intents.serve import IntentReader
from agent.intents.taxonomy import Intent, Taxonomy
from agent.knowledge.embed import AsyncEmbedder
from database.pool import DbPool
from tests.agent.intents.sample import EXAMPLES, STRANGERS, WordEmbedder

PARCEL = "Please, I need to know where my parcel is"
REFUND = "hello, can I get my money back"
DISPUTE = Rule(id="billing_dispute", route="billing", level="always", description="", examples=())


def make_taxonomy(**rules: str) -> Taxonomy:
    """The sample's intents, each in the category orders; `rules` by intent."""
    labels = sorted({example.label for example in EXAMPLES})
    return Taxonomy(
        intents=tuple(
            Intent(
                id=label,
                title=label,
                description=label,
                category="orders",
                route="billing",
                rule=rules.get(label),
                examples=tuple(example.text for example in EXAMPLES if example.label == label),
            )
            for label in labels
        ),
        out_of_scope=tuple(STRANGERS),
    )


def make_reader(pool: DbPool, taxonomy: Taxonomy | None = None) -> IntentReader:
    """What one worker has, before it has read or trained anything."""
    words = WordEmbedder()
    return IntentReader(pool, taxonomy or make_taxonomy(), [DISPUTE], AsyncEmbedder(words), words)
