// openai_client.mjs URL: what OpenAI's own client for JavaScript reads from the server.
import assert from "node:assert/strict";
import OpenAI from "openai";

const client = new OpenAI({ baseURL: process.argv[2], apiKey: "none", maxRetries: 0 });
const prompt = "It was a dark night, and the rain fell upon the roofs of the old town while";
const messages = [{ role: "system", content: "You are a sailor." }, { role: "user", content: "Who are you?" }];

const whole = await client.completions.create({ model: "any", prompt, max_tokens: 20, temperature: 0 });
assert.equal(whole.choices[0].finish_reason, "length");
assert.equal(whole.usage.completion_tokens, 20);
let text = "", usage = null;
const options = { model: "any", prompt, max_tokens: 20, temperature: 0, stream: true, stream_options: { include_usage: true } };
for await (const chunk of await client.completions.create(options)) {
    text += chunk.choices[0]?.text ?? "";
    usage = chunk.usage ?? usage;
}
assert.equal(text, whole.choices[0].text);
assert.equal(usage.completion_tokens, 20);

const chat = { model: "any", messages, max_completion_tokens: 16, temperature: 0 };
const answer = await client.chat.completions.create({ ...chat, logprobs: true, top_logprobs: 1 });
assert.equal(answer.choices[0].logprobs.content.map((t) => t.token).join(""), answer.choices[0].message.content);
// The accumulating helper wants an end that is no limit.
const word = answer.choices[0].message.content.split(/\s+/).filter(Boolean)[3];
const final = await client.chat.completions.stream({ model: "any", messages, temperature: 0, stop: word }).finalChatCompletion();
assert.equal(final.choices[0].message.content, answer.choices[0].message.content.split(word)[0]);
assert.equal(final.choices[0].finish_reason, "stop");

const models = [];
for await (const model of client.models.list()) models.push(model.id);
assert.deepEqual(models, ["tiny-literature"]);
await assert.rejects(client.completions.create({ model: "any", prompt, temperature: -1 }), OpenAI.BadRequestError);
await assert.rejects(client.models.retrieve("gpt-4"), OpenAI.NotFoundError);

// A stream that is left early, and what comes after it.
const stream = await client.completions.create({ model: "any", prompt, max_tokens: 4000, stream: true });
for await (const _ of stream) break;
assert.equal((await client.completions.create({ model: "any", prompt, max_tokens: 20, temperature: 0 })).choices[0].text, text);
console.log(`openai for JavaScript: ok`);
