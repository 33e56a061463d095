// The API key of this tab: asked for when the server wants one, forgotten when the tab is closed.

const NAME = "visionfleet-api-key";
let key = read();
let asking = null;
let ask = null;

/** The headers that carry the key; none while there is none. */
export function keyHeaders() {
  return key ? { Authorization: `Bearer ${key}` } : {};
}

/** Whether a key is in use, for what is shown as code: the key itself is never shown. */
export function hasKey() {
  return key !== "";
}

/** @param {(wrong: boolean) => Promise<string>} how asks the person; `wrong` when the last key did not do */
export function onKeyNeeded(how) {
  ask = how;
}

/** Waits while the person is being asked, so that nothing is sent meanwhile. */
export async function keyReady() {
  if (asking) await asking;
}

/** After a 401 to a request with these headers: another key, asked for once however many requests failed. */
export async function anotherKey(used) {
  if (used.Authorization !== keyHeaders().Authorization) return;
  asking ??= ask(key !== "").then((given) => {
    key = given.trim();
    write(key);
    asking = null;
  });
  await asking;
}

function read() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return ""; // storage may be switched off
  }
}

function write(value) {
  try {
    sessionStorage.setItem(NAME, value);
  } catch {
    // then the key lasts until the page is loaded again
  }
}
