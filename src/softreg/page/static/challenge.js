// Small challenges, once somebody has drawn: a 4 that the model takes for a 9.

import { byId } from "./dom.js";
import { translate } from "./i18n.js";

const PAIRS = ["49", "71", "38", "56", "17", "06", "94", "27", "65", "35"]; // looks like the one, is read as the other

export class Challenge {
  number = 0;
  hasDrawn = false;

  /** @param {import("./draw.js").Draw} draw */
  constructor(draw) {
    this.draw = draw;
    byId("next-challenge").onclick = () => {
      this.number++;
      this.refresh();
    };
  }

  /** What is read has changed, or the language. */
  refresh() {
    const { bars, ink, verdict } = this.draw;
    this.hasDrawn ||= !ink.empty && !ink.isDemonstration;
    const [from, to] = PAIRS[this.number % PAIRS.length];
    byId("challenge").hidden = !this.hasDrawn || !bars.classes.includes(from) || !bars.classes.includes(to);
    const isMet = !ink.isDemonstration && verdict.prediction?.label === to;
    byId("challenge").classList.toggle("met", isMet);
    byId("challenge-text").textContent = translate(isMet ? "challenge_met" : "challenge", { from, to });
  }
}
