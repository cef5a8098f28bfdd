// Your own symbols, and your own digits: drawn here, learnt in a moment, saved and loaded as one file.

import { pageModels } from "./backend.js";
import { Collection, MAX_CLASSES, MAX_NAME, readClasses } from "./collection.js";
import { byId, createCanvas, createElement, find, messageOf } from "./dom.js";
import { translate } from "./i18n.js";
import { SIDE } from "./image_format.js";
import { Ink } from "./ink.js";
import { drawInk } from "./pixels.js";
import { DIGITS, learnSymbols, SYMBOLS, VARIANTS } from "./teaching.js";

const JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎㅏㅓㅗㅜㅡㅣ"; // names to begin with

export class Symbols {
  own = new Collection([...JAMO.slice(0, 3)], false);
  collection = this.own; // the one that is shown
  chosen = 0; // class

  /**
   * @param {(message: string) => void} showError
   * @param {import("./own_digits.js").OwnDigits} digits
   * @param {(model: string) => void} onUse
   */
  constructor(showError, digits, onUse) {
    this.showError = showError;
    this.digits = digits;
    this.onUse = onUse;
    this.ink = new Ink(byId("symbol-ink", HTMLCanvasElement), byId("symbol-sheet"), byId("symbol-pen"), () =>
      this.#showTools(),
    );
    byId("keep").onclick = () => this.#keep();
    byId("symbol-ink").addEventListener("keydown", (event) => {
      if (event.key === "k") this.#keep();
    });
    byId("symbol-undo").onclick = () => this.ink.undo();
    byId("add-class").onclick = () => this.#addClass();
    byId("teach").onclick = () => this.#teach();
    byId("save-symbols").onclick = () => this.#save();
    byId("own-symbols").onclick = () => this.#showCollection(this.own);
    byId("own-digits").onclick = () => this.#showCollection(this.digits.collection);
    const input = byId("load-symbols", HTMLInputElement);
    input.onchange = () => {
      const file = input.files?.[0];
      if (file) this.#load(file);
      input.value = "";
    };
  }

  open() {
    this.ink.redraw();
    this.refresh();
  }

  /** The language or the colours have changed. */
  refresh() {
    this.ink.redraw();
    byId("symbol-classes").replaceChildren(...this.collection.classes.map((_, c) => this.#row(c)));
    byId("variants-label").textContent = translate("symbols_variants", { n: VARIANTS });
    const { isFixed } = this.collection;
    byId("own-symbols").setAttribute("aria-pressed", String(!isFixed));
    byId("own-digits").setAttribute("aria-pressed", String(isFixed));
    byId("symbols-lead").textContent = translate(isFixed ? "digits_lead" : "symbols_lead");
    byId("symbols-held-out").textContent = translate(isFixed ? "digits_kept" : "symbols_held_out");
    byId("teach").textContent = translate(isFixed ? "digits_teach" : "symbols_teach");
    byId("add-class").hidden = isFixed;
    this.#showTools();
  }

  /** @param {Collection} collection */
  #showCollection(collection) {
    this.collection = collection;
    this.chosen = 0;
    byId("taught").textContent = "";
    byId("use-symbols").hidden = true;
    this.refresh();
  }

  #showTools() {
    const { classes, filled, isTeachable } = this.collection;
    byId("keep", HTMLButtonElement).disabled = this.ink.empty;
    byId("symbol-undo", HTMLButtonElement).disabled = !this.ink.canUndo;
    byId("keep").textContent = translate("symbols_keep", { name: classes[this.chosen].name });
    byId("add-class", HTMLButtonElement).disabled = classes.length >= MAX_CLASSES;
    byId("teach", HTMLButtonElement).disabled = !isTeachable;
    byId("save-symbols", HTMLButtonElement).disabled = !filled.length;
  }

