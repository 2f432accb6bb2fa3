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
  $("pay-form").hidden = state.isOver;
  $("pay").disabled = !state.canPay;
  $("pay").textContent = state.isPaying ? "Paying…" : `Pay ${money(totalOf(state), cart.currency)}`;
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

export function sayCardError(text) {
  $("card-error").textContent = text;
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

function drawPaid(isPaid, payment, currency) {
  const isNews = isPaid && $("paid").hidden;
  $("paid").hidden = !isPaid;
  if (!isPaid) return;
  $("paid-amount").textContent = `${money(payment.amount, currency)} · thank you!`;
  if (isNews) $("paid").focus(); // the button that had the focus is gone
}

const RESULTS = { succeeded: "Paid", failed: "Failed", pending: "Pending" };

function drawAttempt(attempt) {
  const item = $("attempt").content.cloneNode(true).firstElementChild;
  const brand = attempt.card_brand ? attempt.card_brand[0].toUpperCase() + attempt.card_brand.slice(1) : "Card";
  item.dataset.status = attempt.status;
  item.querySelector(".badge").textContent = RESULTS[attempt.status] ?? attempt.status;
  item.querySelector(".what strong").textContent = attempt.card_last4 ? `${brand} •••• ${attempt.card_last4}` : brand;
  item.querySelector(".what span").textContent = attempt.reason ?? "";
  item.querySelector(".amount").textContent = money(attempt.amount, attempt.currency);
  item.querySelector("time").dateTime = attempt.attempted_at;
  item.querySelector("time").textContent = new Date(attempt.attempted_at).toLocaleTimeString("en-GB");
  return item;
}
