// The shop's own backend. All of its calls can be sent again safely.

const CART = `/api${window.location.pathname}`; // the page is /carts/{id}
const PATIENCE_MS = 30_000; // longer than the backend waits for the payments API

export class Refusal extends Error {
  constructor(code, isTemporary) {
    super(code);
    this.code = code;
    this.isTemporary = isTemporary;
  }
}

export const readCart = () => call("GET", CART);
export const changeCart = (quantities) => call("PATCH", CART, { quantities });
export const startPayment = (version) => call("POST", `${CART}/payment`, { version });

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Retry a call until it gets a final answer, `tries` times at most. */
export async function patiently(send, onWait, tries = Infinity) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await send();
    } catch (refusal) {
      if (!refusal.isTemporary || tried >= tries) throw refusal;
      onWait();
      await sleep(Math.min(1000 * tried, 5000));
    }
  }
}

async function call(method, path, body) {
  const headers = body ? { "Content-Type": "application/json" } : {};
  const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) };
  const answer = await fetch(path, request).catch(() => null);
  const content = await answer?.json().catch(() => null);
  if (answer?.ok && content) return content;
  const isTemporary = !answer || answer.ok || [429, 502, 503, 504].includes(answer.status);
  throw new Refusal(content?.code ?? "no_answer", isTemporary);
}
