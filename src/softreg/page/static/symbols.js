// Your own symbols: classes with names in any script, drawn here, learnt in a moment, saved and loaded as one file.

/** @import { LabelledImages, Weights } from "./types.d.ts" */

import { pageModels } from "./backend.js";
import { byId, createCanvas, createElement, find } from "./dom.js";
import { translate } from "./i18n.js";
import { SIDE, SIZE } from "./image_format.js";
import { Ink } from "./ink.js";
import { classify } from "./linear_model.js";
import { readNpz, writeNpz } from "./npz.js";
import { drawInk } from "./pixels.js";
import { readWhole } from "./reading.js";
import { startWorker } from "./worker.js";

export const SYMBOLS = "symbols"; // the key of their model
const [MIN_CLASSES, MAX_CLASSES] = [2, 20];
const MAX_DRAWINGS = 200; // of a class
const MAX_NAME = 20; // characters
const HELD_OUT = 5; // every fifth drawing of a class is not learnt from: it tests what was learnt
const VARIANTS = 8;
const L2 = 0.01; // from 0.003 to 0.1 as many of MNIST's training images are read right, within a percent
const SEED = 777;
const JAMO = "ㄱㄴㄷㄹㅁㅂㅅㅇㅈㅊㅋㅌㅍㅎㅏㅓㅗㅜㅡㅣ"; // names to begin with

/** @typedef {{ image: Uint8Array, isHeldOut: boolean }} SymbolDrawing */
/** @typedef {{ name: string, drawings: SymbolDrawing[] }} SymbolClass */

export class Symbols {
  /** @type {SymbolClass[]} */
  classes = [...JAMO.slice(0, 3)].map((name) => ({ name, drawings: [] }));
  chosen = 0;

