#!/usr/bin/env python3
"""Writes tests/data/chat-templates.json: chat templates in the forms that well-known models document, small pieces of
Jinja, and random pieces of white space around tags, each with what Python's jinja2 (pip install jinja2) makes of it,
set up as the transformers library does. Where jinja2 fails, "text" is null."""
import datetime
import json
import os
import random

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.nodes import CallBlock
from jinja2.sandbox import ImmutableSandboxedEnvironment

SEED, RANDOM = 20, 400


class Generation(Extension):
    """{% generation %}, which marks the assistant's words for training."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return CallBlock(self.call_method("_same"), [], [], body).set_lineno(line)

    def _same(self, caller):
        return caller()


def environment():
    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols])
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = lambda form: datetime.datetime.now().strftime(form)
    return env


ENV = environment()

CHATML = """{% for message in messages %}
{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}
{% endfor %}
{% if add_generation_prompt %}
{{ '<|im_start|>assistant\\n' }}
{% endif %}"""
CHATML_SYSTEM = """{% for message in messages %}{% if loop.first and messages[0]['role'] != 'system' %}{{ '<|im_start|>system
You are a helpful assistant.<|im_end|>
' }}{% endif %}{{'<|im_start|>' + message['role'] + '
' + message['content'] + '<|im_end|>' + '
'}}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant
' }}{% endif %}"""
LLAMA2 = """{% if messages[0]['role'] == 'system' %}
{% set loop_messages = messages[1:] %}{% set system_message = messages[0]['content'] %}
{% else %}
{% set loop_messages = messages %}{% set system_message = false %}
{% endif %}
{% for message in loop_messages %}
{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}
{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}
{% endif %}
{% if loop.index0 == 0 and system_message != false %}
{% set content = '<<SYS>>\\n' + system_message + '\\n<</SYS>>\\n\\n' + message['content'] %}
{% else %}
{% set content = message['content'] %}
{% endif %}
{% if message['role'] == 'user' %}
{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}
{% elif message['role'] == 'assistant' %}
{{ ' ' + content.strip() + ' ' + eos_token }}
{% endif %}
{% endfor %}"""
LLAMA3 = """{% set loop_messages = messages %}{% for message in loop_messages %}{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' %}{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}{{ content }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}"""
LLAMA31 = """{{- bos_token }}
{%- if custom_tools is defined %}
    {%- set tools = custom_tools %}
{%- endif %}
{%- if not date_string is defined %}
    {%- set date_string = "26 Jul 2024" %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}

{#- The system message is taken out, so that it can be put into its place. #}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}

{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}
    {{- "Environment: ipython\\n" }}
{%- endif %}
{{- "Cutting Knowledge Date: December 2023\\n" }}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}
    {{- "You have access to the following functions. Respond with JSON.\\n\\n" }}
    {%- for t in tools %}
        {{- t | tojson(indent=4) }}
        {{- "\\n\\n" }}
    {%- endfor %}
{%- endif %}
{{- system_message }}
{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}
            {{- raise_exception("This model only supports single tool-calls at once!") }}
        {%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}
        {{- '"parameters": ' }}
        {{- tool_call.arguments | tojson }}
        {{- "}" }}
        {{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}
            {{- message.content | tojson }}
        {%- else %}
            {{- message.content }}
        {%- endif %}
        {{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""
MISTRAL = """{%- if messages[0]["role"] == "system" %}
    {%- set system_message = messages[0]["content"] %}
    {%- set loop_messages = messages[1:] %}
{%- else %}
    {%- set loop_messages = messages %}
{%- endif %}
{%- if not tools is defined %}
    {%- set tools = none %}
{%- endif %}
{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}

{#- Roles must alternate, tool messages left out. #}
{%- set ns = namespace() %}
{%- set ns.index = 0 %}
{%- for message in loop_messages %}
    {%- if not (message.role == "tool" or message.role == "tool_results" or (message.tool_calls is defined and message.tool_calls is not none)) %}
        {%- if (message["role"] == "user") != (ns.index % 2 == 0) %}
            {{- raise_exception("After the optional system message, conversation roles must alternate user/assistant/user/assistant/...") }}
        {%- endif %}
        {%- set ns.index = ns.index + 1 %}
    {%- endif %}
{%- endfor %}

{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == user_messages[-1]) %}
            {{- "[AVAILABLE_TOOLS] [" }}
            {%- for tool in tools %}
                {%- set tool = tool.function %}
                {{- '{"type": "function", "function": {' }}
                {%- for key, val in tool.items() if key != "return" %}
                    {%- if val is string %}
                        {{- '"' + key + '": "' + val + '"' }}
                    {%- else %}
                        {{- '"' + key + '": ' + val|tojson }}
                    {%- endif %}
                    {%- if not loop.last %}
                        {{- ", " }}
                    {%- endif %}
                {%- endfor %}
                {{- "}}" }}
                {%- if not loop.last %}
                    {{- ", " }}
                {%- else %}
                    {{- "]" }}
                {%- endif %}
            {%- endfor %}
            {{- "[/AVAILABLE_TOOLS]" }}
            {%- endif %}
        {%- if loop.last and system_message is defined %}
            {{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}
        {%- else %}
            {{- "[INST] " + message["content"] + "[/INST]" }}
        {%- endif %}
    {%- elif message["role"] == "assistant" %}
        {{- " " + message["content"]|trim + eos_token}}
    {%- else %}
        {{- raise_exception("Only user and assistant roles are supported, with the exception of an initial optional system message!") }}
    {%- endif %}
{%- endfor %}
"""
GEMMA = """{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}{% endif %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '
' + message['content'] | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model
'}}{% endif %}"""
PHI3 = """{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>
' + message['content'] + '<|end|>
'}}{% elif message['role'] == 'user' %}{{'<|user|>
' + message['content'] + '<|end|>
'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>
' + message['content'] + '<|end|>
'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>
' }}{% else %}{{ eos_token }}{% endif %}"""
PHI4 = """{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"""
ZEPHYR = """{% for message in messages %}
{% if message['role'] == 'user' %}
{{ '<|user|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'system' %}
{{ '<|system|>
' + message['content'] + eos_token }}
{% elif message['role'] == 'assistant' %}
{{ '<|assistant|>
'  + message['content'] + eos_token }}
{% endif %}
{% if loop.last and add_generation_prompt %}
{{ '<|assistant|>' }}
{% endif %}
{% endfor %}"""
VICUNA = """{{ (messages|selectattr('role', 'equalto', 'system')|list|last).content|trim if (messages|selectattr('role', 'equalto', 'system')|list) else 'A chat between a curious user and an assistant.' }}

{% for message in messages if message.role != 'system' -%}
    {%- if message.role == 'user' %}{{ 'USER: ' ~ message.content ~ '\\n' }}{% else %}{{ 'ASSISTANT: ' ~ message.content ~ eos_token ~ '\\n' }}{% endif %}
{%- endfor -%}
{%- if add_generation_prompt -%}ASSISTANT:{%- endif -%}
"""
QWEN25 = """{%- if tools %}
    {{- '<|im_start|>system\\n' }}
    {%- if messages[0]['role'] == 'system' %}
        {{- messages[0]['content'] }}
    {%- else %}
        {{- 'You are a helpful assistant.' }}
    {%- endif %}
    {{- "\\n\\n# Tools\\n\\nYou are provided with function signatures within <tools></tools> XML tags:\\n<tools>" }}
    {%- for tool in tools %}
        {{- "\\n" }}
        {{- tool | tojson }}
    {%- endfor %}
    {{- "\\n</tools><|im_end|>\\n" }}
{%- else %}
    {%- if messages[0]['role'] == 'system' %}
        {{- '<|im_start|>system\\n' + messages[0]['content'] + '<|im_end|>\\n' }}
    {%- else %}
        {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
    {%- endif %}
{%- endif %}
{%- for message in messages %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) or (message.role == "assistant" and not message.tool_calls) %}
        {{- '<|im_start|>' + message.role + '\\n' + message.content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {{- '<|im_start|>' + message.role }}
        {%- if message.content %}
            {{- '\\n' + message.content }}
        {%- endif %}
        {%- for tool_call in message.tool_calls %}
            {%- if tool_call.function is defined %}
                {%- set tool_call = tool_call.function %}
            {%- endif %}
            {{- '\\n<tool_call>\\n{"name": "' }}
            {{- tool_call.name }}
            {{- '", "arguments": ' }}
            {{- tool_call.arguments | tojson }}
            {{- '}\\n</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if (loop.index0 == 0) or (messages[loop.index0 - 1].role != "tool") %}
            {{- '<|im_start|>user' }}
        {%- endif %}
        {{- '\\n<tool_response>\\n' }}
        {{- message.content }}
        {{- '\\n</tool_response>' }}
        {%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}
            {{- '<|im_end|>\\n' }}
        {%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
{%- endif %}
"""
QWEN3 = """{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}
        {%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- for message in messages %}
    {%- set content = message.content if message.content is string else '' %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}
        {{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}
            {%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}
            {%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}
            {%- set content = content.split('</think>')[-1].lstrip('\\n') %}
        {%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}
            {{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}
            {{- '<|im_start|>' + message.role + '\\n' + content }}
        {%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|im_start|>assistant\\n' }}
    {%- if enable_thinking is defined and enable_thinking is false %}
        {{- '<think>\\n\\n</think>\\n\\n' }}
    {%- endif %}
{%- endif %}
"""
MACROS = """{%- macro render_item(item, depth=0, mark='- ') -%}
{{ '  ' * depth }}{{ mark }}{{ item.name }}{% if item.parts %}
{% for part in item.parts %}
{{ render_item(part, depth + 1) }}
{%- endfor %}
{%- endif %}
{% endmacro -%}
{%- for message in messages %}
<|turn|>{{ message.role|upper }}
{% generation %}{{ message.content }}{% endgeneration %}

{% endfor %}
{{ render_item({'name': 'a', 'parts': [{'name': 'b'}, {'name': 'c', 'parts': [{'name': 'd'}]}]}, mark='* ') }}
{%- if add_generation_prompt %}<|turn|>ASSISTANT
{% endif %}"""

TEMPLATES = {"chatml": CHATML, "chatml-system": CHATML_SYSTEM, "llama-2": LLAMA2, "llama-3": LLAMA3, "llama-3.1": LLAMA31,
             "mistral": MISTRAL, "gemma": GEMMA, "phi-3": PHI3, "phi-4": PHI4, "zephyr": ZEPHYR, "vicuna": VICUNA,
             "qwen-2.5": QWEN25, "qwen-3": QWEN3, "macros": MACROS}
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


def say(*turns):
    return [{"role": role, "content": content} for role, content in turns]


TOOL = {"type": "function", "function": {
    "name": "weather", "description": "What the sky does \"now\" in a city: é, 日本, <b>.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}, "days": {"type": "integer", "default": 1}},
                   "required": ["city"]}, "return": {"type": "string"}}}
CALLED = [{"role": "user", "content": "Rain?"},
          {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "weather", "arguments": {
              "city": "Linz", "days": 2, "scale": 1.5, "wet": None, "deep": [[], {}]}}}]},
          {"role": "tool", "content": "yes"}, {"role": "tool", "content": "no"}, {"role": "assistant", "content": "Both."}]
