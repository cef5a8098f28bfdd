// What travels in the page itself where no server is behind it: texts, a model and, if it was asked for, images of
// MNIST.

/** @import { Embedded, LabelledImages } from "./types.d.ts" */

import { SIZE } from "./image_format.js";

const block = document.getElementById("softreg-data");

/** @type {Embedded | null} */
export const embedded = block ? JSON.parse(block.textContent ?? "") : null;

/** @param {string} text base64 */
export const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

/** @param {string} text base64 of float32, little-endian */
export const floatsOf = (text) => new Float32Array(bytesOf(text).buffer);

/**
 * The images of a part, `SIZE` bytes each, and their labels; they are packed with gzip, the labels last.
 * @param {"train" | "test"} part
 * @returns {Promise<LabelledImages>}
 */
export async function embeddedImages(part) {
  const images = embedded?.images;
  if (!images) throw new TypeError("no images travel with this page");
  const packed = images.inFiles ? (await fetch(images[part])).body : new Blob([bytesOf(images[part])]).stream();
  const stream = packed?.pipeThrough(new DecompressionStream("gzip"));
  const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
  const count = bytes.length / (SIZE + 1);
  return {
    images: bytes.subarray(0, SIZE * count),
    labels: bytes.subarray(SIZE * count),
    classes: images.classes,
  };
}
