// One payment, step by step, in the shopper's browser.

import { changeCart, patiently, readCart, sleep, startPayment } from "./backend.js";
import { notice, onQuantity, render, say, sayCardError } from "./page.js";

const DEBOUNCE_MS = 200;
const PAY_TRIES = 3;
const WATCH_MS = [200, 300, 500, 1000, 1500, 2000, 3000, 5000, 5000];

const UNAVAILABLE = "The payment service does not answer just now. We keep trying…";
const UNDER_WAY = "Your payment is under way. You will see its result here.";
const SORRY = "Something went wrong on our side. Nothing was charged; please try again later.";
const SENTENCES = {
  cart_changed: "Your cart was changed in another window. Please look at the new total, then pay.",
  no_answer: "The shop does not answer just now. Nothing was charged; please try again in a moment.",
  payments_unavailable: "The payment service does not answer just now. Nothing was charged; please try again in a moment.",
  payment_intent_authentication_failure: "Your bank could not confirm that it was you. Try again, or take another card.",
};
// For these codes no message is needed: the new state of cart and payment shows them.
const SILENT = ["already_paid", "payment_in_progress", "stale_cart_version"];

const state = {
  cart: null, // the newest that the backend has said
  payment: null,
  attempts: [],
  wanted: {}, // quantities chosen here that the backend does not have yet
  isDue: true, // the payment has to be brought to the cart's amount
  isFollowing: false, // …and is being brought there
  isPaying: false,
  get isOver() { return ["succeeded", "processing", "requires_capture"].includes(this.payment?.status); },
  get isLocked() { return this.isPaying || this.isOver; },
  // Only an amount that the payments API has confirmed can be paid: what is charged is what is seen.
  get isConfirmed() { return !this.isDue && !this.isFollowing && this.payment?.amount === this.cart.total; },
  get canPay() { return Boolean(stripe) && this.isConfirmed && !this.isLocked; },
};

// ------------------------------------------------------------------------------------------------------- Stripe.js

const key = document.querySelector("meta[name=stripe-publishable-key]").content;
const stripe = window.Stripe?.(key);
const card = stripe?.elements().create("card", { hidePostalCode: true, style: { base: { fontSize: "16px" } } });

function mountCard() {
  document.getElementById("test-cards").hidden = !key.startsWith("pk_test_");
  if (!card) return sayCardError("The card form could not be loaded. Please load the page again.");
  card.mount("#card");
  card.on("change", ({ error }) => sayCardError(error?.message ?? ""));
}

// -------------------------------------------------------------------------------------------------------- the cart

/** Send a request to the backend, and retry while it has no final answer. */
async function ask(send, tries) {
  try {
    return await patiently(send, () => notice(UNAVAILABLE), tries);
  } finally {
    notice("");
  }
}

function take({ cart, payment, attempts = state.attempts }) {
  if (cart.version < state.cart?.version) return; // an answer that was overtaken
  // Stripe reports a success to this page before it reports it to the backend. A success is final.
  const isPaid = state.payment?.status === "succeeded" && payment?.stripe_id === state.payment.stripe_id;
  Object.assign(state, { cart, attempts, payment: isPaid ? state.payment : payment });
  render(state);
}

const refresh = async () => take(await readCart());

let debounce;

function choose(product, quantity) {
  state.wanted[product] = quantity;
  state.isDue = true;
  render(state);
  clearTimeout(debounce);
  debounce = setTimeout(follow, DEBOUNCE_MS);
}

/** Update the payment to the cart, one request at a time; clicks that come meanwhile are sent with the next one. */
async function follow() {
  if (state.isFollowing) return;
  state.isFollowing = true;
  while (state.isDue && !state.isOver) await sendWanted().catch(recover);
  state.isFollowing = false;
  render(state);
}

async function sendWanted() {
  let sent;
  const send = () => {
    state.isDue = false;
    sent = { ...state.wanted };
    return changeCart(sent);
  };
  const answer = await ask(send);
  for (const product of Object.keys(sent)) {
    if (state.wanted[product] === sent[product]) delete state.wanted[product];
  }
  take(answer);
}

async function catchUp() {
  await refresh();
  state.isDue ||= !state.isConfirmed;
  await follow();
}

/** Show the current state after a refusal, and the reason in words for shoppers. */
async function recover({ code }) {
  if (code === "cart_not_found") return window.location.replace("/");
  state.wanted = {};
  await ask(refresh).catch(() => {});
  if (!SILENT.includes(code)) say(SENTENCES[code] ?? SORRY, "error");
  if (state.payment?.status === "processing") awaitResult();
  // Another tab was faster: read what the payment is for now.
  if (code === "stale_cart_version") await sleep(DEBOUNCE_MS);
  state.isDue = ["stale_cart_version", "cart_changed"].includes(code);
}

// ----------------------------------------------------------------------------------------------------- the payment

async function pay() {
  if (!state.canPay) return; // a second click, or Enter in the card's fields
  state.isPaying = true;
  say("");
  render(state);
  try {
    const started = await ask(() => startPayment(state.cart.version), PAY_TRIES);
    take(started);
    if (started.client_secret) await confirm(started.client_secret);
    else awaitResult();
  } catch (refusal) {
    await recover(refusal);
    follow();
  }
  state.isPaying = false;
  render(state);
}

let expectedAttempts = 0;

async function confirm(clientSecret) {
  expectedAttempts = Math.max(expectedAttempts, state.attempts.length) + 1;
  const { paymentIntent, error } = await stripe.confirmCardPayment(clientSecret, { payment_method: { card } });
  // Another tab may have paid already: that is an error here, about a payment that has succeeded.
  const status = (paymentIntent ?? error.payment_intent)?.status;
  if (status) state.payment.status = status;
  if (error && !state.isOver) say(SENTENCES[error.code] ?? error.message, "error");
  if (status) awaitResult();
  else expectedAttempts -= 1; // the card was not tried: its number is incomplete, say
}

/**
 * Poll until the backend knows the outcome: Stripe reports it there a moment later than to this page.
 * The page may thank the shopper at once; goods are sent only for what the backend knows.
 */
async function awaitResult() {
  if (state.isOver) say(state.payment.status === "succeeded" ? "" : UNDER_WAY);
  for (const ms of WATCH_MS) {
    await sleep(ms);
    await refresh().catch(() => {}); // the next one may get through
    if (state.attempts.length >= expectedAttempts && state.payment.status !== "processing") break;
  }
  if (state.payment.status === "succeeded") say("");
}

// ----------------------------------------------------------------------------------------------------------- start

async function start() {
  mountCard();
  onQuantity(choose);
  document.getElementById("pay-form").addEventListener("submit", (event) => {
    event.preventDefault();
    pay();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) catchUp().catch(() => {}); // another tab may have changed the cart, or paid it
  });
  await ask(refresh).catch(recover);
  if (state.isOver) awaitResult();
  else follow();
}

start();
