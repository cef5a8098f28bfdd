// "It is a 7": a drawing that was read wrongly is learnt, at once, by the model that read it.

import { Collection } from "./collection.js";
import { byId, createElement, messageOf } from "./dom.js";
import { translate } from "./i18n.js";
import { canLearn, DIGITS, learnDigits, MINE } from "./teaching.js";

export class OwnDigits {
  collection = new Collection(DIGITS, true);
  isLearning = false;
  chosenFor = -1; // the version of the drawing for which the reader chose the digit
  from = ""; // the key of the model that learns them

  /** @param {import("./draw.js").Draw} draw */
  constructor(draw) {
    this.draw = draw;
    this.choice = byId("meant-class", HTMLSelectElement);
    this.choice.replaceChildren(...DIGITS.map((name) => createElement("option", { textContent: name })));
    this.choice.onchange = () => {
      this.chosenFor = this.draw.version;
    };
    byId("correction").onsubmit = (event) => {
      event.preventDefault();
      this.#correct();
    };
  }

  /** What is read has changed, or what is chosen in the bars. */
  refresh() {
    const { bars, choice, evidence, ink, isStale } = this.draw;
    const model = choice.models.find(({ model }) => model === choice.chosen);
    byId("correction").hidden = !evidence || ink.isDemonstration || !canLearn(model, bars.classes);
    byId("correct", HTMLButtonElement).disabled = isStale || this.isLearning;
    const likely = bars.chosen ?? (bars.prediction?.label === null ? bars.leading : bars.second);
    if (likely && this.chosenFor !== this.draw.version) this.choice.value = likely;
  }

  /**
   * The chosen model learns all drawings that were collected; if it is the one that learnt them, the model that it was
   * at first.
   * @param {boolean} withVariants
   */
  async teach(withVariants) {
    const { chosen, models } = this.draw.choice;
    const chosenOne = models.find(({ model }) => model === chosen);
    if (chosen !== MINE && canLearn(chosenOne, DIGITS)) this.from = chosen;
    this.from ||= models.find((model) => model.model !== MINE && canLearn(model, DIGITS))?.model ?? "";
    const { onTest, ...numbers } = await learnDigits(this.collection, this.from, withVariants);
    const kept = onTest && { n: onTest.n, before: percentage(onTest.before), now: percentage(onTest.now) };
    const more = kept ? ` ${translate("digits_on_test", kept)}` : "";
    return { key: MINE, sentence: translate("digits_learnt", numbers) + more };
  }

  async #correct() {
    const { evidence } = this.draw;
    if (!evidence || this.draw.isStale || this.isLearning) return;
    const image = Uint8Array.from(evidence.image.values);
    const isKept = this.collection.add(DIGITS.indexOf(this.choice.value), image);
    this.isLearning = true;
    this.refresh();
    byId("corrected").textContent = translate("symbols_learning");
    try {
      const { key, sentence } = await this.teach(true);
      byId("corrected").textContent = isKept ? sentence : translate("symbols_full");
      await this.draw.loadModels(key);
    } catch (error) {
      byId("corrected").textContent = messageOf(error);
    }
    this.isLearning = false;
    this.refresh();
  }
}

/** @param {number} share */
const percentage = (share) => (100 * share).toFixed(1);
