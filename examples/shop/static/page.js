// What the page shows. It decides nothing: `render` draws the current state.

const $ = (id) => document.getElementById(id);

/** Write an amount in minor units; how many digits those are depends on the currency. */
export function money(amount, currency) {
  const format = new Intl.NumberFormat("en", { style: "currency", currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
}

export function render(state) {
  if (!state.cart) return;
  const { cart, payment } = state;
  drawLines(state);
  document.body.classList.toggle("is-following", !state.isConfirmed && !state.isOver);
  $("total").textContent = money(totalOf(state), cart.currency);
  $("reference").hidden = !payment?.stripe_id;
  $("payment-id").textContent = payment?.stripe_id ?? "";
  $("choice").hidden = state.isOver;
  $("pay-form").hidden = !state.isFormShown;
  $("pay").disabled = !state.canPay;
  $("pay").textContent = state.isPaying ? "Paying…" : `Pay ${money(totalOf(state), cart.currency)}`;
  drawWaiting(state);
  drawPaid(payment?.status === "succeeded", payment, cart.currency);
  $("history").hidden = !state.attempts.length;
  $("attempts").replaceChildren(...state.attempts.map(drawAttempt));
}

/** Show a message about the payment; screen readers read it out. */
export function say(text, kind = "info") {
  $("result").dataset.kind = kind;
  $("result").textContent = text;
}

/** Show that the connection has a problem, beside any other message. */
export function notice(text) {
  $("notice").textContent = text;
}

export function sayFormError(text) {
  $("form-error").textContent = text;
}

/** Link each way to pay to the same cart. */
export function drawWays(ways, chosenName) {
  for (const [name, { label }] of Object.entries(ways)) {
    const item = document.createElement("li");
    const link = document.createElement("a");
    Object.assign(link, { href: `?with=${name}`, textContent: label });
    if (name === chosenName) link.setAttribute("aria-current", "page");
    item.append(link);
    $("ways").append(item);
  }
  $("new-cart").href = `/?with=${chosenName}`;
}

/** Call back when the shopper would rather pay in another way than the one that is waited for. */
export function onOtherWay(choose) {
  $("other-way").addEventListener("click", choose);
}

/** Call back with the product and its new quantity. */
export function onQuantity(choose) {
  $("lines").addEventListener("click", ({ target }) => {
    const step = Number(target.dataset.step);
    const line = target.closest("li");
    if (step) choose(line.dataset.product, Number(line.querySelector("output").value) + step);
  });
}

const quantityOf = (state, line) => state.wanted[line.product] ?? line.quantity;

function totalOf(state) {
  return state.cart.lines.reduce((sum, line) => sum + line.unit_price * quantityOf(state, line), 0);
}

/** Change the lines in place: a second click must find the same button. */
function drawLines(state) {
  const { cart } = state;
  const pieces = cart.lines.reduce((sum, line) => sum + quantityOf(state, line), 0);
  for (const line of cart.lines) {
    const quantity = quantityOf(state, line);
    const item = $("lines").querySelector(`[data-product="${line.product}"]`) ?? addLine(line);
    const [less, more] = item.querySelectorAll("button");
    item.querySelector("output").value = quantity;
    item.querySelector(".what span").textContent = `${line.note} · ${money(line.unit_price, cart.currency)}`;
    item.querySelector(".amount").textContent = money(line.unit_price * quantity, cart.currency);
    less.disabled = state.isLocked || quantity === 0 || pieces === 1; // an empty cart has nothing to pay for
    more.disabled = state.isLocked || quantity >= cart.max_quantity;
  }
}

function addLine(line) {
  const item = $("line").content.cloneNode(true).firstElementChild;
  const [less, more] = item.querySelectorAll("button");
  item.dataset.product = line.product;
  item.querySelector("img").src = `/static/${line.product}.svg`;
  item.querySelector("strong").textContent = line.name;
  item.querySelector(".quantity").setAttribute("aria-label", `Quantity of ${line.name}`);
  less.setAttribute("aria-label", `One less: ${line.name}`);
  more.setAttribute("aria-label", `One more: ${line.name}`);
  $("lines").append(item);
  return item;
}

function drawWaiting({ isWaiting, isFormShown, isOver, payment, cart, howToPay }) {
  $("waiting").hidden = !isWaiting || isFormShown;
  if (!isWaiting) return;
  $("waiting-text").textContent = waitingText(payment, cart.currency);
  $("how-to-pay").hidden = !howToPay;
  if (howToPay) $("how-to-pay").href = howToPay;
  $("other-way").hidden = isOver;
}

function waitingText({ next_action: action, amount }, currency) {
  const until = action?.expires_at ? ` by ${new Date(action.expires_at).toLocaleDateString("en-GB")}` : "";
  if (action?.type === "display_bank_transfer_instructions") return `Please transfer ${money(action.amount_remaining, currency)}.`;
  if (action?.type.endsWith("_display_details")) return `Please pay the voucher of ${money(amount, currency)}${until}.`;
  return "Your bank was asked for the money, which may take some days.";
}

function drawPaid(isPaid, payment, currency) {
  const isNews = isPaid && $("paid").hidden;
  $("paid").hidden = !isPaid;
  if (!isPaid) return;
  $("paid-amount").textContent = `${money(payment.amount, currency)} · thank you!`;
  if (isNews) $("paid").focus(); // the button that had the focus is gone
}

const METHODS = { card: "Card", ideal: "iDEAL", klarna: "Klarna", multibanco: "Multibanco", sepa_debit: "SEPA Direct Debit" };
const RESULTS = { succeeded: "Paid", failed: "Failed", pending: "Pending" };

function drawAttempt(attempt) {
  const item = $("attempt").content.cloneNode(true).firstElementChild;
  const type = METHODS[attempt.payment_method_type] ?? attempt.payment_method_type ?? "";
  const brand = attempt.card_brand ? attempt.card_brand[0].toUpperCase() + attempt.card_brand.slice(1) : type;
  item.dataset.status = attempt.status;
  item.querySelector(".badge").textContent = RESULTS[attempt.status] ?? attempt.status;
  item.querySelector(".what strong").textContent = attempt.card_last4 ? `${brand} •••• ${attempt.card_last4}` : brand;
  item.querySelector(".what span").textContent = attempt.reason ?? "";
  item.querySelector(".amount").textContent = money(attempt.amount, attempt.currency);
  item.querySelector("time").dateTime = attempt.attempted_at;
  item.querySelector("time").textContent = new Date(attempt.attempted_at).toLocaleTimeString("en-GB");
  return item;
}
