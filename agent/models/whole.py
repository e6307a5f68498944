"""The SDK's `Model` as Nightdesk uses it: one request in, one whole answer out."""

from abc import abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

from agents import Model, ModelResponse, ModelSettings, ModelTracing, Tool, TResponseInputItem
from agents.agent_output import AgentOutputSchemaBase
from agents.handoffs import Handoff
from agents.items import TResponseStreamEvent
from openai.types.responses.response_prompt_param import ResponsePromptParam


@dataclass(frozen=True, slots=True)
class Request:
    """Everything that the SDK passes to a model. What has a default, a question of our own does not need."""

    instructions: str | None
    input: str | list[TResponseInputItem]
    settings: ModelSettings
    tools: list[Tool] = field(default_factory=list)
    output_schema: AgentOutputSchemaBase | None = None
    handoffs: list[Handoff] = field(default_factory=list)
    tracing: ModelTracing = ModelTracing.DISABLED
    previous_response_id: str | None = None
    conversation_id: str | None = None
    prompt: ResponsePromptParam | None = None

    async def put_to(self, model: Model) -> ModelResponse:
        """Ask any model of the SDK."""
        return await model.get_response(
            self.instructions,
            self.input,
            self.settings,
            self.tools,
            self.output_schema,
            self.handoffs,
            self.tracing,
            previous_response_id=self.previous_response_id,
            conversation_id=self.conversation_id,
            prompt=self.prompt,
        )


class WholeModel(Model):
    """A model of ours, which implements `answer`. Nothing streams: a reply is checked whole before anyone sees it."""

    @abstractmethod
    async def answer(self, request: Request) -> ModelResponse:
        """The whole answer to one request."""

    async def get_response(  # noqa: PLR0917  # the SDK's signature
        self,
        system_instructions: str | None,
        input: str | list[TResponseInputItem],  # noqa: A002  # the SDK's name
        model_settings: ModelSettings,
        tools: list[Tool],
        output_schema: AgentOutputSchemaBase | None,
        handoffs: list[Handoff],
        tracing: ModelTracing,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: ResponsePromptParam | None,
    ) -> ModelResponse:
        """What the SDK calls."""
        request = Request(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            tracing,
            previous_response_id,
            conversation_id,
            prompt,
        )
        return await self.answer(request)

    def stream_response(self, *_args: object, **_kwargs: object) -> AsyncIterator[TResponseStreamEvent]:
        """Never wanted; raises NotImplementedError."""
        raise NotImplementedError("a turn is not streamed")
