"""LangChain's clients of all three formats. Runs in the environment that `install.sh` makes.

    python langchain_client.py URL KEY TASKS     prints a JSON line for each task: {client, model, task, got | error}

TASKS: JSON, {models: [...], text: PROMPT, turns: [PROMPT, ...]}; the prompts of `turns` call the tool `lookup`.
"""

# It runs in an environment of its own, whose packages the type checkers do not see.
# pyright: basic, reportMissingImports=false

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from langchain_anthropic import ChatAnthropic
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from pydantic import BaseModel

url, key, tasks = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


class Answer(BaseModel):
    """An answer."""

    count: int
    word: str


def look_up(word: str) -> str:
    """Looks a word up."""
    return f"{word} means 42"


lookup = tool("lookup")(look_up)


def chat(model: str, **options: Any) -> Any:
    return ChatOpenAI(model=model, base_url=f"{url}/api/v1", api_key=key, max_retries=0, **options)


def responses(model: str, **options: Any) -> Any:
    thinks = (
        {"reasoning": {"effort": "high", "summary": "auto"}, "store": False} if options.pop("reasoning_effort", 0) else {}
    )
    thinks |= {"include": ["reasoning.encrypted_content"]} if thinks else {}
    return chat(model, use_responses_api=True, output_version="responses/v1", **thinks)


def messages(model: str, **options: Any) -> Any:
    thinks = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if options else {}
    return ChatAnthropic(
        model_name=model, base_url=f"{url}/api", api_key=key, max_tokens_to_sample=4096, max_retries=0, **thinks
    )


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
