"""Pydantic AI's clients of all three formats. Runs in the environment that `install.sh` makes.

    python pydantic_ai_client.py TASKS     prints a JSON line for each task: {client, model, task, got | error}

TASKS: JSON, {models: [...], text: PROMPT, turns: [PROMPT, ...], settings: CODE}; the prompts of `turns` call the tool
`lookup`, and CODE, which is that of docs/clients.md, makes the providers `openai` and `anthropic`.
"""

# It runs in an environment of its own, whose packages the type checkers do not see.
# pyright: basic, reportMissingImports=false

import asyncio
import json
import sys
import traceback
from collections.abc import Awaitable
from typing import Any

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.profiles import ModelProfile

tasks = json.loads(sys.argv[1])
made: dict[str, Any] = {}
exec(tasks["settings"], made)


class Answer(BaseModel):
    """An answer."""

    count: int
    word: str


def lookup(word: str) -> str:
    """Looks a word up."""
    return f"{word} means 42"


def chat(model: str) -> Any:
    return OpenAIChatModel(model, provider=made["openai"])


def responses(model: str) -> Any:
    return OpenAIResponsesModel(model, provider=made["openai"])


def messages(model: str) -> Any:
    able = ModelProfile(supports_json_schema_output=True)  # it goes by the names of Anthropic's own models
    return AnthropicModel(model, provider=made["anthropic"], profile=able)


THINKING: dict[str, Any] = {
    "chat": {"openai_reasoning_effort": "high"},
    "responses": {"openai_reasoning_effort": "high", "openai_reasoning_summary": "auto", "openai_store": False},
    "messages": {"anthropic_thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
}


async def text(model: Any, *, streamed: bool) -> Any:
    """What is said to a greeting."""
    agent = Agent(model)
    if not streamed:
        return (await agent.run(tasks["text"])).output
    async with agent.run_stream(tasks["text"]) as result:
        pieces = [piece async for piece in result.stream_text(delta=True, debounce_by=None)]
    return {"text": "".join(pieces), "pieces": len(pieces)}


async def work(model: Any, settings: Any, *, streamed: bool) -> Any:
    """A conversation of several turns with tools; what was said at the end of each."""
    agent = Agent(model, tools=[lookup], model_settings=settings)
    history: Any = None
    said: list[str] = []
    spent = 0
    for prompt in tasks["turns"]:
        if streamed:
            async with agent.run_stream(prompt, message_history=history) as result:
                said.append(await result.get_output())
                history = result.all_messages()
                spent += result.usage.output_tokens
        else:
            done = await agent.run(prompt, message_history=history)
            said.append(done.output)
            history = done.all_messages()
            spent += done.usage.output_tokens
    return {"said": said, "usage": spent > 0}


async def shape(model: Any, kind: Any) -> Any:
    """An answer that fits a schema."""
    return (await Agent(model, output_type=kind(Answer)).run("Answer.")).output.model_dump()


async def attempt(client: str, model: str, task: str, action: Awaitable[Any]) -> None:
    try:
        outcome = {"got": await action}
    except Exception:
        outcome = {"error": traceback.format_exc()}
    print(json.dumps({"client": client, "model": model, "task": task, **outcome}), flush=True)


async def main() -> None:
    for name, make in (("chat", chat), ("responses", responses), ("messages", messages)):
        for slug in tasks["models"]:
            model = make(slug)
            for kind, streamed in (("streamed", True), ("whole", False)):
                await attempt(name, slug, f"text {kind}", text(model, streamed=streamed))
                await attempt(name, slug, f"tools {kind}", work(model, THINKING[name], streamed=streamed))
            await attempt(name, slug, "shape by schema", shape(model, NativeOutput))
            await attempt(name, slug, "shape by tool", shape(model, ToolOutput))


asyncio.run(main())
