"""The classifier at work: read from the database where one fits, else trained once for all workers and kept there."""

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from uuid import UUID

import numpy as np
import numpy.typing as npt

from agent.decision.evidence import Thresholds
from agent.decision.policy import Level, PolicyMatch, Rule
from agent.intents.classifier import IntentClassifier, IntentGuess
from agent.intents.examples import Example, hash_examples
from agent.intents.store import FORMAT, StoreUnreadable, dump, load
from agent.intents.taxonomy import GuessedIntent, Intent, Taxonomy
from agent.intents.train import train_classifier
from agent.knowledge.embed import AsyncEmbedder
from agent.knowledge.embedder import Embedder
from core.background import compute_in_thread
from core.logging import get_logger
from database.locks import hold_alone
from database.patience import READ_SECONDS, run_patiently
from database.pool import Conn, DbPool, find_session_url
from database.queries import intents
from database.queries.intents import NewModel

_log = get_logger(__name__)

# From here on an intent speaks for a policy rule that neither words nor likeness have found. On the suite's tune half
# no answerable ticket reaches either: .34 is the most for a mandatory matter, .77 for a likely one.
RULE_TRUST: dict[Level, float] = {"always": 0.5, "likely": 0.8}
_LOCK_KEY = 0x6E64_696E  # "ndin": one process trains at a time


def hold_training(pool: DbPool) -> AbstractAsyncContextManager[bool]:
    """Whether this process may train until the end of the block: no other one does."""
    return hold_alone(find_session_url(pool), _LOCK_KEY, application="nightdesk training")


class IntentReader:
    """Guesses what customers want, with the newest model; None as long as there is no model.

    `rules` are those that intents may name; `embedder` is the local one, and `seeds` the one that remembers the
    taxonomy's vectors. `refresh` and `train_if_missing` must not run at the same time.
    """

    def __init__(
        self,
        pool: DbPool,
        taxonomy: Taxonomy,
        rules: Sequence[Rule] = (),
        embedder: AsyncEmbedder | None = None,
        seeds: Embedder | None = None,
    ) -> None:
        self._pool = pool
        self.taxonomy = taxonomy
        self._rules = {rule.id: rule for rule in rules}
        self._embedder = embedder
        self._seeds = seeds
        self._model_id: UUID | None = None
        self.classifier: IntentClassifier | None = None
        self._past: dict[str, IntentClassifier | None] = {}
        self._looking_back = asyncio.Lock()
        self.thresholds: Thresholds = {}
        name = embedder.name if embedder else None
        # Of the model that no ticket has taught.
        self.shipped_version = hash_examples(taxonomy.list_examples(), taxonomy.out_of_scope, name)
        # Who can use a model: whoever has this taxonomy and embedder, and reads this format.
        self.basis = f"{FORMAT}-{self.shipped_version}"

    @property
    def is_ready(self) -> bool:
        """Whether there is a model."""
        return self.classifier is not None

    async def refresh(self) -> None:
        """Read what is at work now, where it is not at hand. A damaged model is as good as none."""

        async def look(conn: Conn) -> bytes | None:
            self.thresholds = await intents.list_thresholds(conn)
            found = await intents.find_active(conn, self.basis)
            if found is None or found == self._model_id:
                return None
            self._model_id = found
            return await intents.read_artifact(conn, found)

        artifact = await run_patiently(self._pool, look, patience_seconds=READ_SECONDS)
        if artifact is None:
            return
        self.classifier = await self._load(artifact) or self.classifier

    async def train_if_missing(self) -> bool:
        """Train on the taxonomy and keep the model for all, in seconds to a minute; turns go on meanwhile.

        Whether it did: not where there is a model, nor while another process trains.
        """
        if self.is_ready:
            return False
        async with hold_training(self._pool) as is_held:
            if not is_held:
                return False
            await self.refresh()  # another process may just have finished
            return await self._train_and_keep()

    async def _train_and_keep(self) -> bool:
        if self.is_ready:
            return False
        examples = self.taxonomy.list_examples()
        _log.info("learning what customers want", examples=len(examples))
        classifier, artifact = await compute_in_thread(lambda: self._train(examples))
        model = NewModel(
            classifier.version, self.basis, "taxonomy", artifact, len(examples), metrics=classifier.measured
        )
        async with self._pool.acquire() as conn, conn.transaction():
            self._model_id = await intents.add_model(conn, model, is_active=True)
        self.classifier = classifier
        _log.info("learned what customers want", examples=len(examples))
        return True

    def _train(self, examples: Sequence[Example]) -> tuple[IntentClassifier, bytes]:
        classifier = train_classifier(examples, self.taxonomy.out_of_scope, self._seeds)
        return classifier, dump(classifier)

    async def read(
        self, texts: Sequence[str], *, version: str | None = None, without: str | None = None
    ) -> GuessedIntent | None:
        """The intent of the text that is surest of one; texts are the same message in several ways.

        The model of this version is asked if it is still there, else the one at work; but where that has learned the
        example `without`, the one that no ticket has taught, since the other would only know it again.
        """
        classifier = await self._find_past(version) if version else None
        classifier = classifier or self.classifier
        if classifier is not None and without is not None and classifier.has_learned(without):
            classifier = await self._find_past(self.shipped_version)
        if classifier is None or not texts:
            return None
        vectors = await self._embed(texts)
        guesses = await asyncio.to_thread(classifier.classify, texts, vectors)
        guess = max(guesses, key=lambda guess: guess.trust)
        intent = self.taxonomy.find(guess.label)
        rule = self._find_rule(intent, guess) if intent else None
        return GuessedIntent(intent, guess, rule, classifier.version) if intent else None

    async def _find_past(self, version: str) -> IntentClassifier | None:
        """The model of a version, read once; of thousands of turns most had the same."""
        if self.classifier is not None and self.classifier.version == version:
            return self.classifier
        async with self._looking_back:
            if version not in self._past:
                artifact = await run_patiently(
                    self._pool,
                    lambda conn: intents.read_version(conn, self.basis, version),
                    patience_seconds=READ_SECONDS,
                )
                self._past[version] = await self._load(artifact) if artifact else None
            return self._past[version]

    async def _load(self, artifact: bytes) -> IntentClassifier | None:
        try:
            return await asyncio.to_thread(load, artifact)
        except StoreUnreadable as error:
            _log.warning("a stored classifier cannot be read", error=str(error))
            return None

    def _find_rule(self, intent: Intent, guess: IntentGuess) -> PolicyMatch | None:
        rule = self._rules.get(intent.rule or "")
        if rule is None or guess.trust < RULE_TRUST[rule.level]:
            return None
        return PolicyMatch(rule.id, rule.route, rule.level, f"intent {intent.id} (trust {guess.trust:.2f})")

    async def _embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32] | None:
        return None if self._embedder is None else np.stack(await self._embedder.embed(texts))
