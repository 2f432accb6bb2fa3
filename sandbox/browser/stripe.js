/*
 * The sandbox's stand-in for Stripe.js: Stripe(pk) with card and payment elements, confirmations and a 3DS dialog.
 * It talks to the host that it was loaded from. One plain file, no build step.
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

  function idOf(clientSecret) {
    const match = /^(pi_[A-Za-z0-9]+)_secret_[A-Za-z0-9]+$/.exec(clientSecret);
    if (!match) throw new Error("IntegrationError: the client secret is not of the form pi_…_secret_….");
    return match[1];
  }

  const invalid = (code, message) => ({ type: "validation_error", code, message });

  // --------------------------------------------------------------------------------------------------------- card

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

  const FIELDS = {
    number: {
      label: "Card number",
      placeholder: "Card number",
      autocomplete: "cc-number",
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
      format: (text) => digits(text).slice(0, 4),
      check: (text) => (digits(text).length < 3 ? invalid("incomplete_cvc", "Your card's security code is incomplete.") : null),
    },
  };

  /** The card element, and the payment element, which is the same form for a PaymentIntent known beforehand. */
  class Element {
    constructor(type, options, elements) {
      this._type = type;
      this._options = options;
      this._elements = elements;
      this._listeners = new Map();
      this._inputs = {};
      this._root = document.createElement("div");
      this._root.className = `sandbox-stripe sandbox-stripe-${type}`;
      this._root.setAttribute("role", "group");
      this._root.setAttribute("aria-label", "Card details");
      for (const name of Object.keys(FIELDS)) this._root.append(this._input(name));
      this.update(options);
    }

    _input(name) {
      const field = FIELDS[name];
      const input = document.createElement("input");
      Object.assign(input, { type: "text", inputMode: "numeric", placeholder: field.placeholder, autocomplete: field.autocomplete, spellcheck: false });
      input.className = `sandbox-stripe-${name}`;
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
      const state = this._state(isTyping ? null : error);
      this._mark("complete", state.complete);
      this._mark("empty", state.empty);
      this._mark("invalid", Boolean(state.error));
      this._emit("change", state);
    }

    _state(error) {
      const brand = brandOf(digits(this._inputs.number.value));
      const empty = Object.values(this._inputs).every((input) => !input.value);
      const state = { elementType: this._type, empty, complete: !this._firstError(), error: error ?? undefined };
      return this._type === "card" ? { ...state, brand, value: { postalCode: "" } } : { ...state, collapsed: false, value: { type: "card" } };
    }

    _firstError() {
      for (const [name, field] of Object.entries(FIELDS)) {
        const error = field.check(this._inputs[name].value);
        if (error) return error;
      }
      return null;
    }

    _card() {
      const expiry = digits(this._inputs.expiry.value);
      return { number: digits(this._inputs.number.value), exp_month: Number(expiry.slice(0, 2)), exp_year: 2000 + Number(expiry.slice(2)), cvc: this._inputs.cvc.value };
    }

    _mark(name, isOn) {
      this._root.parentElement?.classList.toggle(`StripeElement--${name}`, isOn);
    }

    _emit(event, detail) {
      for (const listener of [...(this._listeners.get(event) || [])]) listener(detail);
    }

    mount(target) {
      const place = typeof target === "string" ? document.querySelector(target) : target;
      if (!place) throw new Error(`IntegrationError: there is no element ${target} to mount in.`);
      addStyles();
      place.replaceChildren(this._root);
      place.classList.add("StripeElement", "StripeElement--empty");
      this._load();
    }

    async _load() {
      const error = this._type === "payment" ? await this._elements._refusal() : null;
      if (error) {
        this._root.textContent = error.message;
        this._emit("loaderror", { elementType: this._type, error });
      } else {
        this._emit("ready", { elementType: this._type });
      }
    }

    unmount() { this._root.remove(); }

    destroy() { this.unmount(); this._listeners.clear(); this._elements._forget(this); }

    clear() {
      for (const input of Object.values(this._inputs)) { input.value = ""; input.dataset.before = ""; input.removeAttribute("aria-invalid"); }
      this._changed(this._inputs.cvc, "cvc");
    }

    focus() { this._inputs.number.focus(); }

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

  class Elements {
    constructor(stripe, options) {
      this._stripe = stripe;
      this._options = options;
      this._made = [];
    }

    create(type, options = {}) {
      if (!["card", "payment"].includes(type)) throw new Error(`IntegrationError: the sandbox has no element of type ${type}.`);
      if (this.getElement(type)) throw new Error(`IntegrationError: there is already an element of type ${type}.`);
      const element = new Element(type, { ...options }, this);
      this._made.push(element);
      return element;
    }

    getElement(type) { return this._made.find((element) => element._type === type) || null; }

    update(options) { Object.assign(this._options, options); }

    async fetchUpdates() { return {}; }

    async submit() {
      const error = this.getElement("payment")?._firstError();
      return error ? { error } : { selectedPaymentMethod: "card" };
    }

    _forget(element) { this._made = this._made.filter((other) => other !== element); }

    /** Elements does not start for a PaymentIntent that can no longer be paid. */
    async _refusal() {
      if (!this._options.clientSecret) return null;
      const { paymentIntent, error } = await this._stripe.retrievePaymentIntent(this._options.clientSecret);
      if (error) return error;
      const isOver = ["succeeded", "canceled", "processing", "requires_capture"].includes(paymentIntent.status);
      return isOver ? { type: "invalid_request_error", code: "payment_intent_unexpected_state", message: "This payment can no longer be made.", payment_intent: paymentIntent } : null;
    }
  }

  // ------------------------------------------------------------------------------------------------------- dialog

  /** Show the bank's challenge; resolve "succeed" or "fail" (closing it is failing it). */
  function challenge(paymentIntent) {
    addStyles();
    const dialog = document.createElement("dialog");
    dialog.className = "sandbox-stripe-dialog";
    dialog.setAttribute("role", "dialog");
    dialog.setAttribute("aria-modal", "true");
    dialog.setAttribute("aria-label", "3D Secure authentication");
    const sum = document.createElement("p");
    sum.textContent = `${shownAmount(paymentIntent)} · your bank wants to know that it is you.`;
    const title = document.createElement("h2");
    title.textContent = "3D Secure";
    const close = button("×", "close");
    close.setAttribute("aria-label", "Close");
    const complete = button("Complete authentication", "complete");
    const fail = button("Fail authentication", "fail");
    dialog.append(close, title, sum, complete, fail);
    document.body.append(dialog);
    return new Promise((resolve) => {
      const finish = (outcome) => { dialog.remove(); resolve(outcome); };
      complete.addEventListener("click", () => finish("succeed"));
      fail.addEventListener("click", () => finish("fail"));
      close.addEventListener("click", () => finish("fail"));
      dialog.addEventListener("cancel", () => finish("fail"));
      dialog.showModal();
      complete.focus();
    });
  }

  function button(text, name) {
    const made = document.createElement("button");
    made.type = "button";
    made.textContent = text;
    made.className = `sandbox-stripe-button sandbox-stripe-${name}`;
    return made;
  }

  function shownAmount({ amount, currency }) {
    const twoDecimals = ["isk", "ugx"].includes(currency) ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : {};
    const format = new Intl.NumberFormat("en", { style: "currency", currency: currency.toUpperCase(), ...twoDecimals });
    return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
  }

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
      const { payment_method, payment_method_data: extra = {}, ...params } = confirmParams;
      if (redirect === "always" && !params.return_url) throw new Error("IntegrationError: confirmPayment needs confirmParams.return_url.");
      const element = elements?.getElement("payment");
      const chosen = payment_method ? { payment_method } : chosenMethod({ card: element, billing_details: extra.billing_details });
      if (chosen.error) return chosen;
      const confirmed = await this._confirm(clientSecret, { ...chosen, ...params, expected_payment_method_type: "card" });
      const result = await this._next(clientSecret, confirmed);
      if (result.paymentIntent && redirect === "always") return leave(params.return_url, result.paymentIntent);
      return result;
    }

    async handleNextAction({ clientSecret }) {
      return this._next(clientSecret, await this.retrievePaymentIntent(clientSecret));
    }

    async handleCardAction(clientSecret) { return this.handleNextAction({ clientSecret }); }

    async createPaymentMethod({ type = "card", card, elements, billing_details, params = {} }) {
      const element = elements?.getElement("payment") || card;
      const chosen = chosenMethod({ card: element, billing_details: billing_details || params.billing_details });
      if (chosen.error) return chosen;
      const { ok, error } = await call("POST", "/v1/payment_methods", { key: this._key, ...chosen.payment_method_data, type });
      return error ? { error } : { paymentMethod: ok };
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
      if (paymentIntent.next_action.type === "redirect_to_url") {
        window.location.assign(paymentIntent.next_action.redirect_to_url.url);
        return new Promise(() => {});
      }
      const outcome = await challenge(paymentIntent);
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
    if (!(card instanceof Element)) throw new Error("IntegrationError: payment_method needs a card element or an id.");
    const error = card._firstError();
    return error ? { error } : { payment_method_data: { type: "card", card: card._card(), ...(billing_details ? { billing_details } : {}) } };
  }

  function leave(returnUrl, paymentIntent) {
    const url = new URL(returnUrl, window.location.href);
    const isFine = ["succeeded", "processing", "requires_capture"].includes(paymentIntent.status);
    url.searchParams.set("payment_intent", paymentIntent.id);
    url.searchParams.set("payment_intent_client_secret", paymentIntent.client_secret);
    url.searchParams.set("redirect_status", isFine ? "succeeded" : "failed");
    window.location.assign(url);
    return new Promise(() => {});
  }

  // ------------------------------------------------------------------------------------------------------- styles

  const STYLES = `
    .sandbox-stripe { display: flex; flex-wrap: wrap; gap: 8px; font: 16px/1.4 system-ui, sans-serif; }
    .sandbox-stripe input { flex: 1 1 5em; min-width: 5em; box-sizing: border-box; padding: 10px 12px; font: inherit; color: #1a1f36;
      background: #fff; border: 1px solid #cfd7df; border-radius: 6px; }
    .sandbox-stripe input.sandbox-stripe-number { flex: 4 1 13em; min-width: 13em; }
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
    if (typeof key !== "string" || !key.startsWith("pk_test_")) throw new Error("IntegrationError: the sandbox takes only a key that begins with pk_test_.");
    return new Stripe(key);
  }

  window.Stripe = Object.assign(makeStripe, { version: 3 });
})();
