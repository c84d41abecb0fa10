#!/usr/bin/env python3
"""openai_client.py XLTUNE: what OpenAI's own client for Python reads from the server."""
import asyncio
import sys

import openai
from openai import AsyncOpenAI, OpenAI

from running import Server

PROMPT = "It was a dark night, and the rain fell upon the roofs of the old town while"
MESSAGES = [{"role": "system", "content": "You are a sailor."}, {"role": "user", "content": "Who are you?"}]


def completions(client):
    whole = client.completions.create(model="any", prompt=PROMPT, max_tokens=20, temperature=0, logprobs=2)
    assert whole.choices[0].finish_reason == "length" and whole.usage.completion_tokens == 20
    assert "".join(whole.choices[0].logprobs.tokens) == whole.choices[0].text
    stream = client.completions.create(model="any", prompt=PROMPT, max_tokens=20, temperature=0, stream=True,
                                       stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text
    assert chunks[-1].usage.total_tokens == whole.usage.total_tokens
    word = whole.choices[0].text.split()[3]
    stopped = client.completions.create(model="any", prompt=PROMPT, max_tokens=20, temperature=0, stop=[word])
    assert stopped.choices[0].finish_reason == "stop" and word not in stopped.choices[0].text
    texts = [[c.text for c in client.completions.create(model="any", prompt=PROMPT, n=3, seed=1).choices] for _ in range(2)]
    assert texts[0] == texts[1] and len(set(texts[0])) > 1


def chat(client):
    whole = client.chat.completions.create(model="any", messages=MESSAGES, max_completion_tokens=16, temperature=0,
                                           logprobs=True, top_logprobs=2)
    choice = whole.choices[0]
    assert choice.message.role == "assistant" and choice.message.content
    assert "".join(t.token for t in choice.logprobs.content) == choice.message.content
    assert all(len(t.top_logprobs) == 2 for t in choice.logprobs.content)
    # The accumulating helper checks the form of every event, and wants an end that is no limit.
    word = choice.message.content.split()[3]
    with client.chat.completions.stream(model="any", messages=MESSAGES, temperature=0, stop=word) as stream:
        for _ in stream:
            pass
        final = stream.get_final_completion()
    assert final.choices[0].message.content == choice.message.content.split(word)[0]
    assert final.choices[0].finish_reason == "stop"


def others(client):
    assert [m.id for m in client.models.list()] == ["tiny-literature"]
    assert client.models.retrieve("tiny-literature").owned_by == "xltune"
    for error, call in ((openai.NotFoundError, lambda: client.models.retrieve("gpt-4")),
                        (openai.BadRequestError, lambda: client.completions.create(model="any", prompt=PROMPT, temperature=-1)),
                        (openai.BadRequestError, lambda: client.completions.create(model="any", prompt=PROMPT, echo=True))):
        try:
            call()
            raise AssertionError(f"no {error}")
        except error as e:
            assert e.body["message"] and e.type == "invalid_request_error", e.body


async def many(url, key):
    async with AsyncOpenAI(base_url=url, api_key=key, max_retries=5) as client:
        answers = await asyncio.gather(*[client.completions.create(model="any", prompt=PROMPT, max_tokens=20, temperature=0)
                                         for _ in range(24)])
        assert len({a.choices[0].text for a in answers}) == 1
        # A stream that is left early.
        async with await client.completions.create(model="any", prompt=PROMPT, max_tokens=4000, stream=True) as stream:
            async for _ in stream:
                break


with Server(sys.argv[1], "--max-streams", "8", "--max-queue", "8", env={"XLTUNE_API_KEY": "a-key-for-tests"}) as s:
    url = f"http://{s.host}:{s.port}/v1"
    with OpenAI(base_url=url, api_key="a-key-for-tests", max_retries=0) as ours:
        completions(ours)
        chat(ours)
        others(ours)
    asyncio.run(many(url, "a-key-for-tests"))
    try:
        OpenAI(base_url=url, api_key="wrong", max_retries=0).models.list()
        raise AssertionError("a wrong key was taken")
    except openai.AuthenticationError:
        pass
print(f"openai {openai.__version__} for Python: ok")
