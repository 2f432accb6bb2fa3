/*
 * The sandbox's stand-in for Stripe.js: Stripe(pk) with card and payment elements, Checkout Sessions in the page,
 * confirmations and dialogs. It talks to the host that it was loaded from. One plain file, no build step.
 */
(() => {
  "use strict";

  const API = new URL("/", document.currentScript.src).origin;

  // ---------------------------------------------------------------------------------------------------------- API

  /** Encode nested objects as Stripe's forms do: a[b]=v. */
  function encode(value, form = new URLSearchParams(), name = "") {
    for (const [key, item] of Object.entries(value)) {
      const path = name ? `${name}[${key}]` : key;
      if (item !== null && typeof item === "object") encode(item, form, path);
      else if (item !== undefined && item !== null) form.append(path, String(item));
    }
    return form;
  }

  /** Return {ok: body} or {error}, in the shape that Stripe.js resolves to. */
  async function call(method, path, params) {
    const form = encode(params).toString();
    const url = method === "GET" ? `${API}${path}?${form}` : `${API}${path}`;
    const headers = { "Content-Type": "application/x-www-form-urlencoded" };
    const request = method === "GET" ? {} : { method, headers, body: form };
    try {
      const answer = await fetch(url, { ...request, credentials: "omit", referrerPolicy: "no-referrer" });
      const body = await answer.json();
      return answer.ok ? { ok: body } : { error: body.error };
    } catch {
      return { error: { type: "api_connection_error", message: "We could not reach the payment provider." } };
    }
  }

  const misuse = (message) => new Error(`IntegrationError: ${message}`);

  function idOf(clientSecret, prefix = "pi") {
    const match = new RegExp(`^(${prefix}_[A-Za-z0-9_]+)_secret_[A-Za-z0-9]+$`).exec(clientSecret);
    if (!match) throw misuse(`the client secret is not of the form ${prefix}_…_secret_….`);
    return match[1];
  }

  const invalid = (code, message) => ({ type: "validation_error", code, message });

  // ------------------------------------------------------------------------------------------------------- fields

  const digits = (text) => text.replace(/\D/g, "");

  function brandOf(number) {
    if (/^3[47]/.test(number)) return "amex";
    if (/^4/.test(number)) return "visa";
    if (/^(5[1-5]|2[2-7])/.test(number)) return "mastercard";
    if (/^6(011|5)/.test(number)) return "discover";
    return "unknown";
  }

  function isLuhn(number) {
    const sum = [...number].reverse().reduce((total, digit, place) => {
      const value = Number(digit) * (place % 2 ? 2 : 1);
      return total + (value > 9 ? value - 9 : value);
    }, 0);
    return sum % 10 === 0;
  }

  /** A field that takes what is typed; `part` says where it goes in the data of a PaymentMethod. */
  function plainField(label, autocomplete, part, isComplete = (text) => text.trim() !== "") {
    const check = (text) => (isComplete(text) ? null : invalid("incomplete_field", `${label} is incomplete.`));
    return { label, placeholder: label, autocomplete, inputMode: "text", part, format: (text) => text, check };
  }

  const FIELDS = {
    number: {
      label: "Card number",
      placeholder: "Card number",
      autocomplete: "cc-number",
      inputMode: "numeric",
      format(text) {
        const number = digits(text).slice(0, 19);
        const groups = brandOf(number) === "amex" ? /(\d{1,4})(\d{1,6})?(\d{1,5})?/ : /(\d{1,4})(\d{1,4})?(\d{1,4})?(\d{1,4})?(\d{1,3})?/;
        return (groups.exec(number) || []).slice(1).filter(Boolean).join(" ");
      },
      check(text) {
        const number = digits(text);
        if (number.length < (brandOf(number) === "amex" ? 15 : 16)) return invalid("incomplete_number", "Your card number is incomplete.");
        return isLuhn(number) ? null : invalid("invalid_number", "Your card number is invalid.");
      },
    },
    expiry: {
      label: "Expiry MM / YY",
      placeholder: "MM / YY",
      autocomplete: "cc-exp",
      inputMode: "numeric",
      format(text) {
        let number = digits(text).slice(0, 4);
        if (/^[2-9]/.test(number)) number = `0${number}`.slice(0, 4);
        const isSlashed = number.length > 2 || (number.length === 2 && text.includes("/"));
        return isSlashed ? `${number.slice(0, 2)} / ${number.slice(2)}` : number;
      },
      check(text) {
        const [month, year] = [Number(digits(text).slice(0, 2)), Number(digits(text).slice(2))];
        if (digits(text).length < 4) return invalid("incomplete_expiry", "Your card's expiration date is incomplete.");
        if (month < 1 || month > 12) return invalid("invalid_expiry_month", "Your card's expiration month is invalid.");
        const today = new Date();
        const isPast = (2000 + year) * 12 + month < today.getFullYear() * 12 + today.getMonth() + 1;
        return isPast ? invalid("invalid_expiry_year_past", "Your card's expiration year is in the past.") : null;
      },
    },
    cvc: {
      label: "CVC",
      placeholder: "CVC",
      autocomplete: "cc-csc",
      inputMode: "numeric",
      format: (text) => digits(text).slice(0, 4),
      check: (text) => (digits(text).length < 3 ? invalid("incomplete_cvc", "Your card's security code is incomplete.") : null),
    },
    name: plainField("Full name", "name", ["billing_details", "name"]),
    email: plainField("Email", "email", ["billing_details", "email"], (text) => /^[^@\s]+@[^@\s.]+\.[^@\s]+$/.test(text)),
    line1: plainField("Address", "address-line1", ["billing_details", "address", "line1"]),
    city: plainField("City", "address-level2", ["billing_details", "address", "city"]),
    state: plainField("State", "address-level1", ["billing_details", "address", "state"]),
    postalCode: plainField("Postal code", "postal-code", ["billing_details", "address", "postal_code"]),
    country: plainField("Country code", "country", ["billing_details", "address", "country"], (text) => /^[A-Z]{2}$/.test(text)),
    iban: plainField("IBAN", "off", ["sepa_debit", "iban"], (text) => text.replace(/\s/g, "").length >= 15),
    taxId: plainField("CPF/CNPJ", "off", ["boleto", "tax_id"]),
    routing: plainField("Routing number", "off", ["us_bank_account", "routing_number"], (text) => /^\d{9}$/.test(text)),
    account: plainField("Account number", "off", ["us_bank_account", "account_number"], (text) => /^\d{4,17}$/.test(text)),
  };

  const CARD = ["number", "expiry", "cvc"];

  /** The types of payment methods, each with what the shopper must tell; `isDebit` needs a mandate too. */
  const METHODS = {
    card: { label: "Card", fields: CARD },
    boleto: { label: "Boleto", fields: ["name", "email", "taxId", "line1", "city", "state", "postalCode", "country"] },
    customer_balance: { label: "Bank transfer", fields: [] },
    ideal: { label: "iDEAL", fields: ["name"] },
    klarna: { label: "Klarna", fields: ["email", "country"] },
    multibanco: { label: "Multibanco", fields: ["email"] },
    sepa_debit: { label: "SEPA Direct Debit", fields: ["name", "email", "iban"], isDebit: true },
    us_bank_account: { label: "US bank account", fields: ["name", "email", "routing", "account"], isDebit: true },
  };

  const MANDATE = { customer_acceptance: { type: "online", online: { infer_from_client: true } } };

  /** Return what is typed as the data of a PaymentMethod. */
  function methodData(type, values) {
    const data = { type };
    if (type === "card") {
      const expiry = digits(values.expiry);
      data.card = { number: digits(values.number), exp_month: Number(expiry.slice(0, 2)), exp_year: 2000 + Number(expiry.slice(2)), cvc: values.cvc };
    }
    if (type === "us_bank_account") data.us_bank_account = { account_holder_type: "individual" };
    for (const [name, value] of Object.entries(values)) put(data, FIELDS[name].part, value.trim());
    return data;
  }

  function put(target, path = [], value) {
    path.reduce((node, key, place) => (node[key] = place === path.length - 1 ? value : { ...node[key] }), target);
  }

  const merged = (one = {}, two = {}) => ({ ...one, ...two, ...(one.address || two.address ? { address: { ...one.address, ...two.address } } : {}) });

  // ----------------------------------------------------------------------------------------------------- elements

  /** What all elements share: inputs with labels, marks on the place where they are mounted, and events. */
  class Element {
    constructor(type, label, options, elements) {
      this._type = type;
      this._options = options;
      this._elements = elements;
      this._listeners = new Map();
      this._inputs = {};
      this._root = made("div", `sandbox-stripe sandbox-stripe-${type}`);
      this._root.setAttribute("role", "group");
      this._root.setAttribute("aria-label", label);
    }

    _input(name) {
      const field = FIELDS[name];
      const input = made("input", `sandbox-stripe-${name}`);
      Object.assign(input, { type: "text", inputMode: field.inputMode, placeholder: field.placeholder, autocomplete: field.autocomplete, spellcheck: false });
      input.disabled = Boolean(this._options.disabled);
      input.setAttribute("aria-label", field.label);
      input.addEventListener("input", () => {
        const isErased = input.value.length < (input.dataset.before || "").length;
        if (!isErased) input.value = field.format(input.value);
        input.dataset.before = input.value;
        this._changed(input, name);
      });
      input.addEventListener("focus", () => this._mark("focus", true));
      input.addEventListener("blur", () => this._mark("focus", false));
      this._inputs[name] = input;
      return input;
    }

    _changed(input, name) {
      const error = FIELDS[name].check(input.value);
      const isTyping = error?.code.startsWith("incomplete") ?? false;
      input.setAttribute("aria-invalid", String(Boolean(error) && !isTyping));
      this._tell(isTyping ? null : error);
    }

    _tell(error = null) {
      const empty = Object.values(this._inputs).every((input) => !input.value);
      const complete = !this._firstError();
      this._mark("complete", complete);
      this._mark("empty", empty);
      this._mark("invalid", Boolean(error));
      this._emit("change", { elementType: this._type, empty, complete, error: error ?? undefined, ...this._shown() });
    }

    _firstError() {
      for (const [name, input] of Object.entries(this._inputs)) {
        const error = FIELDS[name].check(input.value);
        if (error) return error;
      }
      return null;
    }

    _values() { return Object.fromEntries(Object.entries(this._inputs).map(([name, input]) => [name, input.value])); }

    _mark(name, isOn) {
      this._root.parentElement?.classList.toggle(`StripeElement--${name}`, isOn);
    }

    _emit(event, detail) {
      for (const listener of [...(this._listeners.get(event) || [])]) listener(detail);
    }

    mount(target) {
      addStyles();
      const place = placeOf(target);
      place.replaceChildren(this._root);
      place.classList.add("StripeElement", "StripeElement--empty");
      this._load();
    }

    unmount() { this._root.remove(); }

    destroy() { this.unmount(); this._listeners.clear(); this._elements._forget(this); }

    clear() {
      for (const input of Object.values(this._inputs)) { input.value = ""; input.dataset.before = ""; input.removeAttribute("aria-invalid"); }
      this._tell();
    }

    focus() { Object.values(this._inputs)[0]?.focus(); }

    blur() { if (this._root.contains(document.activeElement)) document.activeElement.blur(); }

    update(options) {
      Object.assign(this._options, options);
      if ("disabled" in options) for (const input of Object.values(this._inputs)) input.disabled = options.disabled;
    }

    on(event, listener) {
      this._listeners.set(event, [...(this._listeners.get(event) || []), listener]);
      return this;
    }

    once(event, listener) {
      const once = (detail) => { this.off(event, once); listener(detail); };
      return this.on(event, once);
    }

    off(event, listener) {
      const kept = listener ? (this._listeners.get(event) || []).filter((other) => other !== listener) : [];
      this._listeners.set(event, kept);
      return this;
    }
  }

  class CardElement extends Element {
    constructor(options, elements) {
      super("card", "Card details", options, elements);
      this._method = "card";
      this._root.append(...CARD.map((name) => this._input(name)));
    }

    async _load() { this._emit("ready", { elementType: "card" }); }

    _shown() { return { brand: brandOf(digits(this._inputs.number.value)), value: { postalCode: "" } }; }
  }

  /** The form for whatever type of payment method is chosen; which ones there are is known once it is loaded. */
  class PaymentElement extends Element {
    constructor(options, elements) {
      super("payment", "Payment details", options, elements);
      this._amount = made("p", "sandbox-stripe-amount");
      this._choice = made("div", "sandbox-stripe-choice");
      this._choice.setAttribute("role", "radiogroup");
      this._choice.setAttribute("aria-label", "Payment method");
      this._form = made("div", "sandbox-stripe-form");
      this._types = [];
    }

    async _load() {
      const { error, ...terms } = await this._elements._terms();
      if (error) {
        this._root.textContent = error.message;
        this._emit("loaderror", { elementType: "payment", error });
        return;
      }
      this._root.replaceChildren(this._amount, this._choice, this._form);
      this._render(terms);
      this._emit("ready", { elementType: "payment" });
    }

    /** Show the terms; what is typed stays as long as its type is still there. */
    _render({ amount, currency, types }) {
      this._amount.textContent = `Total: ${shownAmount({ amount, currency })}`;
      if (types.join() === this._types.join()) return;
      this._types = types;
      this._choice.replaceChildren(...(types.length > 1 ? types.map((type) => this._radio(type)) : []));
      if (!types.includes(this._method)) this._choose(types[0]);
      for (const radio of this._choice.querySelectorAll("input")) radio.checked = radio.value === this._method;
    }

    _radio(type) {
      const label = made("label", "sandbox-stripe-option");
      const radio = made("input");
      Object.assign(radio, { type: "radio", name: "sandbox-stripe-method", value: type });
      radio.addEventListener("change", () => { this._choose(type); this._tell(); });
      label.append(radio, (METHODS[type] || { label: type }).label);
      return label;
    }

    _choose(type) {
      this._method = type;
      this._inputs = {};
      const hidden = this._options.fields?.billingDetails || {};
      const names = (METHODS[type]?.fields ?? ["name", "email"]).filter((name) => hidden !== "never" && hidden[name] !== "never");
      this._form.replaceChildren(...names.map((name) => this._input(name)));
      for (const name of names) this._inputs[name].value = this._options.defaultValues?.billingDetails?.[name] ?? "";
    }

    _firstError() { return this._method ? super._firstError() : invalid("incomplete_payment_details", "Please complete your payment details."); }

    _shown() { return { collapsed: false, value: { type: this._method } }; }
  }

  const ELEMENTS = { card: CardElement, payment: PaymentElement };

  /** Elements for a PaymentIntent (`clientSecret`), for one that will be made (`mode`), or for a Checkout Session. */
  class Elements {
    constructor(stripe, options) {
      if ("paymentMethodTypes" in options) throw misuse("paymentMethodTypes was removed from Elements.");
      if (options.mode && options.clientSecret) throw misuse("pass either a clientSecret or a mode, not both.");
      if (options.mode && options.mode !== "payment") throw misuse(`the sandbox has no Elements in ${options.mode} mode.`);
      if (options.mode && !(Number.isInteger(options.amount) && options.amount > 0 && options.currency)) throw misuse("mode: payment needs an amount and a currency.");
      this._stripe = stripe;
      this._options = options;
      this._made = [];
      this._isSubmitted = false;
    }

    get _isDeferred() { return Boolean(this._options.mode); }

    create(type, options = {}) {
      if (!ELEMENTS[type]) throw misuse(`the sandbox has no element of type ${type}.`);
      if (this.getElement(type)) throw misuse(`there is already an element of type ${type}.`);
      if (type === "payment" && !this._options.mode && !this._options.clientSecret && !this._options.session) throw misuse("the payment element needs a clientSecret or a mode.");
      const element = new ELEMENTS[type]({ ...options }, this);
      this._made.push(element);
      return element;
    }

    getElement(type) { return this._made.find((element) => element._type === type) || null; }

    update(options) {
      const terms = ["amount", "currency", "captureMethod", "setupFutureUsage", "mode"].filter((name) => name in options);
      if (terms.length && !this._isDeferred) throw misuse(`${terms.join(", ")} can be updated only where Elements was made with a mode.`);
      Object.assign(this._options, options);
      if (terms.length) this.fetchUpdates();
    }

    /** Ask again what is to be paid, and how it can be. */
    async fetchUpdates() {
      const { error, ...terms } = await this._terms();
      if (error) return { error };
      this.getElement("payment")?._render(terms);
      return {};
    }

    async submit() {
      const element = this.getElement("payment");
      if (!element) throw misuse("elements should have a mounted Payment Element.");
      const error = element._firstError();
      this._isSubmitted = !error;
      return error ? { error } : { selectedPaymentMethod: element._method };
    }

    _forget(element) { this._made = this._made.filter((other) => other !== element); }

    /** Return {amount, currency, types}, or {error} for what can no longer be paid. */
    async _terms() {
      if (this._options.session) return this._options.session();
      if (this._isDeferred) return this._futureTerms();
      const { paymentIntent, error } = await this._stripe.retrievePaymentIntent(this._options.clientSecret);
      if (error) return { error };
      const isOver = ["succeeded", "canceled", "processing", "requires_capture"].includes(paymentIntent.status);
      if (isOver) return { error: { type: "invalid_request_error", code: "payment_intent_unexpected_state", message: "This payment can no longer be made.", payment_intent: paymentIntent } };
      return { amount: paymentIntent.amount, currency: paymentIntent.currency, types: paymentIntent.payment_method_types };
    }

    async _futureTerms() {
      const { amount, currency, captureMethod: capture_method } = this._options;
      const { ok, error } = await call("GET", "/_sandbox/payment_method_types", { key: this._stripe._key, currency, capture_method });
      return error ? { error } : { amount, currency, types: ok.payment_method_types };
    }

    /** A PaymentIntent made after Elements must be what Elements was made for; return the error if it is not. */
    _mismatch(paymentIntent) {
      const { amount, currency, captureMethod, setupFutureUsage = null } = this._options;
      const wrong = [
        ["amount", amount, paymentIntent.amount, amount === paymentIntent.amount],
        ["currency", currency, paymentIntent.currency, currency.toLowerCase() === paymentIntent.currency],
        ["capture_method", captureMethod ?? "automatic", paymentIntent.capture_method, (captureMethod === "manual") === (paymentIntent.capture_method === "manual")],
        ["setup_future_usage", setupFutureUsage, paymentIntent.setup_future_usage, setupFutureUsage === paymentIntent.setup_future_usage],
      ].find(([, , , isSame]) => !isSame);
      if (!wrong) return null;
      const [param, here, there] = wrong;
      return { type: "invalid_request_error", param, message: `The provided ${param} (${there}) does not match the expected ${param} (${here}).`, payment_intent: paymentIntent };
    }
  }

  // ----------------------------------------------------------------------------------------------------- dialogs

  /** Show the bank's challenge; resolve "succeed" or "fail" (closing it is failing it). */
  function challenge(paymentIntent) {
    const complete = button("Complete authentication", "complete");
    const fail = button("Fail authentication", "fail");
    complete.value = "succeed";
    fail.value = "fail";
    const sentence = `${shownAmount(paymentIntent)} · your bank wants to know that it is you.`;
    return dialog("3D Secure authentication", "3D Secure", sentence, [complete, fail], "fail");
  }

  /** Show where the voucher or the bank's details are; resolve when the shopper has seen it. */
  function instructions(paymentIntent) {
    const details = paymentIntent.next_action[paymentIntent.next_action.type];
    const link = made("a");
    Object.assign(link, { href: details.hosted_voucher_url || details.hosted_instructions_url, target: "_blank", rel: "noopener", textContent: "Show how to pay" });
    const done = button("Done", "complete");
    return dialog("Payment instructions", "How to pay", `Please pay ${shownAmount(paymentIntent)} as it says there.`, [link, done], "");
  }

  /** Open a dialog and resolve to the value of the button that is pressed, or to `otherwise` when it is closed. */
  function dialog(label, heading, sentence, parts, otherwise) {
    addStyles();
    const box = made("dialog", "sandbox-stripe-dialog");
    box.setAttribute("role", "dialog");
    box.setAttribute("aria-modal", "true");
    box.setAttribute("aria-label", label);
    const close = button("×", "close");
    close.setAttribute("aria-label", "Close");
    close.value = otherwise;
    const title = made("h2");
    title.textContent = heading;
    const text = made("p");
    text.textContent = sentence;
    box.append(close, title, text, ...parts);
    document.body.append(box);
    return new Promise((resolve) => {
      const finish = (outcome) => { box.remove(); resolve(outcome); };
      for (const pressed of box.querySelectorAll("button")) pressed.addEventListener("click", () => finish(pressed.value));
      box.addEventListener("cancel", () => finish(otherwise));
      box.showModal();
      parts[0].focus();
    });
  }

  function button(text, name) {
    const pressed = made("button", `sandbox-stripe-button sandbox-stripe-${name}`);
    Object.assign(pressed, { type: "button", textContent: text });
    return pressed;
  }

  function made(tag, className = "") {
    return Object.assign(document.createElement(tag), { className });
  }

  function placeOf(target) {
    const place = typeof target === "string" ? document.querySelector(target) : target;
    if (!place) throw misuse(`there is no element ${target} to mount in.`);
    return place;
  }

  function moneyFormat(currency) {
    const twoDecimals = ["isk", "ugx"].includes(currency) ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : {};
    return new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase(), ...twoDecimals });
  }

  const divisorOf = (currency) => 10 ** moneyFormat(currency).resolvedOptions().maximumFractionDigits;

  const shownAmount = ({ amount, currency }) => moneyFormat(currency).format(amount / divisorOf(currency));

  // ------------------------------------------------------------------------------------------------------- Stripe

  class Stripe {
    constructor(key) { this._key = key; }

    elements(options = {}) { return new Elements(this, { ...options }); }

    async retrievePaymentIntent(clientSecret) {
      const { ok, error } = await call("GET", `/v1/payment_intents/${idOf(clientSecret)}`, { key: this._key, client_secret: clientSecret, is_stripe_sdk: false });
      return error ? { error } : { paymentIntent: ok };
    }

    async confirmCardPayment(clientSecret, data = {}, options = {}) {
      const chosen = chosenMethod(data.payment_method);
      if (chosen.error) return chosen;
      const { payment_method: _, ...params } = data;
      const confirmed = await this._confirm(clientSecret, { ...chosen, ...params, expected_payment_method_type: "card" });
      return options.handleActions === false ? confirmed : this._next(clientSecret, confirmed);
    }

    async confirmPayment({ elements, clientSecret = elements?._options.clientSecret, confirmParams = {}, redirect = "always" }) {
      const { payment_method_data: extra = {}, ...params } = confirmParams;
      if (!clientSecret) throw misuse("you must pass in a clientSecret when calling stripe.confirmPayment().");
      if (redirect === "always" && !params.return_url) throw misuse("confirmPayment needs confirmParams.return_url.");
      const isChosen = params.payment_method || params.confirmation_token;
      const chosen = isChosen ? {} : elementMethod(elements, extra, "stripe.confirmPayment()");
      if (chosen.error) return chosen;
      if (elements?._isDeferred) {
        const { paymentIntent, error } = await this.retrievePaymentIntent(clientSecret);
        const refusal = error ?? elements._mismatch(paymentIntent);
        if (refusal) return { error: refusal };
      }
      const type = elements?.getElement("payment")?._method ?? "card";
      const result = await this._next(clientSecret, await this._confirm(clientSecret, { ...chosen, ...params, expected_payment_method_type: type }));
      return result.paymentIntent && redirect === "always" ? leave(params.return_url, result.paymentIntent) : result;
    }

    async createConfirmationToken({ elements, params = {} }) {
      const { payment_method_data: extra = {}, ...rest } = params;
      const chosen = elementMethod(elements, extra, "stripe.createConfirmationToken()");
      if (chosen.error) return chosen;
      const { payment_method_data } = chosen;
      const usage = { setup_future_usage: elements._options.setupFutureUsage };
      const { ok, error } = await call("POST", "/v1/confirmation_tokens", { key: this._key, payment_method_data, ...usage, ...rest });
      return error ? { error } : { confirmationToken: ok };
    }

    async handleNextAction({ clientSecret }) {
      return this._next(clientSecret, await this.retrievePaymentIntent(clientSecret));
    }

    async handleCardAction(clientSecret) { return this.handleNextAction({ clientSecret }); }

    async createPaymentMethod({ type = "card", card, elements, billing_details, params = {} }) {
      const given = { billing_details: billing_details || params.billing_details };
      const chosen = elements ? elementMethod(elements, given, "stripe.createPaymentMethod()") : chosenMethod({ card, ...given });
      if (chosen.error) return chosen;
      const { ok, error } = await call("POST", "/v1/payment_methods", { key: this._key, type, ...chosen.payment_method_data });
      return error ? { error } : { paymentMethod: ok };
    }

    initCheckoutElementsSdk(options) { return new Checkout(this, options); }

    async createEmbeddedCheckoutPage({ clientSecret, fetchClientSecret, onComplete }) {
      const secret = clientSecret ?? (await fetchClientSecret());
      const { ok: session, error } = await readSession(this._key, secret);
      if (error) throw misuse(error.message);
      if (session.ui_mode !== "embedded_page") throw misuse(`a Checkout Session with ui_mode ${session.ui_mode} has no embedded page.`);
      return new EmbeddedPage(secret, session, onComplete);
    }

    async _confirm(clientSecret, params) {
      const form = { key: this._key, client_secret: clientSecret, use_stripe_sdk: true, ...params };
      const { ok, error } = await call("POST", `/v1/payment_intents/${idOf(clientSecret)}/confirm`, form);
      return error ? { error } : { paymentIntent: ok };
    }

    /** Let the shopper do what the PaymentIntent asks for, and give what came of it. */
    async _next(clientSecret, confirmed) {
      const paymentIntent = confirmed.paymentIntent;
      if (paymentIntent?.status !== "requires_action") return confirmed;
      switch (paymentIntent.next_action.type) {
        case "redirect_to_url":
          return goTo(paymentIntent.next_action.redirect_to_url.url);
        case "use_stripe_sdk":
          return this._authenticate(clientSecret, await challenge(paymentIntent));
        case "verify_with_microdeposits": // The shopper comes back in some days.
          return confirmed;
        default:
          await instructions(paymentIntent);
          return confirmed;
      }
    }

    async _authenticate(clientSecret, outcome) {
      const { error } = await call("POST", "/_sandbox/authenticate", { key: this._key, client_secret: clientSecret, outcome });
      if (error) return { error };
      const after = await this.retrievePaymentIntent(clientSecret);
      const failure = after.paymentIntent?.status === "requires_payment_method" && after.paymentIntent.last_payment_error;
      return failure ? { error: { ...failure, payment_intent: after.paymentIntent } } : after;
    }
  }

  /** Turn what the page gave as payment_method into parameters, or into the first error of the form. */
  function chosenMethod(chosen) {
    if (typeof chosen === "string") return { payment_method: chosen };
    if (!chosen) return {};
    const { card, billing_details } = chosen;
    if (!(card instanceof Element)) throw misuse("payment_method needs a card element or an id.");
    const error = card._firstError();
    return error ? { error } : { payment_method_data: { ...methodData("card", card._values()), ...(billing_details ? { billing_details } : {}) } };
  }

  /** Turn what is typed into the payment element into parameters; what the page adds stands above it. */
  function elementMethod(elements, { billing_details, ...extra }, caller) {
    const element = elements?.getElement("payment");
    if (!element) throw misuse(`invalid value for ${caller}: elements should have a mounted Payment Element.`);
    if (elements._isDeferred && !elements._isSubmitted) throw misuse(`elements.submit() must be called before ${caller}. Call elements.submit() as soon as your customer presses pay, prior to any asynchronous work.`);
    const error = element._firstError();
    if (error) return { error };
    const data = methodData(element._method, element._values());
    const details = merged(data.billing_details, billing_details);
    const payment_method_data = { ...data, ...extra, ...(Object.keys(details).length ? { billing_details: details } : {}) };
    return { payment_method_data, ...(METHODS[element._method]?.isDebit ? { mandate_data: MANDATE } : {}) };
  }

  function leave(returnUrl, paymentIntent) {
    const url = new URL(returnUrl, window.location.href);
    const isFine = ["succeeded", "processing", "requires_capture"].includes(paymentIntent.status);
    const isPending = paymentIntent.status === "requires_action";
    url.searchParams.set("payment_intent", paymentIntent.id);
    url.searchParams.set("payment_intent_client_secret", paymentIntent.client_secret);
    url.searchParams.set("redirect_status", isFine ? "succeeded" : isPending ? "pending" : "failed");
    return goTo(url);
  }

  function goTo(url) {
    window.location.assign(url);
    return new Promise(() => {});
  }

  // --------------------------------------------------------------------------------------------- Checkout Sessions

  const readSession = (key, clientSecret) => {
    idOf(clientSecret, "cs_test");
    return call("GET", "/_sandbox/sessions", { key, client_secret: clientSecret });
  };

  const withId = (url, session) => url.replace("{CHECKOUT_SESSION_ID}", session.id);

  /** A Checkout Session with `ui_mode: elements`: the payment element, and the actions of the page. */
  class Checkout {
    constructor(stripe, { clientSecret, defaultValues = {} }) {
      this._stripe = stripe;
      this._secret = Promise.resolve(clientSecret);
      this._email = defaultValues.email ?? null;
      this._listeners = [];
      this._elements = new Elements(stripe, { session: () => this._terms() });
      this._loaded = this._read();
    }

    on(event, listener) { if (event === "change") this._listeners.push(listener); }

    changeAppearance() {}

    loadFonts() {}

    createPaymentElement(options) {
      const element = this._elements.create("payment", options);
      for (const event of ["change", "ready"]) element.on(event, () => this._tell());
      return element;
    }

    getPaymentElement() { return this._elements.getElement("payment"); }

    async loadActions() {
      const { error } = await this._loaded;
      if (error) return failure(error);
      const actions = {
        getSession: () => this._shown(),
        confirm: (args) => this._pay(args),
        updateEmail: (email) => this._updateEmail(email),
        runServerUpdate: (update) => this._serverUpdate(update),
      };
      return { type: "success", actions };
    }

    async _read() {
      const { ok, error } = await readSession(this._stripe._key, await this._secret);
      if (error) return { error };
      if (ok.ui_mode !== "elements") return { error: invalid(null, `A Checkout Session with ui_mode ${ok.ui_mode} has no Elements.`) };
      this._session = ok;
      this._tell();
      return {};
    }

    async _terms() {
      const { error } = await this._loaded;
      if (error) return { error };
      const { amount_total: amount, currency, payment_method_types: types, status } = this._session;
      return status === "open" ? { amount, currency, types } : { error: invalid(null, "This Checkout Session is no longer open.") };
    }

    _tell() { if (this._session) for (const listener of this._listeners) listener(this._shown()); }

    async _updateEmail(email) {
      if (email && FIELDS.email.check(email)) return { type: "error", error: { code: "invalidEmail", message: "Your email address is invalid." } };
      this._email = email;
      this._tell();
      return this._success();
    }

    /** Run the page's own change of the session, then show what is so now. */
    async _serverUpdate(update) {
      await update();
      this._loaded = this._read();
      const { error } = await this._loaded;
      if (error) return failure(error);
      await this._elements.fetchUpdates();
      return this._success();
    }

    async _pay({ returnUrl, redirect = "always", paymentMethod, email } = {}) {
      const chosen = paymentMethod ? {} : elementMethod(this._elements, {}, "actions.confirm()");
      if (chosen.error) return failure(chosen.error);
      const params = { ...chosen, payment_method: paymentMethod, email: email ?? this._email, return_url: returnUrl, use_stripe_sdk: true };
      const who = { key: this._stripe._key, client_secret: await this._secret };
      const { ok, error } = await call("POST", "/_sandbox/sessions/confirm", { ...who, ...params });
      const next = error ? { error } : await this._stripe._next(ok.payment_intent.client_secret, { paymentIntent: ok.payment_intent });
      this._loaded = this._read();
      await this._loaded;
      if (next.error) return failure(next.error);
      return redirect === "always" ? goTo(withId(returnUrl ?? this._session.return_url, this._session)) : this._success();
    }

    _success() { return { type: "success", session: this._shown() }; }

    /** The session as Stripe.js shows it. */
    _shown() {
      const { currency, status } = this._session;
      const email = this._email ?? this._session.customer_email;
      const money = (minor) => ({ minorUnitsAmount: minor, amount: shownAmount({ amount: minor, currency }) });
      const isComplete = Boolean(this.getPaymentElement()) && !this.getPaymentElement()._firstError();
      const none = money(0);
      return {
        ...Object.fromEntries(ABSENT.map((name) => [name, null])),
        id: this._session.id,
        canConfirm: status === "open" && isComplete && Boolean(email || this._session.customer),
        currency,
        email,
        lastPaymentError: this._session.payment_intent?.last_payment_error ? { message: this._session.payment_intent.last_payment_error.message } : null,
        lineItems: this._session.line_items.map((item) => shownItem(item, money)),
        livemode: this._session.livemode,
        minorUnitsAmountDivisor: divisorOf(currency),
        shippingOptions: [],
        status: status === "complete" ? { type: status, paymentStatus: this._session.payment_status } : { type: status },
        tax: { status: "ready" },
        total: {
          appliedBalance: none, balanceAppliedToNextInvoice: false, discount: none, shippingRate: none, surcharge: none, taxExclusive: none, taxInclusive: none,
          subtotal: money(this._session.amount_subtotal), total: money(this._session.amount_total),
        },
      };
    }
  }

  const ABSENT = [
    "billingAddress", "businessName", "currencyOptions", "discountAmounts", "phoneNumber", "recurring", "savedPaymentMethods", "shipping",
    "shippingAddress", "surcharge", "taxAmounts", "taxIdInfo",
  ];

  function shownItem(item, money) {
    const none = money(0);
    return {
      id: item.id, name: item.description, description: null, quantity: item.quantity, images: [],
      subtotal: money(item.amount_subtotal), total: money(item.amount_total), unitAmount: money(item.price.unit_amount),
      discount: none, taxExclusive: none, taxInclusive: none,
      adjustableQuantity: null, discountAmounts: null, recurring: null, taxAmounts: null, unitAmountDecimal: null, unitLabel: null,
    };
  }

  /** An error as the actions of a Checkout Session resolve to it. */
  function failure({ type, message, decline_code = null }) {
    if (type !== "card_error") return { type: "error", error: { message, code: null } };
    return { type: "error", error: { message, code: "paymentFailed", paymentFailed: { declineCode: decline_code } } };
  }

  /** The sandbox's page of a Checkout Session in a frame; there is one at a time. */
  class EmbeddedPage {
    constructor(clientSecret, session, onComplete) {
      if (EmbeddedPage._current) throw misuse("you cannot have multiple Embedded Checkout objects.");
      EmbeddedPage._current = this;
      this._frame = made("iframe", "sandbox-stripe-frame");
      Object.assign(this._frame, { src: `${API}/_sandbox/checkout/${session.id}?${encode({ client_secret: clientSecret })}`, title: "Checkout" });
      this._listener = (message) => {
        const isOurs = message.source === this._frame.contentWindow && message.data?.type === "sandbox.checkout.complete";
        if (!isOurs) return;
        if (session.redirect_on_completion === "always") goTo(withId(session.return_url, session));
        else onComplete?.();
      };
    }

    mount(target) {
      addStyles();
      window.addEventListener("message", this._listener);
      placeOf(target).replaceChildren(this._frame);
    }

    unmount() { window.removeEventListener("message", this._listener); this._frame.remove(); }

    destroy() { this.unmount(); EmbeddedPage._current = null; }
  }

  // ------------------------------------------------------------------------------------------------------- styles

  const STYLES = `
    .sandbox-stripe { display: flex; flex-wrap: wrap; gap: 8px; font: 16px/1.4 system-ui, sans-serif; }
    .sandbox-stripe input:not([type="radio"]) { flex: 4 1 13em; min-width: 13em; box-sizing: border-box; padding: 10px 12px; font: inherit; color: #1a1f36;
      background: #fff; border: 1px solid #cfd7df; border-radius: 6px; }
    .sandbox-stripe input.sandbox-stripe-expiry, .sandbox-stripe input.sandbox-stripe-cvc { flex: 1 1 5.6em; min-width: 5.6em; }
    .sandbox-stripe-amount { flex: 1 0 100%; margin: 0; font-weight: 600; }
    .sandbox-stripe-choice, .sandbox-stripe-form { display: flex; flex: 1 0 100%; flex-wrap: wrap; gap: 8px; }
    .sandbox-stripe-choice:empty { display: none; }
    .sandbox-stripe-option { display: flex; flex: 1 0 100%; gap: 8px; align-items: center; cursor: pointer; }
    .sandbox-stripe-frame { width: 100%; min-height: 44em; border: 0; }
    .sandbox-stripe input:focus-visible { outline: 3px solid #b3aeff; outline-offset: 0; border-color: #635bff; }
    .sandbox-stripe input[aria-invalid="true"] { color: #b3093c; border-color: #b3093c; }
    .sandbox-stripe-dialog { width: min(22em, 90vw); box-sizing: border-box; padding: 24px; border: 0; border-radius: 12px; color: #1a1f36;
      font: 16px/1.5 system-ui, sans-serif; box-shadow: 0 20px 60px rgb(0 0 0 / 35%); }
    .sandbox-stripe-dialog::backdrop { background: rgb(10 15 40 / 55%); }
    .sandbox-stripe-dialog h2 { margin: 0 0 8px; font-size: 20px; }
    .sandbox-stripe-button { display: block; width: 100%; margin-top: 12px; padding: 11px; font: inherit; font-weight: 600; cursor: pointer;
      border: 1px solid #cfd7df; border-radius: 8px; background: #fff; color: #1a1f36; }
    .sandbox-stripe-button:focus-visible { outline: 3px solid #b3aeff; outline-offset: 2px; }
    .sandbox-stripe-complete { background: #635bff; border-color: #635bff; color: #fff; }
    .sandbox-stripe-close { position: absolute; top: 12px; right: 12px; width: 36px; margin: 0; padding: 4px; border: 0; font-size: 20px; }`;

  let areStylesAdded = false;

  /** Add the styles as an object, which a strict Content-Security-Policy lets through. */
  function addStyles() {
    if (areStylesAdded) return;
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(STYLES);
    document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
    areStylesAdded = true;
  }

  function makeStripe(key) {
    if (typeof key !== "string" || !key.startsWith("pk_test_")) throw misuse("the sandbox takes only a key that begins with pk_test_.");
    return new Stripe(key);
  }

  window.Stripe = Object.assign(makeStripe, { version: 3 });
})();
