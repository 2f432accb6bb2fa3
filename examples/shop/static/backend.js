// The shop's own backend, and one request to the payments API. All of these calls can be sent again safely.

const CART = `/api${window.location.pathname}`; // the page is /carts/{id}
// The payments API, for which the backend has named the cart as here.
const SERVICE = `${document.querySelector("meta[name=payments-api]").content}/v1${window.location.pathname}`;
const PATIENCE_MS = 30_000; // longer than the backend waits for the payments API

export class Refusal extends Error {
  constructor(code, isTemporary) {
    super(code);
    this.code = code;
    this.isTemporary = isTemporary;
  }
}

export const readCart = ({ isSync = false } = {}) => call("GET", isSync ? `${CART}?sync=true` : CART);
export const changeCart = (quantities, channel) => call("PATCH", CART, { quantities, channel });
export const startPayment = (version, channel) => call("POST", `${CART}/payment`, { version, channel });
export const createCheckoutToken = () => call("POST", `${CART}/checkout-token`);

/** Confirm at what the shopper saw; the same request sent again is the same attempt. */
export const confirmAtService = (token, seen) =>
  call("POST", `${SERVICE}/payment-intent/confirm`, seen, { Authorization: `Bearer ${token}` });

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

async function call(method, path, body, more = {}) {
  const headers = body ? { "Content-Type": "application/json", ...more } : more;
  const request = { method, headers, body: body && JSON.stringify(body), signal: AbortSignal.timeout(PATIENCE_MS) };
  const answer = await fetch(path, request).catch(() => null);
  const content = await answer?.json().catch(() => null);
  if (answer?.ok && content) return content;
  const isTemporary = !answer || answer.ok || [429, 502, 503, 504].includes(answer.status);
  throw new Refusal(content?.code ?? "no_answer", isTemporary);
}
