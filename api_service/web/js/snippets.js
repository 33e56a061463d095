// The request on screen, as a command and as programs.

import { address } from "./api.js";
import { hasKey } from "./key.js";
import { requestOf, routeOf } from "./runner.js";

/** curl with the picture read by the shell; the body goes through stdin because a picture is longer than a command line may be. */
export function curl(state) {
  const url = address(routeOf(state));
  const body = JSON.stringify(requestOf(state, ""), null, 2);
  const image = `"value": "$(base64 < ${shellQuoted(fileOf(state))} | tr -d '\\n')"`;
  // In a here-document the shell expands \, $ and `; a label must not.
  const safe = body.replace(/[\\$`]/g, "\\$&").replace('"value": ""', () => image);
  const key = hasKey() ? ' \\\n  -H "Authorization: Bearer $VISIONFLEET_API_KEY"' : "";
  return `curl -sS ${shellQuoted(url)}${key} \\\n  -H 'Content-Type: application/json' \\\n  --data-binary @- <<END_OF_JSON\n${safe}\nEND_OF_JSON\n`;
}

/** Python with requests. */
export function pythonRequests(state) {
  const url = address(routeOf(state));
  const { model_id: model, image: _image, ...options } = requestOf(state, "");
  const lines = Object.entries(options).map(([name, value]) => `        ${python(name)}: ${python(value)},\n`);
  const os = hasKey() ? "import os\n" : "";
  const key = hasKey() ? `    headers={"Authorization": f"Bearer {os.environ['VISIONFLEET_API_KEY']}"},\n` : "";
  return `import base64
${os}from pathlib import Path

import requests

image = base64.b64encode(Path(${python(fileOf(state))}).read_bytes()).decode()
response = requests.post(
    ${python(url)},
    json={
        "model_id": ${python(model)},
        "image": {"type": "base64", "value": image},
${lines.join("")}    },
${key}    timeout=60,
)
response.raise_for_status()
print(response.json()["predictions"])
`;
}

/** Python with our own SDK. */
export function pythonClient(state) {
  const { model_id: model, image: _image, ...options } = requestOf(state, "");
  const lines = Object.entries(options).map(([name, value]) => `    ${name}=${python(value)},\n`);
  return `import visionfleet

client = visionfleet.Client(${python(address(""))})
result = client.infer(
    ${python(fileOf(state))},
    model=${python(model)},
${lines.join("")})
print(result.predictions)
`;
}

function fileOf({ picture }) {
  return picture?.name ?? "photo.jpg";
}

function shellQuoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

// JSON's strings and numbers are Python's too.
function python(value) {
  if (Array.isArray(value)) return `[${value.map(python).join(", ")}]`;
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  return JSON.stringify(value);
}
