// What is to be read: a drawing or a picture file, as a file for the server or as grey values for the page.

/** @import { Grey } from "./types.d.ts" */

import { context2d } from "./pixels.js";

const MAX_SIDE = 1024; // of a picture that is sent
const MAX_BYTES = 900_000; // the server takes at most 1 MiB
const READ_SIDE = 480; // of a picture that the page reads itself

/** What the sheet shows, black on white. */
export class Drawing {
  isDrawn = true;

  /**
   * @param {Uint8ClampedArray} rgba
   * @param {number} side
   */
  constructor(rgba, side) {
    this.rgba = rgba;
    this.side = side;
  }

  blob() {
    return bmp(this.rgba, this.side);
  }

  /** @returns {Promise<Grey>} */
  async grey() {
    const values = new Float32Array(this.side ** 2);
    for (let i = 0; i < values.length; i++) values[i] = this.rgba[4 * i];
    return { width: this.side, height: this.side, values };
  }
}

/** A picture as it came. */
export class PictureFile {
  isDrawn = false;

  /**
   * @param {ImageBitmap} bitmap
   * @param {Blob} file small enough to be sent
   */
  constructor(bitmap, file) {
    this.bitmap = bitmap;
    this.file = file;
  }

  blob() {
    return this.file;
  }

  /** @returns {Promise<Grey>} */
  async grey() {
    const scale = Math.min(1, READ_SIDE / Math.max(this.bitmap.width, this.bitmap.height));
    const [width, height] = [this.bitmap.width, this.bitmap.height].map((length) => Math.ceil(length * scale));
    const context = context2d(Object.assign(document.createElement("canvas"), { width, height }));
    context.drawImage(this.bitmap, 0, 0, width, height);
    const { data } = context.getImageData(0, 0, width, height);
    const values = new Float32Array(width * height);
    for (let i = 0; i < values.length; i++)
      values[i] = Math.round(0.299 * data[4 * i] + 0.587 * data[4 * i + 1] + 0.114 * data[4 * i + 2]);
    return { width, height, values };
  }
}

/**
 * A grey BMP of RGBA pixels, made at once: `toBlob` waits until the page is idle, which a page drawn on is not.
 * @param {Uint8ClampedArray} rgba
 * @param {number} side
 */
function bmp(rgba, side) {
  const start = 54 + 4 * 256; // headers and palette
  const size = start + side * side;
  const view = new DataView(new ArrayBuffer(size));
  const fields = [
    [2, size],
    [10, start],
    [14, 40],
    [18, side],
    [22, side],
    [34, side * side],
    [46, 256],
  ];
  view.setUint16(0, 0x424d); // "BM"
  for (const [offset, value] of fields) view.setUint32(offset, value, true);
  view.setUint16(26, 1, true); // planes
  view.setUint16(28, 8, true); // bits per pixel
  for (let grey = 0; grey < 256; grey++) view.setUint32(54 + 4 * grey, grey * 0x010101, true);
  // From the bottom row up; a row is a multiple of four bytes, as it must be.
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) view.setUint8(start + (side - 1 - y) * side + x, rgba[4 * (y * side + x)]);
  return new Blob([view.buffer], { type: "image/bmp" });
}

/**
 * The picture itself, or a smaller JPEG of it.
 * @param {Blob} blob
 * @param {ImageBitmap} bitmap
 * @returns {Promise<Blob>}
 */
export async function smallEnough(blob, bitmap) {
  if (blob.size < MAX_BYTES && ["image/png", "image/jpeg", "image/webp"].includes(blob.type)) return blob;
  const scale = Math.min(1, MAX_SIDE / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [Math.ceil(bitmap.width * scale), Math.ceil(bitmap.height * scale)];
  const canvas = Object.assign(document.createElement("canvas"), { width, height });
  context2d(canvas).drawImage(bitmap, 0, 0, width, height);
  return new Promise((resolve, reject) =>
    canvas.toBlob((jpeg) => (jpeg ? resolve(jpeg) : reject(new Error("toBlob"))), "image/jpeg", 0.9),
  );
}
