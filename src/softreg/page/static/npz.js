// NumPy's .npz: a ZIP archive of .npy arrays. Written uncompressed; read with or without deflate.

/** @typedef {{ shape: number[], kind: string, values: number[] | string[] }} NamedArray kind: "u1", "i8" or "U" */

const [LOCAL, CENTRAL, END] = [0x04034b50, 0x02014b50, 0x06054b50]; // signatures of a ZIP's records
const MAX_FILE_BYTES = 2 ** 28;

const CRC = Uint32Array.from({ length: 256 }, (_, i) => {
  let crc = i;
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** @param {Uint8Array} bytes */
function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

/**
 * @param {Record<string, NamedArray>} arrays
 * @returns {Blob}
 */
export function writeNpz(arrays) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const directory = [];
  let offset = 0;
  for (const [name, array] of Object.entries(arrays)) {
    const [file, content] = [new TextEncoder().encode(`${name}.npy`), writeNpy(array)];
    const date = 0x21; // 1 January 1980
    const about = [20, 0, 0, 0, date, crc32(content), content.length, content.length, file.length, 0];
    const kinds = [2, 2, 2, 2, 2, 4, 4, 4, 2, 2];
    const header = record([LOCAL, ...about], [4, ...kinds]);
    directory.push(record([CENTRAL, 20, ...about, 0, 0, 0, 0, offset], [4, 2, ...kinds, 2, 2, 2, 4, 4]), file);
    parts.push(header, file, content);
    offset += header.length + file.length + content.length;
  }
  const [count, size] = [directory.length / 2, directory.reduce((sum, { length }) => sum + length, 0)];
  const end = record([END, 0, 0, count, count, size, offset, 0], [4, 2, 2, 2, 2, 4, 4, 2]);
  return new Blob([...parts, ...directory, end], { type: "application/octet-stream" });
}

/**
 * Whole numbers, little-endian, of these sizes.
 * @param {number[]} numbers
 * @param {number[]} sizes
 */
function record(numbers, sizes) {
  const view = new DataView(new ArrayBuffer(sizes.reduce((sum, size) => sum + size, 0)));
  let at = 0;
  for (const [i, size] of sizes.entries()) {
    if (size === 2) view.setUint16(at, numbers[i], true);
    else view.setUint32(at, numbers[i], true);
    at += size;
  }
  return new Uint8Array(view.buffer);
}

/** @param {NamedArray} array */
function writeNpy({ shape, kind, values }) {
  const characters = kind === "U" ? values.map((text) => [...String(text)].map((c) => c.codePointAt(0) ?? 0)) : [];
  const width = Math.max(1, ...characters.map(({ length }) => length));
  const size = { u1: 1, i8: 8, U: 4 * width }[kind] ?? 0;
  const descr = { u1: "|u1", i8: "<i8", U: `<U${width}` }[kind];
  const comma = shape.length === 1 ? "," : "";
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${shape.join(", ")}${comma}), }`;
  const header = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`;
  const view = new DataView(new ArrayBuffer(10 + header.length + size * values.length));
  for (const [i, byte] of [0x93, ...[..."NUMPY"].map((c) => c.charCodeAt(0)), 1, 0].entries()) view.setUint8(i, byte);
  view.setUint16(8, header.length, true);
  for (let i = 0; i < header.length; i++) view.setUint8(10 + i, header.charCodeAt(i));
  const start = 10 + header.length;
  for (let i = 0; i < values.length; i++) {
    if (kind === "u1") view.setUint8(start + i, Number(values[i]));
    else if (kind === "i8") view.setBigInt64(start + 8 * i, BigInt(values[i]), true);
    else for (const [k, code] of characters[i].entries()) view.setUint32(start + size * i + 4 * k, code, true);
  }
  return new Uint8Array(view.buffer);
}

/**
 * The arrays of a file by name.
 * @param {Blob} file
 * @returns {Promise<Record<string, NamedArray>>}
 */
export async function readNpz(file) {
  if (file.size > MAX_FILE_BYTES) throw new RangeError("too large");
  const view = new DataView(await file.arrayBuffer());
  /** @type {Record<string, NamedArray>} */
  const arrays = {};
  let at = directoryOf(view);
  while (at + 46 <= view.byteLength && view.getUint32(at, true) === CENTRAL) {
    const [nameLength, extra, comment] = [28, 30, 32].map((offset) => view.getUint16(at + offset, true));
    const name = new TextDecoder().decode(new Uint8Array(view.buffer, at + 46, nameLength));
    if (name.endsWith(".npy")) arrays[name.slice(0, -4)] = readNpy(await contentOf(view, at));
    at += 46 + nameLength + extra + comment;
  }
  return arrays;
}

/** @param {DataView} view */
function directoryOf(view) {
  for (let at = view.byteLength - 22; at >= 0; at--)
    if (view.getUint32(at, true) === END) return view.getUint32(at + 16, true);
  throw new TypeError("no ZIP archive");
}

/**
 * The unpacked file to which an entry of the directory leads.
 * @param {DataView} view
 * @param {number} at
 */
async function contentOf(view, at) {
  const method = view.getUint16(at + 10, true);
  const [packed, size] = [20, 24].map((offset) => view.getUint32(at + offset, true));
  const local = view.getUint32(at + 42, true);
  const start = local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
  const bytes = new Uint8Array(/** @type {ArrayBuffer} */ (view.buffer), start, packed);
  if (size > MAX_FILE_BYTES || (method !== 0 && method !== 8)) throw new TypeError("unknown compression");
  if (method === 0) return new DataView(view.buffer, start, packed);
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
  return new DataView(await new Response(stream).arrayBuffer());
}

/**
 * @param {DataView} view
 * @returns {NamedArray}
 */
function readNpy(view) {
  const long = view.getUint8(6) > 1;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (long ? 12 : 10) + length;
  const header = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + start - length, length));
  const [, descr] = header.match(/'descr': '([^']*)'/) ?? [];
  const shape = (header.match(/'shape': \(([^)]*)\)/)?.[1] ?? "")
    .split(",")
    .filter((n) => n.trim())
    .map(Number);
  const count = shape.reduce((product, n) => product * n, 1);
  const [, kind, size] = descr?.match(/^[|<]?([uiU])(\d+)$/) ?? [];
  const width = Number(size) * (kind === "U" ? 4 : 1);
  if (!kind || header.includes("'fortran_order': True") || start + count * width > view.byteLength)
    throw new TypeError(`cannot read ${descr}`);
  /** @type {<T>(read: (at: number) => T) => T[]} */
  const all = (read) => Array.from({ length: count }, (_, i) => read(start + i * width));
  if (kind === "U") return { shape, kind, values: all((at) => textAt(view, at, width)) };
  /** @param {number} at */
  const number = (at) => {
    if (width === 8) return Number(view.getBigInt64(at, true));
    if (width === 4) return view.getInt32(at, true);
    return width === 2 ? view.getInt16(at, true) : view.getUint8(at);
  };
  return { shape, kind: `${kind}${size}`, values: all(number) };
}

/**
 * @param {DataView} view
 * @param {number} at
 * @param {number} width
 */
function textAt(view, at, width) {
  const codes = Array.from({ length: width / 4 }, (_, k) => view.getUint32(at + 4 * k, true));
  return String.fromCodePoint(...codes.filter((code) => code));
}
