// One payment, step by step, in the shopper's browser.

import { changeCart, patiently, readCart, sleep, startPayment } from "./backend.js";
import { drawWays, notice, onOtherWay, onQuantity, render, say, sayFormError } from "./page.js";
import { chosenName, instructions, isReturned, isTest, stripe, way, WAYS } from "./ways.js";

const DEBOUNCE_MS = 200;
const PAY_TRIES = 3;
const WATCH_MS = [200, 300, 500, 1000, 1500, 2000, 3000, 5000, 5000];

const UNAVAILABLE = "The payment service does not answer just now. We keep trying…";
const ENTER_AGAIN = "This cart's payment had to be opened anew. Please enter your details again, then pay.";
const FAILED = "The payment did not go through; nothing was charged. Please try again, or pay another way.";
const SORRY = "Something went wrong on our side. Nothing was charged; please try again later.";
const SENTENCES = {
  cart_changed: "Your cart was changed in another window. Please look at the new total, then pay.",
  price_changed: "The price has changed meanwhile; nothing was charged. Please look at the new total, then pay.",
  channel_changed: "Another window pays this cart in another way by now. To pay here instead, press the button.",
  not_confirmable: ENTER_AGAIN,
  payment_declined: FAILED,
  no_answer: "The shop does not answer just now. Nothing was charged; please try again in a moment.",
  payments_unavailable: "The payment service does not answer just now. Nothing was charged; please try again in a moment.",
  payment_intent_authentication_failure: "Your bank could not confirm that it was you. Try again, or take another card.",
};
// For these codes no message is needed: the new state of cart and payment shows them.
const SILENT = ["already_paid", "payment_in_progress", "stale_cart_version"];
// After these, what the cart owes is sent once more.
const OUTDATED = ["stale_cart_version", "cart_changed", "price_changed", "not_confirmable"];
// A voucher or a transfer is waited for. What a bank wants to know right now is not: the shopper may pay anew.
const WAITS = /_display_details$|^display_bank_transfer_instructions$/;

const state = {
  cart: null, // the newest that the backend has said
  payment: null,
  attempts: [],
  wanted: {}, // quantities chosen here that the backend does not have yet
  isDue: true, // the payment has to be brought to the cart's amount
  isFollowing: false, // …and is being brought there
  isPaying: false,
  howToPay: null, // Stripe's page about the voucher or the transfer
  wantsOtherWay: false, // …than that one
  get isOver() { return ["succeeded", "processing", "requires_capture"].includes(this.payment?.status); },
  get isWaiting() {
    const { status, next_action: action } = this.payment ?? {};
    return status === "processing" || (status === "requires_action" && WAITS.test(action?.type));
  },
  get isFormShown() { return !this.isOver && (!this.isWaiting || this.wantsOtherWay); },
  get isLocked() { return this.isPaying || this.isOver; },
  // Only an amount that the payments API has confirmed can be paid: what is charged is what is seen.
  get isConfirmed() {
    const isCurrent = this.payment?.amount === this.cart.total && this.payment.status !== "canceled";
    return isCurrent && !this.isDue && !this.isFollowing;
  },
  get canPay() { return Boolean(stripe) && this.isConfirmed && !this.isLocked; },
};

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
    return changeCart(sent, way.channel);
  };
  const answer = await ask(send);
  for (const product of Object.keys(sent)) {
    if (state.wanted[product] === sent[product]) delete state.wanted[product];
  }
  take(answer);
  if (stripe && !state.isOver && (await show(answer))) say(ENTER_AGAIN);
}

let hasForm = false;

/** Bring the form to what is owed now; return whether another one has taken its place. */
async function show(answer) {
  state.howToPay = state.isWaiting && answer.client_secret ? await instructions(answer.client_secret) : null;
  const isNew = await way.show(answer);
  const isAnother = isNew && hasForm;
  hasForm ||= isNew;
  return isAnother;
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
  if (state.payment?.status === "processing" || code === "payment_declined") awaitResult();
  // Another tab was faster: read what the payment is for now.
  if (code === "stale_cart_version") await sleep(DEBOUNCE_MS);
  state.isDue = OUTDATED.includes(code);
}

// ----------------------------------------------------------------------------------------------------- the payment

async function pay() {
  if (!state.canPay) return; // a second click, or Enter in the form's fields
  state.isPaying = true;
  state.wantsOtherWay = false; // this is it
  say("");
  render(state);
  try {
    await payWhatIsShown();
  } catch (refusal) {
    await recover(refusal);
    follow();
  }
  state.isPaying = false;
  render(state);
}

async function payWhatIsShown() {
  if (way.isCheckedByService) return confirm(state);
  const started = await ask(() => startPayment(state.cart.version, way.channel), PAY_TRIES);
  take(started);
  if (state.isOver) awaitResult();
  else if (await show(started)) say(ENTER_AGAIN);
  else await confirm(started);
}

let expectedAttempts = 0;

async function confirm(started) {
  expectedAttempts = Math.max(expectedAttempts, state.attempts.length) + 1;
  const { status, error } = await way.confirm(started);
  if (status) state.payment.status = status;
  if (error && !state.isOver) say(SENTENCES[error.code] ?? error.message, "error");
  if (status) awaitResult();
  else expectedAttempts -= 1; // nothing was tried: the card's number is incomplete, say
}

/**
 * Poll until the backend knows the outcome: Stripe reports it there a moment later than to this page.
 * The page may thank the shopper at once; goods are sent only for what the backend knows.
 */
async function awaitResult() {
  for (const ms of WATCH_MS) {
    await sleep(ms);
    await refresh().catch(() => {}); // the next one may get through
    if (state.isOver || state.isWaiting) say(""); // whatever was said before
    if (state.attempts.length >= expectedAttempts && state.payment.status !== "processing") break;
  }
}

// ----------------------------------------------------------------------------------------------------------- start

/** The shopper comes from a bank or from Stripe: show how the payment stands, as the service knows it from Stripe. */
async function welcomeBack() {
  await ask(async () => take(await readCart({ isSync: true })));
  expectedAttempts = 1;
  awaitResult();
  if (state.payment?.status === "requires_payment_method") say(FAILED, "error");
}

async function start() {
  document.getElementById("test-cards").hidden = !isTest;
  if (!stripe) sayFormError("The payment form could not be loaded. Please load the page again.");
  drawWays(WAYS, chosenName);
  onQuantity(choose);
  onOtherWay(() => {
    state.wantsOtherWay = true;
    render(state);
  });
  document.getElementById("pay-form").addEventListener("submit", (event) => {
    event.preventDefault();
    pay();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) catchUp().catch(() => {}); // another tab may have changed the cart, or paid it
  });
  const isBack = isReturned();
  await (isBack ? welcomeBack() : ask(refresh)).catch(recover);
  if (state.isOver && !isBack) awaitResult();
  if (!state.isOver) follow();
}

start();
