// The staff's page of one order: what was paid, what was refunded, and a button to refund more.

const $ = (id) => document.getElementById(id);
const ORDER = `/api${window.location.pathname}`; // the page is /staff/carts/{id}
const LOOK_AGAIN_MS = 2000;

let order = null;
let key = null; // of the refund that is being asked for; a repeat of it carries the same
let isTyped = false; // what somebody typed stays, whatever is told meanwhile

const RESULTS = { succeeded: "Refunded", pending: "On its way", failed: "Failed", refused: "Refused" };
const STATES = { to_pay: "To pay", waiting: "Waits for the shopper or the bank", paid: "Paid" };
const REFUSALS = {
  refund_exceeds_payment: "That is more than is left.",
  stripe_refused: "Stripe refused it: the list tells why.",
  payment_not_captured: "It is not captured yet: cancel it instead.",
};

function digits() {
  return new Intl.NumberFormat("en", { style: "currency", currency: order.payment.currency }).resolvedOptions()
    .maximumFractionDigits;
}

function money(amount, currency) {
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(amount / 10 ** digits());
}

function draw() {
  const { payment, refunds, timeline } = order;
  const isPaid = payment?.status === "succeeded";
  $("payment").textContent = isPaid
    ? `Paid ${money(payment.amount, payment.currency)}, refunded ${money(payment.amount_refunded, payment.currency)}`
    : `Not paid (${payment?.status ?? "no payment"})`;
  $("refund-form").hidden = !isPaid || payment.amount_refundable === 0;
  if (isPaid) $("amount").max = (payment.amount_refundable / 10 ** digits()).toFixed(digits());
  if (isPaid && !key && !isTyped) $("amount").value = $("amount").max;
  $("refunds").replaceChildren(...refunds.map(drawRefund));
  $("order-state").textContent = STATES[order.state];
  $("shipped").textContent = order.shipped_at ? `Shipped ${when(order.shipped_at)}` : "Not shipped";
  $("timeline").replaceChildren(...timeline.map(drawEntry));
}

function when(moment) {
  return new Date(moment).toLocaleString("en-GB");
}

function drawEntry(entry) {
  const item = $("entry").content.cloneNode(true).firstElementChild;
  item.querySelector("strong").textContent = entry.headline;
  item.querySelector(".what span").textContent = entry.sentence;
  item.querySelector("time").dateTime = entry.at;
  item.querySelector("time").textContent = when(entry.at);
  return item;
}

function drawRefund(refund) {
  const item = $("row").content.cloneNode(true).firstElementChild;
  item.dataset.status = refund.status === "refused" ? "failed" : (refund.status ?? "pending");
  item.querySelector(".badge").textContent = RESULTS[refund.status ?? "pending"] ?? refund.status;
  item.querySelector(".what strong").textContent = refund.origin === "stripe" ? "In Stripe's dashboard" : "By us";
  item.querySelector(".what span").textContent = refund.refusal?.detail ?? refund.failure_reason ?? "";
  item.querySelector(".amount").textContent = money(refund.amount, refund.currency);
  item.querySelector("time").dateTime = refund.created_at;
  item.querySelector("time").textContent = when(refund.created_at);
  return item;
}

async function read() {
  const answer = await fetch(ORDER).catch(() => null);
  if (!answer?.ok) return;
  order = await answer.json();
  draw();
}

async function refund(event) {
  event.preventDefault();
  key ??= crypto.randomUUID();
  $("refund").disabled = true;
  const amount = Math.round(Number($("amount").value) * 10 ** digits());
  const headers = { "Content-Type": "application/json" };
  const request = { method: "POST", headers, body: JSON.stringify({ amount, key }) };
  const answer = await fetch(`${ORDER}/refunds`, request).catch(() => null);
  const content = await answer?.json().catch(() => null);
  $("refund").disabled = false;
  if (!content || answer.status >= 500) {
    $("amount").readOnly = true; // the same refund is sent again, whatever became of the first try
    $("result").textContent = "Not known yet: click again.";
    return;
  }
  key = null;
  isTyped = false;
  $("amount").readOnly = false;
  $("result").textContent = answer.ok ? "" : (REFUSALS[content.code] ?? `Refused: ${content.code}`);
  await read();
}

$("amount").addEventListener("input", () => (isTyped = true));
$("refund-form").addEventListener("submit", refund);
await read();
new EventSource(`${ORDER}/live`).addEventListener("changed", read);
setInterval(() => order?.refunds.some(({ status }) => status === null || status === "pending") && read(), LOOK_AGAIN_MS);
