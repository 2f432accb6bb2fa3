// The ways to pay, each with Stripe.js as Stripe's guides use it. Each way has:
//   label      what the page calls it
//   channel    what the backend opens at Stripe for the cart; opening one ends what another had open
//   show       shows the form, or brings it up to date with the backend's answer; true if it is a new form
//   confirm    pays: returns { status } or { error, status } in Stripe's words, or never, when the page is left

import { confirmAtService, createCheckoutToken, patiently } from "./backend.js";

const key = document.querySelector("meta[name=stripe-publishable-key]").content;
export const isTest = key.startsWith("pk_test_");
export const stripe = window.Stripe?.(key);

const params = new URLSearchParams(window.location.search);
const RETURN = new URL(window.location.pathname, window.location.origin); // its query is below

const FORM = "#form";
const CONFIRM_TRIES = 3; // the same request is the same attempt
let mounted = null; // the client secret that the form is for
let form, elements, actions;

/** Whether the form has to be made anew, for another client secret. */
function isNew(clientSecret) {
  if (clientSecret === mounted) return false;
  mounted = clientSecret;
  return true;
}

function mount(element) {
  form?.destroy();
  form = element;
  form.mount(FORM);
}

const left = () => new Promise(() => {}); // the browser is on its way to another page

const paymentElement = {
  label: "Payment Element",
  channel: "payment_intent",

  async show({ client_secret: clientSecret }) {
    if (!isNew(clientSecret)) {
      await elements.fetchUpdates(); // the backend has changed the amount
      return false;
    }
    elements = stripe.elements({ clientSecret });
    mount(elements.create("payment"));
    return true;
  },

  async confirm() {
    const { error } = await stripe.confirmPayment({ elements, confirmParams: { return_url: RETURN.href } });
    return { error, status: error.payment_intent?.status }; // without an error, the shopper is at return_url now
  },
};

const cardElement = {
  label: "Card Element",
  channel: "payment_intent",

  async show() {
    if (!isNew("card")) return false;
    elements = stripe.elements();
    mount(elements.create("card", { hidePostalCode: true, style: { base: { fontSize: "16px" } } }));
    return true;
  },

  async confirm({ client_secret: clientSecret }) {
    const { paymentIntent, error } = await stripe.confirmCardPayment(clientSecret, { payment_method: { card: form } });
    // Another tab may have paid already: that is an error here, about a payment that has succeeded.
    return { error, status: (paymentIntent ?? error.payment_intent)?.status };
  },
};

/** The service confirms, and only at the price that the page shows. The page needs no client secret for that. */
const confirmByService = {
  label: "Confirmed by the service",
  channel: "payment_intent",
  isCheckedByService: true,

  async show({ cart: { total: amount, currency } }) {
    if (!isNew("deferred")) {
      elements.update({ amount });
      return false;
    }
    elements = stripe.elements({ mode: "payment", amount, currency, captureMethod: "automatic_async" });
    mount(elements.create("payment"));
    return true;
  },

  async confirm({ cart }) {
    const { error } = await elements.submit();
    if (error) return { error };
    const made = await stripe.createConfirmationToken({ elements, params: { return_url: RETURN.href } });
    if (made.error) return { error: made.error };
    const seen = { amount: cart.total, cart_version: cart.version };
    const request = { ...seen, confirmation_token: made.confirmationToken.id, return_url: RETURN.href };
    const { token } = await createCheckoutToken();
    const confirmed = await patiently(() => confirmAtService(token, request), () => {}, CONFIRM_TRIES);
    if (confirmed.status !== "requires_action") return { status: confirmed.status };
    const next = await stripe.handleNextAction({ clientSecret: confirmed.client_secret });
    return { error: next.error, status: (next.paymentIntent ?? next.error.payment_intent)?.status };
  },
};

const checkoutElements = {
  label: "Checkout Session",
  channel: "elements",

  async show({ client_secret: clientSecret }) {
    if (!isNew(clientSecret)) {
      await actions.runServerUpdate(async () => {}); // the backend has changed the items
      return false;
    }
    const checkout = stripe.initCheckoutElementsSdk({ clientSecret });
    mount(checkout.createPaymentElement());
    ({ actions } = await checkout.loadActions());
    document.getElementById("email-field").hidden = false; // a session needs it
    document.getElementById("email").required = true;
    return true;
  },

  async confirm() {
    const { error } = await actions.confirm({ email: document.getElementById("email").value });
    // Without an error, the shopper is at the session's return_url now.
    return { error, status: error.code === "paymentFailed" ? "requires_payment_method" : undefined };
  },
};

const checkoutPage = {
  label: "Stripe's page",
  channel: "hosted_page",

  async show() {
    document.querySelector(FORM).textContent = "You pay on a page of Stripe's, and come back here.";
    return false;
  },

  confirm({ url }) {
    window.location.assign(url);
    return left();
  },
};

export const WAYS = {
  "payment-element": paymentElement,
  "card-element": cardElement,
  "confirm": confirmByService,
  "checkout-elements": checkoutElements,
  "checkout-page": checkoutPage,
};

const chosen = params.get("with");
export const chosenName = Object.hasOwn(WAYS, chosen ?? "") ? chosen : "payment-element";
export const way = WAYS[chosenName];
RETURN.search = new URLSearchParams({ with: chosenName, returned: "yes" });

/**
 * Whether a bank or Stripe has sent the shopper back here. What it added to the address is taken away, unread: it has
 * a client secret, and says what anybody can write there. Only the backend knows how the payment stands.
 */
export function isReturned() {
  if (!params.has("returned")) return false;
  window.history.replaceState(null, "", `?with=${chosenName}`);
  return true;
}

/** Where Stripe shows how to pay a voucher or a transfer; null where there is no such page. */
export async function instructions(clientSecret) {
  const { paymentIntent } = await stripe.retrievePaymentIntent(clientSecret);
  const details = paymentIntent?.next_action?.[paymentIntent.next_action.type];
  return details?.hosted_voucher_url ?? details?.hosted_instructions_url ?? null;
}