  /**
   * A class: its name, how many drawings it has, and the drawings, each of which can be taken away.
   * @param {number} c
   */
  #row(c) {
    const { name, drawings } = this.collection.classes[c];
    const chosen = c === this.chosen;
    const choose = createElement("button", {
      type: "button",
      className: "choose",
      textContent: translate("symbols_count", { n: drawings.length }),
      attributes: { "aria-pressed": chosen, "aria-label": translate("symbols_choose", { name, n: drawings.length }) },
      onclick: () => this.#choose(c),
    });
    const input = createElement("input", {
      type: "text",
      value: name,
      maxLength: MAX_NAME,
      readOnly: this.collection.isFixed,
      attributes: { "aria-label": translate("symbols_name") },
      onchange: () => this.#rename(c, input.value),
    });
    const tiles = drawings.map((drawing, i) => this.#tile(c, i, drawing));
    const row = createElement("li", { className: chosen ? "symbol chosen" : "symbol" });
    row.append(createElement("div", { className: "head" }, input, choose), createElement("ol", {}, ...tiles));
    return row;
  }

  /**
   * A drawing, as a button that takes it away.
   * @param {number} c
   * @param {number} i
   * @param {import("./collection.js").SymbolDrawing} drawing
   */
  #tile(c, i, { image, isHeldOut }) {
    const canvas = createCanvas("");
    drawInk(canvas, { shape: [SIDE, SIDE], values: image, scale: 1 });
    const attributes = { "aria-label": translate("symbols_remove", { name: this.collection.names[c], i: i + 1 }) };
    const className = isHeldOut ? "drawing held-out" : "drawing";
    const onclick = () => {
      this.collection.classes[c].drawings.splice(i, 1);
      this.refresh();
    };
    return createElement("li", {}, createElement("button", { type: "button", className, attributes, onclick }, canvas));
  }

  /** @param {number} c */
  #choose(c) {
    this.chosen = c;
    this.refresh();
    find(byId("symbol-classes").children[c], ".choose").focus();
  }

  /**
   * @param {number} c
   * @param {string} text
   */
  #rename(c, text) {
    const name = text.normalize("NFC").replace(/\p{C}/gu, "").trim();
    const isFree = name && !this.collection.names.some((other, k) => k !== c && other === name);
    this.showError(isFree ? "" : translate("symbols_same_name"));
    if (isFree) this.collection.classes[c].name = name;
    this.refresh();
  }

  #addClass() {
    const { classes, names } = this.collection;
    const name = [...JAMO].find((jamo) => !names.includes(jamo));
    classes.push({ name: name ?? String(classes.length + 1), drawings: [] });
    this.chosen = classes.length - 1;
    this.refresh();
    find(byId("symbol-classes").children[this.chosen], "input").focus();
  }

  async #keep() {
    if (this.ink.empty) return;
    const image = await pageModels.imageOf(this.ink.capture());
    const isKept = image && this.collection.add(this.chosen, image);
    this.showError(isKept ? "" : translate(image ? "symbols_full" : "blank"));
    if (!isKept) return;
    this.ink.clear();
    this.refresh();
  }

  async #teach() {
    const { collection } = this;
    const withVariants = byId("variants", HTMLInputElement).checked;
    byId("teach", HTMLButtonElement).disabled = true;
    byId("taught").textContent = translate("symbols_learning");
    try {
      const { key, sentence } = await (collection.isFixed
        ? this.digits.teach(withVariants)
        : this.#learn(withVariants));
      byId("taught").textContent = sentence;
      byId("use-symbols").hidden = false;
      byId("use-symbols").onclick = () => this.onUse(key);
    } catch (error) {
      byId("taught").textContent = messageOf(error);
    }
    this.#showTools();
  }

  /** @param {boolean} withVariants */
  async #learn(withVariants) {
    const numbers = await learnSymbols(this.own, withVariants);
    const sentence = translate(numbers.held ? "symbols_learnt_tested" : "symbols_learnt", numbers);
    return { key: SYMBOLS, sentence };
  }

  #save() {
    const href = URL.createObjectURL(this.collection.toFile());
    createElement("a", { href, download: this.collection.isFixed ? "digits.npz" : "symbols.npz" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }

  /** @param {File} file */
  async #load(file) {
    try {
      const classes = await readClasses(file);
      const areDigits = String(classes.map(({ name }) => name)) === String(DIGITS);
      const collection = areDigits ? this.digits.collection : this.own;
      collection.classes = classes;
      this.showError("");
      this.#showCollection(collection);
    } catch {
      this.showError(translate("symbols_not_read"));
    }
  }
}
