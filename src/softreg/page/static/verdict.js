// The answer: the digit that was read, or each of several, one of which the bars and the map are about.

/** @import { Prediction, Reading } from "./types.d.ts" */

import { byId, createElement, find } from "./dom.js";
import { percent, translate } from "./i18n.js";

const SPEAK_DELAY = 700; // milliseconds the pen rests before the answer is read aloud

export class Verdict {
  /** @type {Prediction | null} */
  prediction = null;
  /** @type {number | null} the digit that was tapped; null: the least certain one */
  chosen = null;
  /** @type {number | undefined} */
  speakTimer;

  /** @param {() => void} onChoose */
  constructor(onChoose) {
    this.digit = byId("digit");
    this.onChoose = onChoose;
  }

  get digits() {
    return this.prediction?.digits ?? [];
  }

  /** Which of the digits the bars are about. */
  get index() {
    const least = this.digits.reduce((a, { probability }, i, all) => (probability < all[a].probability ? i : a), 0);
    return this.chosen ?? least;
  }

  /**
   * What the bars are about: one digit, or an answer without any.
   * @returns {Reading | null}
   */
  get reading() {
    return this.digits[this.index] ?? this.prediction;
  }

  /**
   * @param {Prediction | null} prediction
   * @param {string} message what is wrong, if there is no answer
   * @param {boolean} isSpoken
   */
  show(prediction, message, isSpoken) {
    if (prediction?.digits?.length !== this.digits.length) this.chosen = null;
    this.prediction = prediction;
    if (this.digits.length > 1) this.#showSeveral();
    else this.#showOne(prediction?.label ?? (prediction ? "?" : "–"));
    byId("sure").replaceChildren(...(prediction ? this.#certainty(prediction) : [message || translate("nothing_yet")]));
    clearTimeout(this.speakTimer);
    if (prediction && isSpoken) this.speakTimer = setTimeout(() => speak(prediction), SPEAK_DELAY);
  }

  /** @param {string} text */
  #showOne(text) {
    this.digit.textContent = text;
    this.digit.setAttribute("aria-hidden", "true");
    this.digit.classList.toggle("none", !this.prediction?.label);
    this.digit.classList.toggle("many", text.length > 2);
  }

  #showSeveral() {
    const buttons = this.digits.map(({ label, probability }, i) => {
      const name = label ?? "?";
      const certainty = label === null ? translate("abstains") : percent(probability);
      const params = { i: i + 1, n: this.digits.length, name, certainty };
      const attributes = { "aria-pressed": i === this.index, "aria-label": translate("digit_label", params) };
      const onclick = () => this.#choose(i);
      return createElement("button", { type: "button", className: "one", textContent: name, attributes, onclick });
    });
    const focused = [...this.digit.children].indexOf(document.activeElement ?? document.body);
    this.digit.replaceChildren(...buttons);
    buttons[focused]?.focus();
    this.digit.setAttribute("aria-hidden", "false");
    this.digit.classList.remove("none");
    this.digit.classList.add("many");
  }

  /** @param {number} i */
  #choose(i) {
    this.chosen = i;
    this.onChoose();
    find(this.digit, `:nth-child(${i + 1})`).focus();
  }

  /**
   * How sure the model is, or why it abstains.
   * @param {Prediction} prediction
   */
  #certainty(prediction) {
    const isOne = this.digits.length > 1 && this.chosen !== null;
    const { label, probability, reason } = isOne ? this.digits[this.index] : prediction;
    if (label === null || probability === null)
      return [createElement("b", { textContent: translate("abstains") }), reason ?? ""];
    const params = { i: this.index + 1, n: this.digits.length };
    const meaning = isOne ? "sure_one" : this.digits.length > 1 ? "several" : "sure";
    return [createElement("b", { textContent: percent(probability) }), translate(meaning, params)];
  }
}

/** @param {Prediction} prediction */
function speak({ label, probability, reason }) {
  byId("spoken").textContent = label === null ? reason : `${label}: ${percent(probability ?? 0)}`;
}