TALKS = [
    say(("user", "Hello")),
    say(("system", "Be brief."), ("user", "  Hello\n"), ("assistant", "Hi. \n"), ("user", "What's \"new\"?\n\n  two")),
    say(("user", "Grüße, 日本 🙂"), ("assistant", "<think>\nhm\n</think>\n\nYes"), ("user", "a\u00a0"), ("assistant", "b")),
    say(("assistant", "I begin"), ("user", "you follow")),
    say(("user", "one"), ("user", "two")),
    say(("system", "only a system")),
    say(("critic", "unknown role"), ("user", "")),
    [],
]
VARIABLES = [({}, None), ({"enable_thinking": False}, None), ({"tools": [TOOL]}, None),
             ({"tools": [TOOL, TOOL], "date_string": "1 Jan 2025"}, CALLED)]

DATA = {"x": 7, "f": 2.5, "s": "Hello World", "u": "Ünïcode ß ÇA 日本", "l": [3, 1, 2], "e": [], "n": None, "t": True,
        "d": {"b": 1, "a": [1, {"k": "v"}], "é": "q'uote"}, "w": "  pad\t\n", "lines": "a\nb\r\nc\n\nd",
        "m": [{"r": "u", "c": "x", "n": 2}, {"r": "a", "c": "y", "n": 1}, {"r": "u", "c": "Z", "n": 3}]}
