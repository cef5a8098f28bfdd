// Training in the page itself, on the images that travel with it: a mini-batch is a step.

/** @import { LabelledImages, RecipeField, TrainerSnapshot, TrainingEvent, Weights } from "./types.d.ts" */

import { embedded, embeddedImages } from "./embedded.js";
import { translate } from "./i18n.js";
import { SIDE, SIZE } from "./image_format.js";
import { startWorker } from "./worker.js";

/** @type {[name: string, value: number, low: number, high: number][]} */
const NUMBERS = [
  ["epochs", 5, 1, 100],
  ["batch_size", 100, 1, 10_000],
  ["lr", 0.3, 1e-3, 1e3],
  ["seed", 777, 0, 2 ** 31],
];

export class PageTraining {
  adjustable = true;
  imageCount = embedded?.images?.counts.train ?? 0;
  number = -1;
  /** @type {Worker | null} */
  worker = null;
  /** @type {(event: TrainingEvent) => void} */
  onEvent = () => {};
  /** @type {{ train: LabelledImages, test: LabelledImages } | null} */
  data = null;
  began = 0;

  /** @param {(name: string, weights: Weights, accuracy: number) => string} save gives the model's key */
  constructor(save) {
    this.save = save;
  }

  /** @returns {Promise<RecipeField[]>} */
  async fields() {
    const features = ["pixels", "deskew"];
    const number = { choices: [], solvers: ["sgd"] };
    return [
      { ...number, name: "features", default: "pixels", choices: features, low: 0, high: 0, whole: false, help: "" },
      ...NUMBERS.map(([name, value, low, high]) => ({
        ...{ ...number, name, default: value, low, high },
        whole: name !== "lr",
        help: translate(`help_${name}`),
      })),
    ];
  }

  /** @param {Record<string, unknown>} recipe */
  async start(recipe) {
    await this.#start(recipe, false);
  }

  /**
   * One mini-batch; a training that has not begun begins with its first.
   * @param {Record<string, unknown>} recipe
   */
  async step(recipe) {
    if (this.worker) this.worker.postMessage({ type: "step" });
    else await this.#start(recipe, true);
  }

  /** @param {"pause" | "continue" | "stop"} action */
  async control(action) {
    this.worker?.postMessage({ type: action });
  }

  /** @param {number} lr of the steps from now on */
  adjust(lr) {
    this.worker?.postMessage({ type: "adjust", lr });
  }

  /** @param {(event: TrainingEvent) => void} onEvent */
  watch(onEvent) {
    this.onEvent = onEvent;
  }

  /**
   * @param {Record<string, unknown>} recipe
   * @param {boolean} paused
   */
  async #start(recipe, paused) {
    const number = ++this.number;
    const about = { features: String(recipe.features), solver: "sgd", lr: Number(recipe.lr) };
    this.onEvent({ training: number, status: "preparing", total: 1, from: 0, steps: [], view: null, ...about });
    this.data ??= { train: await embeddedImages("train"), test: await embeddedImages("test") };
    const { train, test } = this.data;
    this.worker = startWorker("trainer_worker");
    this.began = performance.now();
    let count = 0;
    this.worker.onmessage = ({ data }) => this.#receive(data, number, recipe, count++);
    this.worker.postMessage({ type: "train", train, test, features: recipe.features, recipe, paused });
  }

  /**
   * @param {TrainerSnapshot} snapshot
   * @param {number} training
   * @param {Record<string, unknown>} recipe
   * @param {number} from how many snapshots came before
   */
  #receive({ status, step, total, cost, accuracy, hardest, weight, bias }, training, recipe, from) {
    const { test } = /** @type {NonNullable<typeof this.data>} */ (this.data);
    const view = {
      templates: { shape: [test.classes.length, SIDE, SIDE], values: weight, scale: 1 },
      n: test.labels.length,
      hardest: hardest.map(({ row, label, prediction, probability }) => ({
        image: { shape: [SIDE, SIDE], values: test.images.subarray(row * SIZE, (row + 1) * SIZE), scale: 1 },
        label: test.classes[label],
        prediction: test.classes[prediction],
        probability,
      })),
    };
    const event = { training, status, total, from, steps: [{ step, cost, accuracy }], view };
    if (status !== "ended") return this.onEvent(event);
    this.worker?.terminate();
    this.worker = null;
    const features = String(recipe.features);
    const diverged = !(cost < Math.log(test.classes.length));
    const weights = { features, classes: test.classes, weight, bias };
    const model = diverged ? undefined : this.save(features, weights, accuracy);
    const ending = diverged ? "worse_than_guessing" : step < total ? "stopped" : "trained";
    const seconds = (performance.now() - this.began) / 1000;
    this.onEvent({ ...event, steps: [], from: from, ending, model, accuracy, seconds });
  }
}

/** How many images travel with the page. */
export const imageCounts = embedded?.images?.counts ?? { train: 0, test: 0 };