  /**
   * @param {(message: string) => void} showError
   * @param {(model: string) => void} onLearnt
   */
  constructor(showError, onLearnt) {
    this.showError = showError;
    this.onLearnt = onLearnt;
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
    byId("symbol-classes").replaceChildren(...this.classes.map((_, c) => this.#row(c)));
    byId("variants-label").textContent = translate("symbols_variants", { n: VARIANTS });
    this.#showTools();
  }

  #showTools() {
    const filled = this.classes.filter(({ drawings }) => drawings.length).length;
    byId("keep", HTMLButtonElement).disabled = this.ink.empty;
    byId("symbol-undo", HTMLButtonElement).disabled = !this.ink.canUndo;
    byId("keep").textContent = translate("symbols_keep", { name: this.classes[this.chosen].name });
    byId("add-class", HTMLButtonElement).disabled = this.classes.length >= MAX_CLASSES;
    byId("teach", HTMLButtonElement).disabled = filled < MIN_CLASSES;
    byId("save-symbols", HTMLButtonElement).disabled = !filled;
  }

  /**
   * A class: its name, how many drawings it has, and the drawings, each of which can be taken away.
   * @param {number} c
   */
  #row(c) {
    const { name, drawings } = this.classes[c];
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
      attributes: { "aria-label": translate("symbols_name") },
      onchange: () => this.#rename(c, input.value),
    });
    const tiles = drawings.map((drawing, i) => {
      const canvas = createCanvas("");
      drawInk(canvas, { shape: [SIDE, SIDE], values: drawing.image, scale: 1 });
      const label = translate("symbols_remove", { name, i: i + 1 });
      const onclick = () => this.#remove(c, i);
      const className = drawing.isHeldOut ? "drawing held-out" : "drawing";
      const attributes = { "aria-label": label };
      return createElement(
        "li",
        {},
        createElement("button", { type: "button", className, attributes, onclick }, canvas),
      );
    });
    const row = createElement("li", { className: chosen ? "symbol chosen" : "symbol" });
    row.append(createElement("div", { className: "head" }, input, choose), createElement("ol", {}, ...tiles));
    return row;
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
    const isFree = name && !this.classes.some((other, k) => k !== c && other.name === name);
    this.showError(isFree ? "" : translate("symbols_same_name"));
    if (isFree) this.classes[c].name = name;
    this.refresh();
  }

  /**
   * @param {number} c
   * @param {number} i
   */
  #remove(c, i) {
    this.classes[c].drawings.splice(i, 1);
    this.refresh();
  }

  #addClass() {
    const used = this.classes.map(({ name }) => name);
    const name = [...JAMO].find((jamo) => !used.includes(jamo));
    this.classes.push({ name: name ?? String(this.classes.length + 1), drawings: [] });
    this.chosen = this.classes.length - 1;
    this.refresh();
    find(byId("symbol-classes").children[this.chosen], "input").focus();
  }

  async #keep() {
    if (this.ink.empty) return;
    const { drawings } = this.classes[this.chosen];
    const image = readWhole(await this.ink.capture().grey());
    this.showError(image && drawings.length < MAX_DRAWINGS ? "" : translate(image ? "symbols_full" : "blank"));
    if (!image || drawings.length >= MAX_DRAWINGS) return;
    drawings.push({ image, isHeldOut: drawings.length % HELD_OUT === HELD_OUT - 1 });
    this.ink.clear();
    this.refresh();
  }

  /**
   * The drawings of the classes that have any.
   * @param {boolean} isHeldOut
   * @returns {LabelledImages}
   */
  #part(isHeldOut) {
    const filled = this.classes.filter(({ drawings }) => drawings.length);
    const all = filled.flatMap(({ drawings }, c) => drawings.map((drawing) => ({ ...drawing, c })));
    const part = all.filter((drawing) => drawing.isHeldOut === isHeldOut);
    const images = new Uint8Array(part.length * SIZE);
    for (const [n, { image }] of part.entries()) images.set(image, n * SIZE);
    return { images, labels: Uint8Array.from(part, ({ c }) => c), classes: filled.map(({ name }) => name) };
  }

  #teach() {
    const [train, test] = [this.#part(false), this.#part(true)];
    const variants = byId("variants", HTMLInputElement).checked ? VARIANTS : 0;
    const worker = startWorker();
    byId("teach", HTMLButtonElement).disabled = true;
    byId("taught").textContent = translate("symbols_learning");
    worker.onmessage = ({ data: { weight, bias, seconds, n } }) => {
      worker.terminate();
      const weights = { features: "pixels", classes: train.classes, weight, bias };
      const right = countRight(weights, test);
      const held = test.labels.length;
      const accuracy = held ? right / held : null;
      pageModels.add({ ...weights, model: SYMBOLS, solver: "lbfgs", accuracy, whole: true });
      const numbers = {
        n: train.labels.length,
        variants: n - train.labels.length,
        seconds: seconds.toFixed(2),
        right,
        held,
      };
      byId("taught").textContent = translate(held ? "symbols_learnt_tested" : "symbols_learnt", numbers);
      byId("use-symbols").hidden = false;
      byId("use-symbols").onclick = () => this.onLearnt(SYMBOLS);
      this.#showTools();
    };
    worker.postMessage({ type: "fit", train, features: "pixels", l2: L2, variants, seed: SEED });
  }

  // As `softreg train --dataset` reads it.
  #save() {
    /** @type {Record<string, import("./npz.js").NamedArray>} */
    const arrays = {};
    for (const [name, isHeldOut] of /** @type {[string, boolean][]} */ ([
      ["train", false],
      ["test", true],
    ])) {
      const { images, labels } = this.#part(isHeldOut);
      if (!labels.length) continue;
      arrays[`x_${name}`] = { shape: [labels.length, SIDE, SIDE], kind: "u1", values: [...images] };
      arrays[`y_${name}`] = { shape: [labels.length], kind: "i8", values: [...labels] };
    }
    const { classes } = this.#part(false);
    arrays.classes = { shape: [classes.length], kind: "U", values: classes };
    const href = URL.createObjectURL(writeNpz(arrays));
    createElement("a", { href, download: "symbols.npz" }).click();
    setTimeout(() => URL.revokeObjectURL(href), 10_000);
  }

  /** @param {File} file */
  async #load(file) {
    try {
      this.classes = classesOf(await readNpz(file));
      this.chosen = 0;
      this.showError("");
      this.refresh();
    } catch {
      this.showError(translate("symbols_not_read"));
    }
  }
}

/**
 * @param {Weights} model
 * @param {LabelledImages} data
 */
function countRight(model, { images, labels }) {
  return [...labels].filter((label, n) => {
    const { logits } = classify(model, images.subarray(n * SIZE, (n + 1) * SIZE));
    return logits.indexOf(Math.max(...logits)) === label;
  }).length;
}

/**
 * The classes of a file that `#save` wrote, or of another one with such arrays.
 * @param {Record<string, import("./npz.js").NamedArray>} arrays
 * @returns {SymbolClass[]}
 */
function classesOf(arrays) {
  const names = [...arrays.classes.values].map((name) => String(name).replace(/\p{C}/gu, "").slice(0, MAX_NAME));
  if (names.length < MIN_CLASSES || names.length > MAX_CLASSES || new Set(names).size < names.length)
    throw new TypeError("classes");
  /** @type {SymbolClass[]} */
  const classes = names.map((name) => ({ name, drawings: [] }));
  for (const part of ["train", "test"]) {
    const [images, labels] = [arrays[`x_${part}`], arrays[`y_${part}`]];
    if (!images && part === "test") continue;
    if (images.kind !== "u1" || String(images.shape.slice(1)) !== `${SIDE},${SIDE}`) throw new TypeError("images");
    for (const [n, label] of labels.values.entries()) {
      const image = Uint8Array.from(/** @type {number[]} */ (images.values.slice(n * SIZE, (n + 1) * SIZE)));
      classes[Number(label)].drawings.push({ image, isHeldOut: part === "test" });
    }
  }
  return classes;
}
