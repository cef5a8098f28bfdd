// The classes as bars: probability, logit, and which class the explanation is about.

/** @import { Reading } from "./types.d.ts" */

import { byId, createElement, find } from "./dom.js";
import { percent, signed, translate } from "./i18n.js";

export class Bars {
  /** @type {Reading | null} */
  prediction = null;
  /** @type {string[]} */
  classes = [];
  /** @type {string | null} the class that was tapped */
  chosen = null;

  /** @param {() => void} onChoose */
  constructor(onChoose) {
    this.box = byId("bars");
    this.onChoose = onChoose;
    this.#build([..."0123456789"]);
  }

  /** The most probable class. */
  get leading() {
    const { probabilities, logits } = this.prediction ?? {};
    if (!probabilities || !logits) return null;
    return Object.entries(probabilities).reduce((a, b) => (b[1] > a[1] ? b : a))[0];
  }

  /** The second most probable class. */
  get second() {
    const rest = Object.entries(this.prediction?.probabilities ?? {}).filter(([name]) => name !== this.leading);
    return this.leading && rest.length ? rest.reduce((a, b) => (b[1] > a[1] ? b : a))[0] : null;
  }

  /** @param {Reading | null} prediction */
  show(prediction) {
    this.prediction = prediction;
    if (!prediction) this.chosen = null;
    const classes = Object.keys(prediction?.probabilities ?? {});
    if (classes.length && String(classes) !== String(this.classes)) this.#build(classes);
    this.box.classList.toggle("doubtful", prediction?.label === null);
    for (const button of this.box.querySelectorAll("button")) this.#update(button);
  }

  /** @param {boolean} busy whether the bars are about to change */
  setBusy(busy) {
    this.box.setAttribute("aria-busy", String(busy));
  }

  /** @param {HTMLButtonElement} button */
  #update(button) {
    const name = button.dataset.name ?? "";
    const logit = this.prediction?.logits?.[name];
    const p = logit === undefined ? undefined : this.prediction?.probabilities?.[name];
    const [probability, score] = [p === undefined ? "" : percent(p), logit === undefined ? "" : signed(logit)];
    const label = p === undefined ? name : translate("bar_label", { name, probability, logit: score });
    find(button, ".bar").style.transform = `scaleX(${p ?? 0})`;
    find(button, ".p").textContent = probability;
    find(button, ".z").textContent = score;
    button.classList.toggle("first", name === this.leading);
    button.setAttribute("aria-pressed", String(name === this.chosen));
    button.setAttribute("aria-label", label);
    button.disabled = p === undefined;
  }

  /** @param {string[]} classes */
  #build(classes) {
    this.classes = classes;
    this.box.replaceChildren(...classes.map((name) => createElement("li", {}, this.#button(name))));
  }

  /** @param {string} name */
  #button(name) {
    const onclick = () => {
      this.chosen = this.chosen === name ? null : name;
      this.show(this.prediction);
      this.onChoose();
    };
    const track = createElement("span", { className: "track" }, createElement("span", { className: "bar" }));
    const parts = [createElement("span", { className: "name", textContent: name }), track];
    for (const className of ["p", "z"]) parts.push(createElement("span", { className }));
    return createElement("button", { type: "button", dataset: { name }, onclick }, ...parts);
  }
}
