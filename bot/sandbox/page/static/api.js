/** @file The server: JSON in, JSON out, and one stream of events. */

/** What the server refused, as a sentence for the person. */
export class ApiError extends Error {}

const LOST = "The sandbox does not answer. Is it still running?";

async function call(path, init) {
  let answer;
  try {
    answer = await fetch(path, init);
  } catch {
    throw new ApiError(LOST);
  }
  const body = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(body.error ?? `The sandbox answered ${answer.status}.`);
  return body;
}

/**
 * @param {string} path
 * @param {Record<string, any>} [query]
 * @returns {Promise<any>}
 */
export function get(path, query = {}) {
  const known = Object.entries(query).filter(([, value]) => value !== undefined && value !== null);
  const search = new URLSearchParams(known);
  return call(known.length ? `${path}?${search}` : path);
}

/**
 * @param {string} path
 * @param {object} body
 * @returns {Promise<any>}
 */
export function post(path, body) {
  return call(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
}

const EVENTS = ["message", "gone", "views", "home", "unread", "aws", "call", "payload", "bot", "clock", "tour", "reload"];

/**
 * Listens as one person. The browser reconnects by itself and asks for what it missed; where it gives up for good
 * (the server was away with an error), this tries again.
 * @param {string} as
 * @param {number} after the last event that is known already
 * @param {(name: string, data: any) => void} tell
 * @param {(isUp: boolean) => void} connected
 * @returns {() => void} stops listening
 */
export function listen(as, after, tell, connected) {
  let source;
  let timer;
  let last = after;
  const open = () => {
    source = new EventSource(`/api/events?${new URLSearchParams({ as, after: String(last) })}`);
    source.onopen = () => connected(true);
    source.onerror = () => {
      connected(false);
      if (source.readyState === EventSource.CLOSED) timer = setTimeout(open, 2000);
    };
    for (const name of EVENTS) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        tell(name, JSON.parse(event.data || "{}"));
      });
    }
  };
  open();
  return () => {
    clearTimeout(timer);
    source.close();
  };
}