PIECES = """
{{ x }} {{ f }} {{ s }} {{ l }} {{ n }} {{ t }} {{ d }} {{ e }} {{ nothing }}|
{{ 1 }} {{ 1.0 }} {{ 1e5 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.0001 }} {{ 0.00001 }} {{ 1.5e-7 }} {{ 1_000 }} {{ 0.1 + 0.2 }} {{ -0.0 }}
{{ 7 / 2 }} {{ 6 / 2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 % -3 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 // 2 }} {{ -7.5 % 2 }}
{{ 1 + 2 * 3 - 4 }} {{ (1 + 2) * 3 }} {{ -x }} {{ +x }} {{ -x ** 2 }} {{ - 2 | abs }} {{ 2 ** 3 ** 2 }} {{ 10 - 2 - 3 }}
{{ "a" * 3 }} {{ 3 * "ab" }} {{ [1] * 3 }} {{ "a" + "b" }} {{ [1] + [2] }} {{ (1,) + (2, 3) }} {{ "a" "b" 'c' }}
{{ "a" ~ 1 ~ none ~ true ~ nothing ~ [1, "b"] }}
{{ 1 ~ 2 + 3 }}
{{ 1 + "a" }}
{{ "a" + none }}
{{ nothing + 1 }}
{{ nothing.member }}
{{ nothing['member'] }}
{{ d.nothing is defined }} {{ d.nothing }} {{ d['nothing'] is none }} {{ d.b }} {{ d['a'][1].k }} {{ d.a.1.k }} {{ d['é'] }}
{{ d.nothing.more }}
{{ 1 < 2 }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 1 == 1.0 }} {{ 1 == true }} {{ "a" < "b" }} {{ "Z" < "a" }} {{ [1, 2] == [1, 2] }} {{ (1, 2) == [1, 2] }}
{{ {"a": 1, "b": 2} == {"b": 2, "a": 1} }} {{ none == false }} {{ "" == none }} {{ nothing == none }} {{ nothing == nowhere }} {{ 1 != 2 }}
{{ 1 < "a" }}
{{ none < 1 }}
{{ 2 in l }} {{ 9 in l }} {{ 2 not in l }} {{ "ell" in s }} {{ "" in s }} {{ "b" in d }} {{ 1 in d }} {{ "a" in nothing }} {{ not 2 in l }}
{{ 1 in s }}
{{ 1 in x }}
{{ t and n }} {{ t or n }} {{ n or "other" }} {{ e and 1 }} {{ not t }} {{ not e }} {{ not not x }} {{ 0 or 0.0 or "" or [] or {} }} {{ x and s and l }}
{{ "yes" if t else "no" }} {{ "yes" if n else "no" }} {{ "yes" if n }}| {{ 1 if n else 2 if n else 3 }} {{ (1 if t else 2) + 1 }}
{{ s[0] }} {{ s[-1] }} {{ s[99] }} {{ s[1:4] }} {{ s[:-3] }} {{ s[::-1] }} {{ s[::2] }} {{ s[-3:] }} {{ s[8:2:-2] }} {{ s[5:1] }} {{ u[0] }} {{ u[-2:] }} {{ u[::-1] }}
{{ l[0] }} {{ l[-1] }} {{ l[7] }} {{ l[1:] }} {{ l[:-1] }} {{ l[::-1] }} {{ l[5:] }} {{ l[-99:99] }} {{ l[2:0:-1] }} {{ l[::-2] }} {{ (1, 2, 3)[1:] }} {{ l[:] }}
{{ l["a"] }}| {{ d[0] }}| {{ l.0 }} {{ l.first }}|
{{ l[::0] }}
{{ x[0] }}|
{{ x[1:] }}
{{ [1, 2.0, "a'b", 'c"d', "e'\\"f", none, true, [], (), (1,), {}, {"k": [1]}] }} {{ "\\n\\t\\\\\\x41\\u00e9\\U0001F642\\101" }} {{ ["\\n\\t\\r\\\\\\x00\\x7f\\x85\\xad\\u200b\\ue000\\U0001F642é "] }}
{{ 'it\\'s' }} {{ "a\\qb" }} {{ 'a"b' }} {{ "line
two" }} {{ "cont\\
inued" }}
{{ s.upper() }} {{ s.lower() }} {{ u.upper() }} {{ u.lower() }} {{ "hELLO wORLD".capitalize() }} {{ "they're bill's 1st".title() }} {{ "straße".upper() }}
{{ w.strip() }}|{{ w.lstrip() }}|{{ w.rstrip() }}| {{ "xxaxx".strip("x") }} {{ "xyaxy".lstrip("yx") }} {{ "éaé".strip("é") }} {{ "abc".rstrip("") }} {{ w.strip(none) }}
{{ "a,b,,c".split(",") }} {{ "a,b,,c".split(",", 1) }} {{ " a  b c ".split() }} {{ " a  b c ".split(none, 1) }} {{ "abc".split("x") }} {{ "".split() }} {{ "".split(",") }} {{ "a,b,c".split(sep=",", maxsplit=1) }}
{{ "a,b,,c".rsplit(",", 1) }} {{ " a  b c ".rsplit(none, 1) }} {{ "a--b--c".rsplit("--") }} {{ " ".split() }} {{ " a ".split(none, 0) }} {{ " a ".rsplit(none, 0) }}
{{ "abc".split("") }}
{{ s.startswith("He") }} {{ s.startswith(("x", "H")) }} {{ s.endswith("ld") }} {{ s.endswith(()) }} {{ s.find("o") }} {{ s.rfind("o") }} {{ u.find("日") }} {{ s.find("x") }} {{ s.count("l") }} {{ "aaa".count("aa") }} {{ "ab".count("") }}
{{ s.startswith(1) }}
{{ s.index("W") }} {{ l.index(2) }} {{ l.count(2) }}
{{ s.index("x") }}
{{ s.replace("l", "L") }} {{ s.replace("l", "L", 1) }} {{ "abc".replace("", "-") }} {{ "abc".replace("", "-", 2) }} {{ "aaa".replace("aa", "b") }} {{ "abc".replace("x", "y") }}
{{ "123".isdigit() }} {{ "12a".isdigit() }} {{ "".isdigit() }} {{ "abé".isalpha() }} {{ "ab1".isalnum() }} {{ " \\n".isspace() }} {{ "AB1".isupper() }} {{ "ab1".islower() }} {{ "12".islower() }}
{{ "a-b-c".partition("-") }} {{ "a-b-c".rpartition("-") }} {{ "abc".partition("-") }} {{ "abc".rpartition("-") }} {{ lines.splitlines() }} {{ lines.splitlines(true) }} {{ "".splitlines() }}
{{ "prefix-x".removeprefix("prefix-") }} {{ "x.txt".removesuffix(".txt") }} {{ "x".removesuffix("yy") }} {{ ", ".join(["a", "b"]) }} {{ "".join([]) }} {{ "-".join("abc") }}
{{ "".join([1]) }}
{{ "{} is {}, {0}".format("a", 2) }}
{{ "{} is {} {{}} {n}".format("a", 2, n=none) }} {{ "{1}{0}".format(1, 2) }}
{{ s.nothing() }}
{{ nothing() }}
{{ x() }}
{{ d.items() | list }} {{ d.keys() | list }} {{ d.values() | list }} {{ d.get("b") }} {{ d.get("z") }} {{ d.get("z", 5) }} {{ d | items | list }} {{ d["items"] is defined }}
{{ d.pop("b") }}
{{ l.append(4) }}
{{ w | trim }}| {{ "xxaxx" | trim("x") }} {{ s | upper }} {{ s | lower }} {{ s | capitalize }} {{ "foo bar-baz (qux) [x] <y> a'b" | title }} {{ 5 | string + "a" }} {{ u | title }}
{{ s | length }} {{ u | length }} {{ l | length }} {{ d | count }} {{ nothing | length }} {{ "" | length }}
{{ x | length }}
{{ nothing | default("dflt") }} {{ n | default("dflt") }} {{ n | default("dflt", true) }} {{ "" | d("x", boolean=true) }} {{ nothing | d }}| {{ 0 | default(1) }} {{ nothing | default(default_value=3) }}
{{ l | first }} {{ l | last }} {{ s | first }} {{ s | last }} {{ e | first }}| {{ d | first }} {{ l | reverse | list }} {{ s | reverse }} {{ l | sort }} {{ l | sort(reverse=true) }} {{ ["b", "A", "c"] | sort }} {{ ["b", "A", "c"] | sort(case_sensitive=true) }}
{{ m | sort(attribute="n") | map(attribute="c") | join(",") }} {{ m | map(attribute="r") | unique | list }} {{ l | sum }} {{ m | sum(attribute="n") }} {{ m | sum("n", 10) }} {{ l | max }} {{ l | min }} {{ ["b", "A"] | max }} {{ e | max }}|
{{ [1, "a"] | sort }}
{{ l | join }} {{ l | join(", ") }} {{ m | join("+", attribute="c") }} {{ s | join("-") }} {{ e | join("x") }}|
{{ m | selectattr("r", "equalto", "u") | map(attribute="c") | list }} {{ m | rejectattr("r", "eq", "u") | list }} {{ m | selectattr("n", "gt", 1) | list | length }} {{ m | selectattr("q", "defined") | list }} {{ m | selectattr("c") | list | length }} {{ m | rejectattr("c") | list }}
{{ [0, 1, 2, none, ""] | select | list }} {{ [0, 1, 2] | reject("odd") | list }} {{ [1, 2, 3] | select("in", [1, 3]) | list }} {{ ["a", 1] | select("string") | list }} {{ l | map("string") | join }} {{ ["a", "b"] | map("upper") | list }} {{ m | map(attribute="z", default="-") | list }} {{ ["xax"] | map("trim", "x") | list }} {{ m | map(attribute="c") | map("lower") | list }}
{{ l | map("nothing") | list }}
{{ l | nothing }}
{{ x is nothing }}
{{ d | dictsort }} {{ {"b": 2, "A": 3} | dictsort }} {{ {"b": 2, "A": 3} | dictsort(true) }} {{ {"b": 2, "A": 3} | dictsort(by="value") }} {{ {"b": 2, "A": 3} | dictsort(reverse=true) }}
{{ d | tojson }} {{ l | tojson }} {{ "é<>&'\\u2028\\x7f\\x01\\"" | tojson }} {{ u | tojson(ensure_ascii=true) }} {{ "🙂" | tojson(ensure_ascii=true) }} {{ n | tojson }} {{ f | tojson }} {{ 1.0 | tojson }} {{ (1, 2) | tojson }} {{ {"b": 1, "a": 2} | tojson(sort_keys=true) }} {{ {1: 2, none: 3, true: 4} | tojson }}
{{ d | tojson(indent=2) }} {{ [] | tojson(indent=2) }} {{ {} | tojson(indent=2) }} {{ l | tojson(indent=0) }} {{ l | tojson(separators=(",", ":")) }} {{ d | tojson(indent=1, separators=(", ", ":")) }} {{ {"a": {"b": [1, {"c": 2}]}} | tojson(indent=4) }}
{{ nothing | tojson }}
{{ "1" | int }} {{ "x" | int }} {{ "x" | int(9) }} {{ "2.9" | int }} {{ 3.99 | int }} {{ -3.99 | int }} {{ true | int }} {{ n | int }} {{ "1.5" | float }} {{ "x" | float }} {{ "x" | float(1.5) }} {{ 2 | float }} {{ " 12 " | int }}
{{ 2.5 | round }} {{ 3.5 | round }} {{ 2.345 | round(2) }} {{ 2.1 | round(0, "ceil") }} {{ 2.9 | round(method="floor") }} {{ 7 | round }} {{ -5 | abs }} {{ -2.5 | abs }}
{{ "a\\nb\\n\\nc" | indent }} {{ "a\\nb" | indent(2) }} {{ "a\\n\\nb" | indent(2, true) }} {{ "a\\n\\nb" | indent(2, blank=true) }} {{ "a\\nb" | indent("--") }} {{ "a\\n" | indent(3) }}|
{{ "<a href='x'>&\\"" | e }} {{ "<b>" | safe }} {{ "one two  three-four" | wordcount }} {{ s | replace("o", "0") }} {{ s | replace("o", "0", 1) }} {{ l | list }} {{ "abc" | list }}
{{ x is defined }} {{ nothing is defined }} {{ nothing is undefined }} {{ nothing is not defined }} {{ n is none }} {{ x is number }} {{ f is number }} {{ t is number }} {{ s is string }} {{ l is string }} {{ x is integer }} {{ t is integer }} {{ f is float }} {{ t is boolean }} {{ x is boolean }}
{{ d is mapping }} {{ l is mapping }} {{ l is sequence }} {{ s is sequence }} {{ d is sequence }} {{ x is sequence }} {{ l is iterable }} {{ x is iterable }} {{ nothing is iterable }} {{ range is callable }} {{ x is callable }} {{ t is true }} {{ x is true }} {{ n is false }} {{ false is false }}
{{ 3 is odd }} {{ 4 is even }} {{ 9 is divisibleby 3 }} {{ 9 is divisibleby(2) }} {{ "a" is eq "a" }} {{ 1 is equalto 1 }} {{ 1 is ne 2 }} {{ 1 is lt 2 }} {{ 2 is ge 2 }} {{ 2 is gt(1) }} {{ 1 is in [1, 2] }} {{ 1 is not in [1, 2] }} {{ n is sameas none }} {{ "AB" is upper }} {{ "ab" is lower }} {{ not x is defined and true }}
{{ x is defined and s is string or false }} {{ "y" if x is defined else "n" }} {{ (x is defined) == true }}
{{ range(3) | list }} {{ range(1, 4) | list }} {{ range(5, 0, -2) | list }} {{ range(0) | list }} {{ dict(a=1, b="c") }} {{ dict({"z": 1}, a=2) }} {{ range(3)[-1] }}
{{ raise_exception("told " ~ x) }}
{% if x > 5 %}big{% elif x > 2 %}middle{% else %}small{% endif %} {% if e %}a{% endif %}| {% if not e %}b{% endif %} {% if n is none and x %}c{% endif %}
{% for i in l %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.first }}/{{ loop.last }}/{{ loop.length }}/{{ loop.depth }}:{{ i }} {% endfor %}
{% for i in l %}{{ loop.previtem }}<{{ i }}>{{ loop.nextitem }} {{ loop.cycle("odd", "even") }} {{ loop.changed(i > 1) }}; {% endfor %}
{% for i in e %}x{% else %}nothing{% endfor %} {% for i in l %}x{% else %}y{% endfor %} {% for i in nothing %}x{% else %}none{% endfor %} {% for c in "aé" %}[{{ c }}]{% endfor %}
{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %} {% for k in d %}{{ k }}{% endfor %} {% for a, (b, c) in [(1, (2, 3))] %}{{ a }}{{ b }}{{ c }}{% endfor %} {% for i in l if i > 1 %}{{ i }}:{{ loop.length }} {% endfor %} {% for k, v in d | dictsort %}{{ k }}{% endfor %}
{% for a, b in l %}{% endfor %}
{% for i in x %}{% endfor %}
{% for i in [1, 2, 3, 4, 5] %}{% if i == 2 %}{% continue %}{% endif %}{% if i == 4 %}{% break %}{% endif %}{{ i }}{% endfor %} {% for i in l %}{% for j in l %}{% if j == 1 %}{% break %}{% endif %}{{ i }}{{ j }}{{ loop.depth }} {% endfor %}{% endfor %}
{% set a = 1 %}{% for i in l %}{{ a }}{% set a = a + 1 %}{{ a }} {% endfor %}{{ a }} {% if t %}{% set a = 9 %}{% endif %}{{ a }} {% set b, c = 1, 2 %}{{ b }}{{ c }} {% set z = 1, 2 %}{{ z }}
{% set ns = namespace(n=0, l=[]) %}{% for i in l %}{% set ns.n = ns.n + i %}{% set ns.l = ns.l + [i] %}{% endfor %}{{ ns.n }} {{ ns.l }} {{ ns.nothing is defined }} {% set ns.new = 3 %}{{ ns.new }} {{ namespace({"q": 1}).q }} {{ ns["n"] }}
{% set s.x = 1 %}
{% set body %}in {{ x }}{% endset %}[{{ body }}] {% set up | upper | trim %} a{{ s }} {% endset %}[{{ up }}] {% set q %}{% set inner = 1 %}{% endset %}{{ inner is defined }} {% filter upper %}f {{ s }}{% endfilter %} {% filter replace("a", "b") | trim %} aa {% endfilter %}|
{% macro m1(a, b=2, c=a) %}({{ a }}{{ b }}{{ c }}){% endmacro %}{{ m1(1) }} {{ m1(1, 3) }} {{ m1(b=5, a=4) }} {{ m1() }} {{ m1("x") | upper }} {% set r = m1(7) %}{{ r }} {{ r is string }}
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(3) }} {% set later = 5 %}{% macro g() %}{{ later }}{% endmacro %}{{ g() }}{% set later = 6 %}{{ g() }} {% for i in l %}{{ g() }}{% endfor %}
{% macro m2(a) %}{% endmacro %}{{ m2(1, 2) }}
{% macro m3(a) %}{% endmacro %}{{ m3(b=1) }}
{% with a = 1, b = x %}{{ a }}{{ b }}{% set c = 3 %}{{ c }}{% endwith %}{{ a is defined }}{{ c is defined }} {% with %}{% set q = 1 %}{{ q }}{% endwith %}{{ q is defined }}
{% generation %}gen {{ x }}{% set z = 1 %}{% endgeneration %}{{ z is defined }}
a {# comment #} b {#- comment -#} c {# two
lines #}
d
{% raw %}{{ not }} {% any %} {# thing #}{% endraw %} {%- raw -%}  x  {%- endraw -%} y
{{ {"a": {"b": {"c": 1}}}.a.b.c }} {{ {"a": 1}["a"] }} {{ {"k": "}}"}.k }} {{ "%}" }} {{ '{{' }} {{ [[1, 2], [3]][0][1] }} {{ ((1)) }} {{ () }} {{ (1, ) }} {{ {} }} {{ [] }} {{ [1, 2, ] }} {{ {"a": 1, } }}
{{ 1, 2 }} {{ s | upper | lower | title }} {{ (s | upper)[0] }} {{ s.split(" ")[0].lower() | capitalize }} {{ [s, u] | map("length") | list }} {{ "a" in ["a"] and "b" not in ["a"] }} {{ x == 7 and s == "Hello World" }}
{{ x if t }} {{ -1 }} {{- " tight" -}} end {{ loop is defined }} {{ true and 1 or 2 }} {{ True }} {{ None }} {{ none }}
{{ 5 if nothing else 6 }} {{ nothing is defined and nothing.more }} {{ nothing or "x" }} {{ d.b if d.b is defined else 0 }}
{% if true %}
  a
{% endif %}
  {% if true -%}
  b
  {%- endif +%}
c
{{ 1 }}
{{ 2 -}}
 {{ 3 }}
{% for i in l %}
  {{ i }}
{% endfor %}
{%+ if true %} d{% endif %}
  {#- x +#}
e
{% if %}{% endif %}
{% if true %}
{% endif %}{% endif %}
{% for %}{% endfor %}
{% nothing %}
{{ 1 + }}
{{ (1 }}
{{ "open }}
{{ a b }}
{% set %}
{% for i in l %}{{ i }}
{{ 1 | }}
{{ . }}
{% break %}
{% include "x" %}
{{ x.__class__ }}|
{{ 1 / 0 }}
{{ 5 % 0 }}
{{ 2.5 + 1 }} {{ 2.5 - 1 }} {{ 2.5 * 2 }} {{ 5 / 2.5 }} {{ 2.0 ** 3 }} {{ 7.5 % 2 }} {{ 7.5 % -2 }} {{ -7.5 % -2 }} {{ 6.0 % 2 }} {{ -7.5 // 2 }} {{ 1 - 0.5 }} {{ true + 1 }} {{ true * 2.5 }}
{{ 7 // -1 }} {{ 7 % -1 }} {{ 2 ** 0 }} {{ (-1) ** 99 }} {{ 1 ** 200 }} {{ 0 ** 100 }} {{ (-1) ** 100 }} {{ (-2) ** 3 }} {{ 7 // 7 }} {{ -6 // 3 }}
{{ 5 // 0 }}
{{ 5.5 / 0 }}
{{ 5 % 0.0 }}
{{ [1] + (2,) }}
{{ {} + {} }}
{{ "a" - 1 }}
{{ none * 2 }}
{{ [1] * "a" }}
{{ 2.5 * "a" }}
{{ [1] ** 2 }}
{{ "a" // 2 }}
{{ nothing * 2 }}
{{ 2 * nothing }}
{{ -s }}
{{ -nothing }}
{{ 2 * [1, 2] }} {{ [] * 5 }} {{ "" * 5 }} {{ "a" * -1 }} {{ (1, 2) * 2 }} {{ "a" * true }} {{ 2 * (1,) }} {{ -2.5 }} {{ -true }}
{{ {[1]: 2} }}
{{ l[nothing:] }}
{{ l["a":] }}
{{ nothing[1:] }}
{{ nothing < 1 }}
{{ 1 < nothing }}
{{ none < none }}
{{ {} < {} }}
{{ [1] in d }}
{{ d.get([1]) }}
{{ 1 > 0.5 }} {{ 1 >= 1 }} {{ 1.5 <= 1 }} {{ "a" <= "ab" }} {{ "b" > "ab" }} {{ "ab" >= "ab" }} {{ 2 != 2.0 }} {{ 0.5 == none }} {{ "a" != 1 }}
{{ [1] == (1,) }} {{ [1] == [1, 2] }} {{ [1] == [2] }} {{ {"a": 1} == {"b": 1} }} {{ {"a": [1]} == {"a": [2]} }} {{ {"a": 1} == [1] }} {{ l == d }} {{ none in [none] }} {{ [1] in [[1]] }} {{ 1.0 in [1] }} {{ l == l }} {{ 1 in [[1]] }} {{ {} == {} }}
{{ x | first }}
{{ x | last }}
{{ x | list }}
{{ x | reverse }}
{{ x | items | list }}
{{ x | join }}
{{ x | map("upper") | list }}
{{ l | map | list }}
{{ l | map(1) | list }}
{{ l | selectattr | list }}
{{ l | select(1) | list }}
{{ x | select | list }}
{{ x | reject | list }}
{{ x | sort }}
{{ x | unique | list }}
{{ x | max }}
{{ x | sum }}
{{ x | dictsort }}
{{ d | dictsort(by="other") }}
{{ d | dictsort(by=1) }}
{{ [1, "a"] | max }}
{{ ["a", 1] | min }}
{{ ["a"] | sum }}
{{ m | sum("r") }}
{{ m | selectattr("n", "gt", "a") | list }}
{{ m | selectattr("n", "nothing") | list }}
{{ l | select("gt") | list }}
{{ {"a": 1, "b": "c"} | dictsort(by="value") }}
{{ nothing | first }}|{{ nothing | last }}|{{ nothing | list }} {{ nothing | reverse | list }} {{ nothing | sum }} {{ nothing | join }}| {{ nothing | sort }} {{ nothing | items | list }} {{ nothing | max }}| {{ [] | min }}| {{ nothing | unique | list }} {{ nothing | map("upper") | list }} {{ nothing | select | list }}
{{ m | max(attribute="n") }} {{ m | min(attribute="c") }} {{ ["a", "B"] | max(case_sensitive=true) }} {{ ["a", "B"] | min(true) }} {{ [2, 1, 3] | min }} {{ [1, 3, 2] | max }} {{ [1, 1.0] | max }}
{{ [1.5, 2] | sum }} {{ [1] | sum(start=2.5) }} {{ [true, 2] | sum }} {{ m | sum(attribute="n", start=1) }} {{ [0.5] | sum(start=1) }}
{{ m | unique(attribute="r") | map(attribute="c") | list }} {{ ["a", "A"] | unique | list }} {{ ["a", "A", "a"] | unique(case_sensitive=true) | list }} {{ [1, 1.0, true, "1"] | unique | list }}
{{ m | sort(attribute="c", case_sensitive=true) | map(attribute="c") | join }} {{ m | join(",", attribute="zz") }} {{ [2, 1, 2.0] | sort(reverse=true) }} {{ [3, 1.5, true] | sort }} {{ m | map(attribute="r.x") | list | length }} {{ m | rejectattr("n", "eq", 2) | list | length }} {{ [[1, 2], [3, 4]] | map(attribute=1) | list }} {{ [[1, [5]], [3, [6]]] | map(attribute="1.0") | list }}
{{ range("a") }}
{{ range(1, 2, 0) }}
{{ range(1, 2, 3, 4) }}
{{ range() }}
{{ dict(1) }}
{{ dict({"a": 1}, {"b": 2}) }}
{{ namespace(1) }}
{{ raise_exception() }}
{{ strftime_now(1) }}
{{ strftime_now("%Y") | length }} {{ strftime_now("") }}| {{ strftime_now("%%") }} {{ range(0, 9223372036854775807, 9223372036854775807) | list }} {{ range(1, 9223372036854775807, 9223372036854775807) | list }} {{ range(5, 0) | list }} {{ range(-9223372036854775807, -9223372036854775807, -1) | list }} {{ dict() }} {{ dict({"a": 1}) }}
{{ s.strip(1) }}
{{ s.replace(1, "a") }}
{{ s.replace("a", 1) }}
{{ s.replace("a", "b", "c") }}
{{ s.removeprefix(1) }}
{{ s.removesuffix(1) }}
{{ s.startswith(("x", 1)) }}
{{ s.endswith([]) }}
{{ s.find(1) }}
{{ s.rfind(1) }}
{{ s.index(1) }}
{{ s.count(1) }}
{{ s.split(1) }}
{{ s.split(",", "a") }}
{{ s.rsplit(1) }}
{{ s.rsplit("") }}
{{ s.partition(1) }}
{{ s.partition("") }}
{{ s.rpartition("") }}
{{ "".join(1) }}
{{ "".join(["a", none]) }}
{{ "{} {}".format(1) }}
{{ "{a}".format(b=1) }}
{{ "{".format(1) }}
{{ "}".format(1) }}
{{ "{0}{}".format(1, 2) }}
{{ "{5}".format(1) }}
{{ s.upper(1) }}
{{ s.replace("a", "b", old="c") }}
{{ s | replace("a", "b", nothing=1) }}
{{ "a" | trim("b", chars="c") }}
{{ s | replace("a") }}
{{ "xaxax".replace("x", "", 0) }} {{ "xaxax".replace("x", "", 2) }} {{ "".replace("", "-") }} {{ "".replace("a", "-") }} {{ "aé".replace("", "-") }} {{ "日本".replace("本", "") }} {{ "\\u3000\\u00a0\\x85 ".isspace() }} {{ "\\u2003".isspace() }} {{ "a ".isspace() }} {{ "".isspace() }} {{ "".isalpha() }} {{ "".islower() }} {{ "aB".islower() }} {{ "Ab".isupper() }} {{ "é1".isalnum() }} {{ "a-".isalnum() }} {{ "a1".isalpha() }} {{ "²³¹".isdigit() }}
{{ "\\u3000x\\u2003".strip() }}| {{ "日日x日".strip("日") }} {{ "x\\u00a0\\u1680".rstrip() }}| {{ "".strip() }}| {{ "xx".strip("x") }}| {{ "xx".lstrip("x") }}| {{ "   ".rstrip() }}|
{{ "a b".split(none, -1) }} {{ "a,b,c".rsplit(",") }} {{ "a,b,c".rsplit(",", 0) }} {{ ",".split(",") }} {{ "aXbX".split("X", 1) }} {{ "aXbX".rsplit("X", 1) }} {{ "  ".rsplit() }} {{ "a b c".rsplit() }} {{ " x y ".rsplit(none, 5) }} {{ " x\\u3000y ".split() }} {{ "日 本".rsplit() }}
{{ "-".partition("-") }} {{ "-a".rpartition("-") }} {{ "".partition("-") }} {{ "".rpartition("x") }} {{ "a\\x0bb\\x0cc\\x1cd\\x1de\\x1ef\\x85g\\u2028h\\u2029i".splitlines() }} {{ "a\\r\\nb\\rc\\n".splitlines(true) }} {{ "a\\r".splitlines() }} {{ "\\n\\n".splitlines() }}
{{ "{}{{}}".format(1) }} {{ "{b}{a}".format(a=1, b="x") }} {{ "".format() }} {{ "{} {}".format([1], "a") }} {{ "abc".removeprefix("") }} {{ "abc".removeprefix("abcd") }} {{ "abc".removesuffix("bc") }} {{ "abc".endswith("abcd") }} {{ "abc".startswith("") }} {{ "abc".endswith(("x", "c")) }} {{ "abc".find("") }} {{ "abc".rfind("") }} {{ "éa".find("a") }} {{ "aéa".rfind("a") }} {{ "é".count("") }} {{ "".find("a") }}
{{ 1e300 * 1e300 }} {{ -1e300 * 1e300 }} {{ 1e300 * 1e300 - 1e300 * 1e300 }} {{ (1e300 * 1e300) | tojson }} {{ (-1e300 * 1e300) | tojson }} {{ (1e300 * 1e300 - 1e300 * 1e300) | tojson }} {{ 0.5 }} {{ 0.05 }} {{ 123.456 }} {{ 1e15 }} {{ 1e22 }} {{ 1e-4 }} {{ 2.5e-5 }} {{ -1.5e20 }} {{ -0.25 }} {{ 9007199254740993.0 }} {{ 0.0 }}
{{ ["\\u2028", "\\u00a0", "\\U000e0001", "it's", "\\"", "'\\"", "\\x01", "\\U0001F642"] }} {{ {"a'b": 1} }} {{ {1: 2, none: 3, true: 4, 1.5: 5} }}
{{ {1: 2, "a": 3} | tojson(sort_keys=true) }}
{{ {"ab": 1, "a": 2, "b": 0, "é": 4, "aa": 5} | tojson(sort_keys=true) }} {{ {1.5: 2, false: 1} | tojson }} {{ "\\x08\\x0b\\x0c\\t\\r\\n\\x1f\\\\/" | tojson }} {{ "\\x7f" | tojson(ensure_ascii=true) }} {{ "\\x7fé日" | tojson(ensure_ascii=true) }} {{ l | tojson(indent="--") }} {{ l | tojson(indent=-1) }} {{ d | tojson(indent=none) }} {{ {} | tojson(sort_keys=true) }} {{ "" | tojson }} {{ [[], [1, [2]]] | tojson(indent=1) }} {{ l | tojson(separators=none) }}
{{ l | tojson(separators=1) }}
{{ l | tojson(separators=(",",)) }}
{{ l | tojson(separators=("a", 1)) }}
{{ l | tojson(separators=(1, "a")) }}
{{ l | tojson(indent=1.5) }}
{{ namespace(a=1) | tojson }}
{{ [nothing] | tojson }}
{{ {"a": nothing} | tojson }}
{{ range | tojson }}
{{ "abc" | trim(1) }}
{{ 5 | trim }} {{ none | upper }} {{ x | capitalize }} {{ 12 | title }} {{ f | lower }} {{ 121 | replace(1, 3) }} {{ "aaa" | replace("a", "b", none) }} {{ 5 | e }} {{ "a" | indent("b", first=true) }} {{ "a\\nb" | indent(-1) }} {{ "a_b c1 é-x" | wordcount }} {{ "" | wordcount }} {{ true | string }} {{ "" | title }}| {{ "x(y" | title }} {{ "" | capitalize }}| {{ "" | e }}|
{{ "a" | replace("a", "b", "c") }}
{{ "a\\nb" | indent(none) }}
{{ "x" | abs }}
{{ none | abs }}
{{ true | abs }} {{ false | abs }} {{ 0 | abs }} {{ "1e2" | float }} {{ "" | float }} {{ "  " | int }} {{ "+5" | int }} {{ "-5" | int }} {{ "1e3" | int }} {{ "0x10" | int }} {{ l | int }} {{ l | float }} {{ "1.5.2" | float }} {{ "99999999999999999999" | int(5) > 0 }} {{ n | float(2.5) }} {{ 1e300 | float }} {{ true | float }} {{ "." | float }}
{{ 2.5 | round("a") }}
{{ 2.5 | round(method="x") }}
{{ 2.5 | round(method=1) }}
{{ "a" | round }}
{{ 2.555 | round(precision=2, method="ceil") }} {{ 7 | round(1, "floor") }} {{ -2.5 | round }} {{ -2.5 | round(method="ceil") }} {{ 1e20 | round(1) }} {{ 5 | default("a", false) }} {{ false | default(default_value="b", boolean=true) }} {{ 5 | safe }}
{{ f | length }}
{{ "a" is odd }}
{{ "a" is even }}
{{ 4 is divisibleby 0 }}
{{ 4 is divisibleby "a" }}
{{ 4 is divisibleby }}
{{ x is eq }}
{{ x is eq(1, 2) }}
{{ x is sameas }}
{{ 1 is lt "a" }}
{{ 1 is in 5 }}
{{ l is sameas l }} {{ [1] is sameas [1] }} {{ none is sameas false }} {{ s is sameas s }} {{ 5 is upper }} {{ "Ab" is upper }} {{ "aB" is lower }} {{ "1" is lower }} {{ -3 is odd }} {{ -4 is even }} {{ 4 is divisibleby(-1) }} {{ "" is upper }} {{ nothing is none }} {{ nothing is string }} {{ nothing is number }} {{ nothing is mapping }} {{ nothing is sequence }} {{ 1 is true }} {{ none is true }}
{{ l.index(9) }}
{{ [[1], none].index(none) }} {{ [].count(1) }} {{ ["a", "b", "a"].count("a") }} {{ (1, 2).index(2) }} {{ d.copy() == d }} {{ {}.items() | list }} {{ {}.keys() | list }} {{ d.get("b", none) }} {{ d.get(1) }} {{ d["get"]("b") }} {{ {"get": 1}["get"] }} {{ {"items": 1}["items"] }}
{{ s[1.5] }}| {{ l[1.5] }}| {{ l[true] }} {{ s[true] }} {{ s[-99] }}| {{ l[-4] }}| {{ ""[0] }}| {{ [][0] }}| {{ s[none] }}| {{ {1: "a"}[1.0] }} {{ {none: "b"}[none] }} {{ d[[1]] }}| {{ x.y }}| {{ none.y }}| {{ "abc"[-1:] }} {{ "abc"[10:] }}| {{ "abc"[:-10] }}| {{ "abc"[::-2] }} {{ (1, 2, 3)[::-1] }} {{ [1, 2, 3][5::-1] }} {{ [1, 2, 3][-9:2] }} {{ [][::-1] }} {{ ""[::-1] }}| {{ "日本語"[1] }} {{ "日本語"[1:2] }} {{ "日本語"[::2] }} {{ l[::99] }} {{ l[::-99] }} {{ l[1:none] }} {{ l[true:] }}
{% for i in l %}{{ loop.nothing is defined }}{{ loop["index"] }}{% break %}{% endfor %}
{% for i in l %}{{ loop.cycle() }}{% endfor %}
{% for i in [1, 1, 2] %}{{ loop.changed(i) }}{{ loop.changed(1, "a") }} {% endfor %} {% for i in [[1], [1], {}] %}{{ loop.changed(i) }}{% endfor %} {% for i in l %}{{ loop.cycle(i) }}{{ loop.depth0 }}{{ loop.previtem is defined }}{{ loop.nextitem is defined }}{% endfor %}
{% set a, b = [1] %}
{% set a, b = [1, 2, 3] %}
{% set a, b = x %}
{% set a.b = 1 %}
{% for i in none %}{% endfor %}
{% for a, b in [[1]] %}{% endfor %}
{% filter nothing %}x{% endfilter %}
{% macro m4(a) %}{{ a }}{% endmacro %}{{ m4(1, a=2) }}
{% macro m5(a=1 / 0) %}{{ a }}{% endmacro %}{{ m5(1) }}{{ m5() }}
{% macro m6(a) %}{{ 1 / 0 }}{% endmacro %}{{ m6(1) }}
{% with a = 1 / 0 %}{% endwith %}
{% with a, b = 1 %}{% endwith %}
{% if 1 / 0 %}{% endif %}
{% if n %}{% elif 1 / 0 %}{% endif %}
{% for i in [1 / 0] %}{% endfor %}
{% for i in l if 1 / 0 %}{% endfor %}
{% for i in l if i > "a" %}{% endfor %}
{% for i in l %}{{ 1 / 0 }}{% endfor %}
{% for i in e %}{% else %}{{ 1 / 0 }}{% endfor %}
{% set a = 1 / 0 %}
{% set a %}{{ 1 / 0 }}{% endset %}
{% set a | nothing %}{% endset %}
{% filter upper %}{{ 1 / 0 }}{% endfilter %}
{% if t %}{{ 1 / 0 }}{% endif %}
{{ [1, 1 / 0] }}
{{ (1, 1 / 0) }}
{{ {"a": 1 / 0} }}
{{ {1 / 0: 1} }}
{{ (1 / 0)[1] }}
{{ l[1 / 0] }}
{{ l[1 / 0:] }}
{{ l[:1 / 0] }}
{{ l[::1 / 0] }}
{{ (1 / 0)[:1] }}
{{ 1 / 0 ~ 1 }}
{{ 1 ~ 1 / 0 }}
{{ 1 < 1 / 0 }}
{{ 1 / 0 < 1 }}
{{ 1 < 2 < 1 / 0 }}
{{ 1 / 0 and 1 }}
{{ t and 1 / 0 }}
{{ n or 1 / 0 }}
{{ not 1 / 0 }}
{{ -(1 / 0) }}
{{ +(1 / 0) }}
{{ 1 if 1 / 0 else 2 }}
{{ 1 / 0 if t }}
{{ 1 if n else 1 / 0 }}
{{ (1 / 0) | upper }}
{{ s | replace(1 / 0, "a") }}
{{ s | replace("a", new=1 / 0) }}
{{ x is eq(1 / 0) }}
{{ (1 / 0) is eq 1 }}
{{ s.replace("a", 1 / 0) }}
{{ (1 / 0)(1) }}
{{ dict(a=1 / 0) }}
{{ (1 / 0).a }}
{{ 1 + 1 / 0 }}
{{ 1 / 0 + 1 }}
{{ 5 | indent }}
{{ nothing | indent }}
{{ [1] | indent(2) }}
{{ 0 ** -1 }}
{{ 0.0 ** -2.5 }}
{{ nothing | int }}
{{ nothing | float(1) }}
{{ nothing | dictsort }}
{{ true | round }} {{ false | round(1) }} {{ 2 | round(2) }} {{ 0 ** 0 }} {{ 0.0 ** 0 }} {{ (-8.0) ** 2 }} {{ (-8.0) ** -3 }} {{ nothing is callable }} {{ "" | indent }}| {{ e | dictsort if d is string else d | dictsort | length }}
{{ lines | indent(2) }}|{{ lines[::-1] | indent }}|{{ "a\\r" | indent(1, true) }}|{{ "a\\x0bb\\u2028é\\x85c\\n\\r\\nd\\r\\r" | indent(1, true) }}|{{ "\\n" | indent(1, true, true) }}|{{ "\\r" | indent(1, true, true) }}|{{ "" | indent(1, true) }}|
{{ n and 1 / 0 }} {{ t or 1 / 0 }} {{ 1 if t else 1 / 0 }} {{ 1 / 0 if n else 2 }} {{ 2 < 1 < 1 / 0 }}
{{ "\\x4" }}
{{ "\\u12" }}
{{ "\\U0012" }}
{{ "\\U00110000" }}
{{ "\\xZZ" }}
{{ "\\8\\9\\e" }}|{{ "\\0" }}|{{ "\\12" }}|{{ "\\7" }}|{{ '\\'"' }}|{{ "\\x4a\\x4A\\u00e9\\U0001f642" }}|{{ "\\a\\b\\f\\v" | tojson }}|{{ "\\\\" }}|{{ "\\\\n" }}
{{ 1.5e+3 }} {{ 1E2 }} {{ 1e-3 }} {{ 1_0.5_0 }} {{ 12_345 }} {{ 0 }} {{ 0.0e0 }} {{ 9223372036854775807 }} {{ -9223372036854775807 }} {{ 1.50 }} {{ 1e+0 }}
{{ 1e }}
{{ 1e+ }}
{{ 1. }}
{{ 1__0 }}
{{ 1_ }}
{{ ) }}
{{ (] }}
{{ [1, 2 }}
{{ {"a" 1} }}
{{ {"a":} }}
{{ {1, 2} }}
{{ ! }}
{{ $ }}
{{ a = 1 }}
{{ 1 1 }}
{{ a. }}
{{ l[ }}
{{ dict(a=1, 2) }}
{{ dict(a=1, a=2) }}
{{ dict(a=1, b=2, a=2) }}
{% for i in l %}{% continue %}{% else %}none{% endfor %} {% for i in l %}{% break %}{% else %}none{% endfor %} {% for i in l %}{{ i }}{% if i == 1 %}{% break %}{% endif %}{% else %}none{% endfor %}
{% for i in l %}{% break %}{% else %}{{ 1 / 0 }}{% endfor %}
{{ dict(1=2) }}
{{ dict(,) }}
{{ x is }}
{{ x is not }}
{{ x is 5 }}
{{ x | 5 }}
{{ x not }}
{{ x not 5 }}
{{ not }}
{{ x if }}
{{ x if t else }}
{{ x ~ }}
{{ x and }}
{{ x or }}
{{ x in }}
{{ x not in }}
{{ x < }}
{{ 2 ** }}
{{ 2 * }}
{{ - }}
{{ x[1:2:3:4] }}
{{ [1,,2] }}
{{ (,) }}
{{ {,} }}
{{ {"a": 1,,} }}
{{ "a" "b }}
{{ x | replace("a" }}
{{ x }
{{ x %}
{% %}
{% if t }}
{% for i l %}{% endfor %}
{% for in l %}{% endfor %}
{% for i in %}{% endfor %}
{% for 5 in l %}{% endfor %}
{% for i, in l %}{% endfor %}
{% for i in l if %}{% endfor %}
{% for i in l x %}{% endfor %}
{% set 5 = 1 %}
{% set x %}
{% set x = %}
{% set x 5 %}
{% set a. = 1 %}
{% set a.b %}{% endset %}
{% macro %}{% endmacro %}
{% macro f %}{% endmacro %}
{% macro f( %}{% endmacro %}
{% macro f(5) %}{% endmacro %}
{% macro f(a=) %}{% endmacro %}
{% macro f(a b) %}{% endmacro %}
{% macro f(a=1, b) %}{% endmacro %}
{% macro f(a) %}
{% else %}
{% elif t %}
{% endfor %}
{% endif %}
{% endmacro %}
{% with a %}{% endwith %}
{% with 5 = 1 %}{% endwith %}
{% with a = %}{% endwith %}
{% with a = 1 %}
{% filter %}{% endfilter %}
{% filter 5 %}{% endfilter %}
{% filter upper %}
{% filter upper | %}{% endfilter %}
{% continue %}
{% if t %}{% for i in l %}{% endif %}{% endfor %}
{% for i in l %}{% else %}{% else %}{% endfor %}
{% if t %}{% else %}{% else %}{% endif %}
{% if t %}{% else %}{% elif t %}{% endif %}
{% if t %}{% endif x %}
{% generation %}
{% generation x %}{% endgeneration %}
{# open
{% raw %} open
{% raw x %}{% endraw %}
{{
{%
a {{ x
{% import "x" as y %}
{% extends "x" %}
{% do x %}
{% 5 %}
{% "a" %}
{{x}}{{-x-}}{{ x   }}{%set a=1%}{{a}} {{ ([1, 2] | length) > 1 and not (x is none) }} {% for q in l -%} a {%- endfor %} {{ l[-1:][0] }} {{ {"a":{"b":1}}["a"]["b"] }} {{ x is not none and x is number }} {{ "a" if x is number and not n else "b" }} {{ {x: x} }} {{ {1.5: 1, "a": 2,} }}
{{ '{%' }} {{ "#}" }} {{ x|string|length }} {{ l|join(","~" ") }} {{ "a" ~ "b" | upper }} {{ 1 + 2 | string | int }} {{ -1 | abs }} {{ 2 ** 2 ** 0 }} {{ not 1 == 2 }} {{ 1 == 1 == 1 }} {{ 1 < 2 == true }} {{ (1 < 2) == true }} {{ 2 - -1 }} {{ 2 -1 }} {{ 7 - 2 * 3 }} {{ 7 // 2 * 2 }} {{ 7 % 4 ** 2 }} {{ -2 ** 2 }} {{ (-2) ** 2 }} {{ 1 if 0 else 2 if 0 else 3 }} {{ n or 0 or "z" and "y" }}
{%- set  a  =  [ 1 , 2 , 3 ]  -%} {{ a [ 1 ] }} {{ a[ 0 : 2 ] }} {{ a . index( 2 ) }} {{ a | join ( "-" ) }} {%- if a [ 0 ] == 1 -%} y {%- else -%} n {%- endif -%}
{% for i in range(3) %}{% set outer = loop %}{% for j in range(2) %}{{ outer.index }}{{ loop.index }}{{ loop.last }} {% endfor %}{% endfor %} {% for i in [] %}{% endfor %} {% for a, b in [[1, 2], (3, 4)] %}{{ a + b }} {% endfor %} {% for k, (a, b) in {"x": 1}.items() | map("list") | list or [["q", [5, 6]]] if k == "q" %}{{ a }}{% endfor %}|
{% for (a, b) in [(1, 2)] %}{{ a }}{{ b }}{% endfor %} {% set (p, q) = (3, 4) %}{{ p }}{{ q }} {% for c in "ab" if c != "a" %}{{ c }}{{ loop.first }}{% endfor %} {% with p = p + 1 %}{{ p }}{% endwith %}{{ p }} {% macro none_given(a, b=none) %}{{ a is defined }}{{ b is none }}{% endmacro %}{{ none_given() }} {{ none_given(1, 2) }} {% macro nested(a) %}{% macro inner(b) %}{{ a }}{{ b }}{% endmacro %}{{ inner(2) }}{% endmacro %}{{ nested(1) }}
{% for i in [1, 2, 3] %}{% if loop.first %}{% continue %}{% endif %}{{ i }}{% if i == 2 %}{% break %}{% endif %}{% else %}never{% endfor %} {% for i in [] %}x{% else %}{% for j in l %}{{ j }}{% endfor %}{% endfor %} {% set ns2 = namespace(a=1) %}{% for i in l %}{% if i > ns2.a %}{% set ns2.a = i %}{% endif %}{% endfor %}{{ ns2.a }} {% set t2 %}{% for i in l %}{{ i }},{% endfor %}{% endset %}{{ t2 | trim(",") }} {% if x is defined and x > 3 and s %}{% if not n %}deep{% endif %}{% endif %}
""".strip("\n")


