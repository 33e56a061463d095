"""Conversations and chat templates of the kinds in use, that both sides render."""

from __future__ import annotations

from typing import Any

TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
IMAGE, QUESTION = {"type": "image"}, {"type": "text", "text": "What is <b>in</b> it? \n Größe: 'n' & \"m\" 🙂"}
CONVERSATIONS: dict[str, list[dict[str, Any]]] = {
    "question": [{"role": "user", "content": [IMAGE, QUESTION]}],
    "words first": [{"role": "user", "content": [QUESTION, IMAGE, {"type": "text", "text": ""}]}],
    "turns": [
        {"role": "system", "content": [{"type": "text", "text": " Be brief. "}]},
        {"role": "user", "content": [IMAGE, QUESTION]},
        {"role": "assistant", "content": [{"type": "text", "text": "A boat."}]},
        {"role": "user", "content": [{"type": "text", "text": "How many?"}]},
    ],
    "plain": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "  one\n"},
        {"role": "assistant", "content": "two"},
        {"role": "user", "content": "{{ three }} {% raw %}"},
    ],
}
PARTS = (
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}<image>{% elif part['type'] == 'text' %}"
    "{{ part['text'] }}{% endif %}{% endfor %}"
)
CONTENT = "{% if message['content'] is string %}{{ message['content'] }}{% else %}" + PARTS + "{% endif %}"
TEMPLATES = {
    "colons": "<|im_start|>{% for message in messages %}{{ message['role'] | capitalize }}{% if message['content'] is "
    "string or message['content'][0]['type'] != 'image' %}{{ ': ' }}{% else %}{{ ':' }}{% endif %}" + CONTENT
    + "<end_of_utterance>\n{% endfor %}{% if add_generation_prompt %}{{ 'Assistant:' }}{% endif %}",
    "chatml": "{% for message in messages %}\n"
    "    {{- '<|im_start|>' + message.role + '\\n' }}" + CONTENT + "{{ '<|im_end|>\\n' }}\n"
    "{% endfor %}\n{% if add_generation_prompt %}\n{{ '<|im_start|>assistant\\n' }}\n{% endif %}\n",
    "headers": "{%- set ns = namespace(n=0) -%}"
    "{{ bos_token }}{%- for message in messages -%}{%- set ns.n = ns.n + 1 -%}"
    "<|start_header_id|>{{ message['role'] }}<|end_header_id|>\n\n" + CONTENT + "<|eot_id|>{%- endfor -%}{{ ns.n }}"
    "{%- if add_generation_prompt -%}<|start_header_id|>assistant<|end_header_id|>\n\n{%- endif -%}",
    "turns": "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% else %}"
    "{% set rest = messages %}{% endif %}{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % "
    "2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% set role = 'model' if message.role == "
    "'assistant' else message.role %}{{ '<start_of_turn>' ~ role ~ '\\n' }}" + CONTENT + "{{ '<end_of_turn>\\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\\n' }}{% endif %}",
    "macro": "{% macro said(message) %}{% if message.content is string %}{{ message.content | trim }}{% else %}"
    "{{ message.content | selectattr('type', 'equalto', 'text') | map(attribute='text') | join(' ') | trim }}"
    "{% endif %}{% endmacro %}{% for message in messages if message.role != 'system' %}[{{ loop.index }}/"
    "{{ loop.length }}{{ '*' if loop.last }}] {{ message.role | upper }}: {{ said(message) }}{{ eos_token }}"
    "{% endfor %}",
    "json": "{{ messages | tojson }}{{ messages[-1].content | length }}{% for k, v in messages[0].items() %}{{ k }}"
    "{% endfor %}{{ messages | map(attribute='role') | list | tojson(indent=2) }}",
    "loops": "{% for message in messages %}{% if message.role == 'assistant' %}{% continue %}{% endif %}{% if "
    "loop.index0 > 2 %}{% break %}{% endif %}{% generation %}{{ message.role.upper().replace('U', '(u)') }}"
    "{% endgeneration %}{{ tools is defined and tools is not none }}{{ missing | default('-') }}{% endfor %}",
    "texts": "{% for message in messages %}{% set text %}" + CONTENT + "{% endset %}{{ text.strip().split('\\n')[-1] }}"
    "{{ text.startswith(' ') }}{{ text[::-1][:5] }}{{ '%' }}{{ range(3) | list }}{{ 7 // 2 * 3 - 1 }}{% endfor %}",
}  # fmt: skip
"""By the way in which they are written."""
