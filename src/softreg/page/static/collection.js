// Drawings by class, each an image 28 x 28: what the page learns from, saved as a data set and loaded again.

/** @import { LabelledImages } from "./types.d.ts" */

import { SIDE, SIZE } from "./image_format.js";
import { readNpz, writeNpz } from "./npz.js";

export const [MIN_CLASSES, MAX_CLASSES] = [2, 20];
export const MAX_NAME = 20; // characters
const MAX_DRAWINGS = 200; // of a class
const HELD_OUT = 5; // every fifth drawing of a symbol is not learnt from: it tests what was learnt

/** @typedef {{ image: Uint8Array, isHeldOut: boolean }} SymbolDrawing */
/** @typedef {{ name: string, drawings: SymbolDrawing[] }} SymbolClass */

export class Collection {
  /** @type {SymbolClass[]} */
  classes = [];

  /**
   * @param {string[]} names
   * @param {boolean} isFixed whether the classes are those of a model, which all drawings are added to
   */
  constructor(names, isFixed) {
    this.classes = names.map((name) => ({ name, drawings: [] }));
    this.isFixed = isFixed;
  }

  get names() {
    return this.classes.map(({ name }) => name);
  }

  /** The classes that have drawings. */
  get filled() {
    return this.classes.filter(({ drawings }) => drawings.length);
  }

  /** Whether there is enough to learn from. */
  get isTeachable() {
    return this.filled.length >= (this.isFixed ? 1 : MIN_CLASSES);
  }

  /**
   * @param {number} c
   * @param {Uint8Array} image
   * @returns whether there was room for it
   */
  add(c, image) {
    const { drawings } = this.classes[c];
    if (drawings.length >= MAX_DRAWINGS) return false;
    const isHeldOut = !this.isFixed && drawings.length % HELD_OUT === HELD_OUT - 1;
    drawings.push({ image, isHeldOut });
    return true;
  }

  /**
   * The drawings to learn from, or those to test with.
   * @param {boolean} isHeldOut
   * @returns {LabelledImages}
   */
  part(isHeldOut) {
    const classes = this.isFixed ? this.classes : this.filled;
    const all = classes.flatMap(({ drawings }, c) => drawings.map((drawing) => ({ ...drawing, c })));
    const part = all.filter((drawing) => drawing.isHeldOut === isHeldOut);
    const images = new Uint8Array(part.length * SIZE);
    for (const [n, { image }] of part.entries()) images.set(image, n * SIZE);
    return { images, labels: Uint8Array.from(part, ({ c }) => c), classes: classes.map(({ name }) => name) };
  }

  /** As `softreg train --dataset` reads it. */
  toFile() {
    /** @type {Record<string, import("./npz.js").NamedArray>} */
    const arrays = {};
    for (const [name, part] of Object.entries({ train: this.part(false), test: this.part(true) })) {
      const { length } = part.labels;
      arrays.classes = { shape: [part.classes.length], kind: "U", values: part.classes };
      if (!length) continue;
      arrays[`x_${name}`] = { shape: [length, SIDE, SIDE], kind: "u1", values: [...part.images] };
      arrays[`y_${name}`] = { shape: [length], kind: "i8", values: [...part.labels] };
    }
    return writeNpz(arrays);
  }
}

/**
 * The classes of a file that `toFile` wrote, or of another one with such arrays; rejects if it is none.
 * @param {Blob} file
 * @returns {Promise<SymbolClass[]>}
 */
export async function readClasses(file) {
  const arrays = await readNpz(file);
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
