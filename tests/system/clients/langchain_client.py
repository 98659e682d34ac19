"""LangChain's clients of all three formats. Runs in the environment that `install.sh` makes.

    python langchain_client.py TASKS     prints a JSON line for each task: {client, model, task, got | error}

TASKS: JSON, {models: [...], text: PROMPT, turns: [PROMPT, ...], settings: CODE}; the prompts of `turns` call the tool
`lookup`, and CODE, which is that of docs/clients.md, makes the models `chat`, `responses` and `messages`.
"""

# It runs in an environment of its own, whose packages the type checkers do not see.
# pyright: basic, reportMissingImports=false

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from pydantic import BaseModel

tasks = json.loads(sys.argv[1])
made: dict[str, Any] = {}
exec(tasks["settings"], made)


class Answer(BaseModel):
    """An answer."""

    count: int
    word: str


def look_up(word: str) -> str:
    """Looks a word up."""
    return f"{word} means 42"


lookup = tool("lookup")(look_up)


def chat(model: str, **options: Any) -> Any:
    return made["chat"].model_copy(update={"model_name": model, **options})


def responses(model: str, **options: Any) -> Any:
    thinks = {"reasoning": {"effort": "high", "summary": "auto"}} if options else {}
    return made["responses"].model_copy(update={"model_name": model, **thinks})


def messages(model: str, **options: Any) -> Any:
    thinks = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if options else {}
    return made["messages"].model_copy(update={"model": model, **thinks})


def text(model: Any, *, streamed: bool) -> Any:
    """What is said to a greeting."""
    if not streamed:
        return model.invoke(tasks["text"]).text
    pieces = [chunk.text for chunk in model.stream(tasks["text"])]
    return {"text": "".join(pieces), "pieces": sum(map(bool, pieces))}


def work(model: Any, *, streamed: bool) -> Any:
    """A conversation of several turns with tools; what was said at the end of each."""
    bound = model.bind_tools([lookup])
    history: list[Any] = []
    said: list[str] = []
    for prompt in tasks["turns"]:
        history.append(HumanMessage(prompt))
        while True:
            if streamed:
                message: Any = None
                for chunk in bound.stream(history):
                    message = chunk if message is None else message + chunk
            else:
                message = bound.invoke(history)
            history.append(message)
            if not message.tool_calls:
                said.append(message.text)
                break
            calls = message.tool_calls
            history += [ToolMessage(lookup.invoke(call["args"]), tool_call_id=call["id"]) for call in calls]
    return {"said": said, "usage": message.usage_metadata["output_tokens"] > 0}


def shape(model: Any, method: str) -> Any:
    """An answer that fits a schema."""
    return model.with_structured_output(Answer, method=method).invoke("Answer.").model_dump()


def attempt(client: str, model: str, task: str, action: Callable[..., Any], *given: Any, **options: Any) -> None:
    try:
        outcome = {"got": action(*given, **options)}
    except Exception:
        outcome = {"error": traceback.format_exc()}
    print(json.dumps({"client": client, "model": model, "task": task, **outcome}), flush=True)


for name, make in (("chat", chat), ("responses", responses), ("messages", messages)):
    for slug in tasks["models"]:
        plain, thinking = make(slug), make(slug, reasoning_effort="high")
        for kind, streamed in (("streamed", True), ("whole", False)):
            attempt(name, slug, f"text {kind}", text, plain, streamed=streamed)
            attempt(name, slug, f"tools {kind}", work, thinking, streamed=streamed)
        attempt(name, slug, "shape by schema", shape, plain, "json_schema")
        attempt(name, slug, "shape by tool", shape, plain, "function_calling")