def pieces():
    """A piece is a line, or several where a tag or a text goes on over the line's end or a control block is open."""
    merged = []
    for line in PIECES.split("\n"):
        if merged and merged[-1].endswith(("{{ \"line", "cont\\", "{# two", "lines #}")):
            merged[-1] += "\n" + line
        elif merged and "{{ 'it\\'s' }}" in merged[-1] and not merged[-1].rstrip().endswith("}}"):
            merged[-1] += "\n" + line
        else:
            merged.append(line)
    begin = next(i for i, line in enumerate(merged) if line == "{% if true %}" and merged[i + 1] == "  a")
    end = merged.index("{% if %}{% endif %}")
    broken = next(i for i, line in enumerate(merged) if i > end and line == "{% if true %}")
    merged[broken:broken + 2] = ["\n".join(merged[broken:broken + 2])]
    merged[begin:end] = ["\n".join(merged[begin:end])]
    return merged


def random_template(rng):
    """Text, white space and tags in any order; what is open is closed at the end."""
    out, opened = [], []
    for _ in range(rng.randint(3, 14)):
        kind = rng.choice(["text"] * 6 + ["var"] * 3 + ["comment", "set", "if", "for", "end", "end", "raw"])
        left, right = rng.choice(["", "", "", "-", "-", "+"]), rng.choice(["", "", "", "-", "-", "+"])
        if kind == "text":
            out.append(rng.choice(["a", "b ", " c", "\n", "\n\n", "  ", "\t", " \n ", "\r\n", "d\n", "\n e", "\u00a0", "x\u2003", ""]))
        elif kind == "var":
            out.append("{{" + left + rng.choice([" x ", " s[0]", "'q' ", "\n1\n"]) + right.replace("+", "") + "}}")
        elif kind == "comment":
            out.append("{#" + left + rng.choice([" note ", "\n", "", "{{ x }}"]) + right + "#}")
        elif kind == "set":
            out.append("{%" + left + " set v = 1 " + right + "%}")
        elif kind == "raw":
            out.append("{%" + left + " raw " + right.replace("+", "") + "%}" + rng.choice([" {{ r }} ", "\n{% k %}\n"]) + "{%" + right + " endraw " + left + "%}")
        elif kind == "if":
            out.append("{%" + left + " if t " + right + "%}")
            opened.append("endif")
        elif kind == "for":
            out.append("{%" + left + " for i in [1, 2] " + right + "%}")
            opened.append("endfor")
        elif opened:
            out.append("{%" + left + " " + opened.pop() + " " + right + "%}")
    while opened:
        out.append("{% " + opened.pop() + " %}")
    return "".join(out)


