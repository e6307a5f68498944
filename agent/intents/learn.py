"""Learning from the desk's own tickets: a better classifier, if it proves better, and thresholds that are proved."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from agent.decision.evidence import LIKELY_TRUST
from agent.intents.classifier import IntentClassifier
from agent.intents.examples import Example, hash_examples
from agent.intents.serve import IntentReader, hold_training
from agent.intents.store import dump
from agent.intents.taxonomy import Taxonomy
from agent.intents.threshold import WANTED_PRECISION, bound_precision, choose_threshold
from agent.intents.train import train_classifier
from agent.knowledge.embedder import Embedder
from agent.knowledge.redact import redact
from core.background import compute_in_thread
from core.letters import strip_letter
from database.pool import DbPool
from database.queries import intents, learning
from database.queries.intents import NewModel
from database.queries.learning import LabelledAnswer, Threshold, VerifiedTicket
from database.types import Scale

# Below this a comparison is chance.
LEAST_HELD_OUT = 20
# One ticket in so many is never learned from, by its id: no model has seen those on which all are compared.
_HELD_OUT_SHARE = 4

Scope = tuple[Scale, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How many of the same held-out tickets each model got right."""

    tickets: int
    champion: int
    challenger: int

    @property
    def is_won(self) -> bool:
        """Whether the challenger may take over: it is no worse, and there were enough tickets to tell."""
        return self.tickets >= LEAST_HELD_OUT and self.challenger >= self.champion


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it. `comparison` is None where there was nothing new to learn, or too little to compare by."""

    tickets: int
    comparison: Comparison | None
    thresholds: Sequence[Threshold]
    right_answers: int
    wrong_answers: int


async def learn(
    pool: DbPool, reader: IntentReader, embedder: Embedder | None, *, least_age: timedelta = timedelta(0)
) -> Learned | None:
    """Learn from all verified tickets and answers. What has been tried before is not tried again.

    None where another process trains or learns at the moment, or where the last attempt, whatever came of it, is not
    of `least_age` yet. `embedder` is that of `reader`. Takes a minute where there is something new.
    """
    async with hold_training(pool) as is_held:
        if not is_held:
            return None
        async with pool.acquire() as conn:
            if not await learning.start_learning(conn, reader.basis, least_age=least_age):
                return None
        await reader.refresh()
        learned = await _learn(pool, reader, embedder)
        await reader.refresh()
    return learned


async def _learn(pool: DbPool, reader: IntentReader, embedder: Embedder | None) -> Learned:
    async with pool.acquire() as conn:
        tickets = await learning.list_examples(conn, least_trust=LIKELY_TRUST)
        answers = await learning.list_labelled(conn)
    thresholds = find_thresholds(answers)
    async with pool.acquire() as conn, conn.transaction():
        await learning.replace_thresholds(conn, thresholds)
    tickets = [ticket for ticket in tickets if reader.taxonomy.find(ticket.intent)]
    comparison = await _challenge(pool, reader, tickets, embedder)
    right = sum(answer.is_right for answer in answers)
    return Learned(len(tickets), comparison, thresholds, right, len(answers) - right)


async def _challenge(
    pool: DbPool, reader: IntentReader, tickets: Sequence[VerifiedTicket], embedder: Embedder | None
) -> Comparison | None:
    held_out = [_make_example(ticket) for ticket in tickets if is_held_out(ticket)]
    learned_from = [ticket for ticket in tickets if not is_held_out(ticket)]
    own = [_make_example(ticket) for ticket in learned_from]
    taxonomy, champion = reader.taxonomy, reader.classifier
    if champion is None or not own or len(held_out) < LEAST_HELD_OUT:
        return None
    version = hash_examples(
        [*taxonomy.list_examples(), *own], taxonomy.out_of_scope, embedder.name if embedder else None
    )
    async with pool.acquire() as conn:
        if await intents.has_version(conn, reader.basis, version):
            return None
    model, comparison = await compute_in_thread(
        lambda: _train_and_compare(taxonomy, own, held_out, champion, embedder, reader.basis)
    )
    model = replace(model, learned_from=[ticket.id for ticket in learned_from])
    async with pool.acquire() as conn, conn.transaction():
        await intents.add_model(conn, model, is_active=comparison.is_won)
    return comparison


def _train_and_compare(  # noqa: PLR0917  # all of them are what is compared
    taxonomy: Taxonomy,
    own: Sequence[Example],
    held_out: Sequence[Example],
    champion: IntentClassifier,
    embedder: Embedder | None,
    basis: str,
) -> tuple[NewModel, Comparison]:
    examples = [*taxonomy.list_examples(), *own]
    challenger = train_classifier(examples, taxonomy.out_of_scope, embedder)
    rights = [_count_right(one, held_out, embedder) for one in (champion, challenger)]
    comparison = Comparison(len(held_out), *rights)
    compared = {"tickets": comparison.tickets, "champion": comparison.champion, "challenger": comparison.challenger}
    kept = NewModel(
        challenger.version,
        basis,
        "tickets",
        dump(challenger),
        len(examples),
        metrics=challenger.measured,
        compared=compared,
    )
    return kept, comparison


def _count_right(classifier: IntentClassifier, examples: Sequence[Example], embedder: Embedder | None) -> int:
    texts = [example.text for example in examples]
    guesses = classifier.classify(texts, embedder.embed(texts) if embedder else None)
    return sum(guess.label == example.label for guess, example in zip(guesses, examples, strict=True))


def is_held_out(ticket: VerifiedTicket) -> bool:
    """Whether this ticket is for comparing alone; it stays so for ever."""
    return ticket.id.int % _HELD_OUT_SHARE == 0


def _make_example(ticket: VerifiedTicket) -> Example:
    return Example(write_example(ticket.text, ticket.names), ticket.intent)


def write_example(text: str, names: Sequence[str]) -> str:
    """What is learned of the first message of a ticket: its letter, without what is personal."""
    return " ".join(redact(strip_letter(text), names).split())


def find_thresholds(answers: Sequence[LabelledAnswer]) -> list[Threshold]:
    """The threshold of every intent, channel, and intent on a channel, for which the answers of a scale prove one."""
    groups: defaultdict[Scope, list[LabelledAnswer]] = defaultdict(list)
    for answer in answers:
        groups[answer.scale, None, answer.channel].append(answer)
        if answer.intent is not None and answer.trust >= LIKELY_TRUST:
            groups[answer.scale, answer.intent, answer.channel].append(answer)
            groups[answer.scale, answer.intent, None].append(answer)
    found = (_find_threshold(scope, group) for scope, group in groups.items())
    return [threshold for threshold in found if threshold is not None]


def _find_threshold(scope: Scope, answers: Sequence[LabelledAnswer]) -> Threshold | None:
    confidences = np.array([answer.confidence for answer in answers])
    are_right = np.array([answer.is_right for answer in answers])
    chosen = choose_threshold(confidences, are_right)
    if chosen is None:
        return None
    beyond = are_right[confidences >= chosen]
    bound = float(bound_precision(beyond.sum(), len(beyond)))
    return Threshold(*scope, chosen, WANTED_PRECISION, len(beyond), bound)
