// Progressive enhancement of the pages for the owner. Without this script they do the same, with one more click here and
// there.

/** Interval, in milliseconds, between two questions for how far a device is. */
const POLL_INTERVAL = 2_000;

/** Sets the text only if it changes, so that screen readers announce changes alone. */
const write = (element, text) => { if (element.textContent !== text) element.textContent = text; };

/** Follows a device on its way to the first beat, for as long as there is anything to wait for. */
class Progress {
  #box;
  #url;

  constructor(box) {
    this.#box = box;
    this.#url = box.dataset.progress;
    box.querySelector(".without-script").hidden = true;
    this.#pollLater();
    // Browsers delay the timers of hidden pages.
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") this.#poll(); });
  }

  #pollLater() {
    this.timer = setTimeout(() => this.#poll(), POLL_INTERVAL);
  }

  async #poll() {
    clearTimeout(this.timer);
    if (!this.#url) return;
    try {
      const response = await fetch(this.#url);
      // The session may have ended, or the device is gone: the page itself says so.
      if (response.status === 401 || response.status === 404) return location.reload();
      if (response.ok) this.#show(await response.json());
    } catch {
      // The server is away for the moment.
    }
    if (this.#url) this.#pollLater();
  }

  #show({ state, text, left, is_waiting: isWaiting }) {
    this.#box.dataset.state = state;
    write(this.#box.querySelector("[role=status]"), text);
    // Beside the live region: it changes each minute.
    write(this.#box.querySelector(".left"), left);
    if (!isWaiting) this.#url = undefined;
  }
}

/** Closes the question whether to erase a device, without loading the page again. */
function keep(event) {
  event.preventDefault();
  const question = event.currentTarget.closest("details");
  question.open = false;
  question.querySelector("summary").focus();
}

/** Offers the time zone of the browser. It is not filled in by itself, as strangers see what was saved. */
function offerTimezone(button) {
  const field = document.getElementById(button.dataset.offersTimezone);
  const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
  if (!timeZone || timeZone === field.value) return;
  button.textContent = `Use ${timeZone}, as this browser does`;
  button.hidden = false;
  button.addEventListener("click", () => { field.value = timeZone; });
}

/** Delay, in milliseconds, after the last key until an alert as typed is asked about. */
const TYPING_DELAY = 300;

/** Says when an alert would have fired, while its rule is typed. */
class Preview {
  #form;
  #timer;
  #request;

  constructor(form) {
    this.#form = form;
    form.querySelector("[value=preview]").hidden = true;
    form.addEventListener("input", ({ target }) => {
      if (["after", "device", "rest_from", "rest_to"].includes(target.name)) this.#askLater();
    });
    this.#ask();
  }

  #askLater() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#ask(), TYPING_DELAY);
  }

  async #ask() {
    // An answer to what was typed before is of no use.
    this.#request?.abort();
    this.#request = new AbortController();
    const typed = new FormData(this.#form);
    const query = new URLSearchParams();
    for (const name of ["after", "device", "rest_from", "rest_to"]) query.set(name, typed.get(name));
    try {
      const response = await fetch(`${this.#form.dataset.previews}?${query}`, { signal: this.#request.signal });
      if (response.ok) this.#show(await response.json());
    } catch {
      // The server is away for the moment, or more was typed.
    }
  }

  #show({ text, dates, more }) {
    const box = this.#form.querySelector(".would");
    write(box.querySelector("[role=status]"), text);
    box.querySelector("ul").replaceChildren(...dates.map((date) => {
      const item = document.createElement("li");
      item.textContent = date;
      return item;
    }));
    write(box.querySelector(".more"), more);
  }
}

for (const form of document.querySelectorAll("[data-previews]")) new Preview(form);
for (const box of document.querySelectorAll("[data-progress]")) new Progress(box);
for (const form of document.querySelectorAll("form.keep")) form.addEventListener("submit", keep);
for (const button of document.querySelectorAll("[data-offers-timezone]")) offerTimezone(button);