def rendered(template, **variables):
    try:
        return ENV.from_string(template).render(**variables)
    except Exception:  # noqa: BLE001: whatever stops jinja2 must stop us
        return None


def main():
    chats = []
    for name, template in TEMPLATES.items():
        cases = []
        for talk in TALKS:
            for variables, other in VARIABLES[:1] + (VARIABLES[1:] if talk in TALKS[:2] else []):
                for prompt in (True, False):
                    messages = other or talk
                    text = rendered(template, **{"messages": messages, "tools": None, "documents": None,
                                                 "add_generation_prompt": prompt, **TOKENS, **variables})
                    cases.append({"messages": messages, "add_generation_prompt": prompt, "variables": variables, "text": text})
        chats.append({"name": name, "template": template, "cases": cases})
    snippets = [{"template": piece, "text": rendered(piece, **DATA)} for piece in pieces()]
    rng = random.Random(SEED)
    blanks = [random_template(rng) for _ in range(RANDOM)]
    spaces = [{"template": t, "text": rendered(t, **DATA)} for t in blanks]
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests", "data", "chat-templates.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump({"jinja2": jinja2.__version__, "tokens": TOKENS, "data": DATA, "chats": chats, "snippets": snippets, "spaces": spaces}, f,
                  ensure_ascii=False, indent=0)
        f.write("\n")
    print(len(chats), "templates,", sum(len(c["cases"]) for c in chats), "conversations,", len(snippets), "pieces,",
          sum(s["text"] is None for s in snippets), "of them refused,", len(spaces), "with white space,",
          sum(s["text"] is None for s in spaces), "refused")


main()
