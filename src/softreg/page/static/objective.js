// What training makes small: mean cross-entropy + l2 / 2 |W|^2, the bias free. As src/softreg/optim/objective.py.

/**
 * Features and labels, and parameters theta of D + 1 rows of C numbers: row j < D holds the weights of feature j, the
 * last the bias.
 */
export class Objective {
  /**
   * @param {Float32Array} x N rows of D features
   * @param {Uint8Array} labels
   * @param {number} classes C
   * @param {number} l2
   */
  constructor(x, labels, classes, l2) {
    this.x = x;
    this.labels = labels;
    this.classes = classes;
    this.l2 = l2;
    this.count = labels.length;
    this.dim = x.length / labels.length;
    this.z = new Float64Array(classes);
  }

  get size() {
    return (this.dim + 1) * this.classes;
  }

  /**
   * The logits of a row, in `this.z`. Most features of an image are 0 and cost nothing.
   * @param {Float32Array | Float64Array} theta
   * @param {number} row
   */
  logits(theta, row) {
    const { classes: C, dim: D, x, z } = this;
    for (let c = 0; c < C; c++) z[c] = theta[D * C + c];
    for (let j = 0; j < D; j++) {
      const value = x[row * D + j];
      if (value) for (let c = 0; c < C; c++) z[c] += value * theta[j * C + c];
    }
    return z;
  }

  /**
   * Softmax of `this.z` in its place; the cross-entropy of a label.
   * @param {number} label
   */
  #softmax(label) {
    const { classes: C, z } = this;
    let most = z[0];
    for (let c = 1; c < C; c++) most = Math.max(most, z[c]);
    const ofLabel = z[label] - most;
    let total = 0;
    for (let c = 0; c < C; c++) total += z[c] = Math.exp(z[c] - most);
    for (let c = 0; c < C; c++) z[c] /= total;
    return Math.log(total) - ofLabel;
  }

  /**
   * The objective over some rows (all by default); its gradient is written into `gradient`.
   * @param {Float32Array | Float64Array} theta
   * @param {Float32Array | Float64Array} gradient
   * @param {Int32Array} [rows]
   */
  valueAndGradient(theta, gradient, rows) {
    const { classes: C, dim: D, l2, x, z } = this;
    const count = rows?.length ?? this.count;
    let [loss, square] = [0, 0];
    gradient.fill(0);
    for (let n = 0; n < count; n++) {
      const row = rows ? rows[n] : n;
      this.logits(theta, row);
      loss += this.#softmax(this.labels[row]);
      z[this.labels[row]] -= 1; // p - e_y
      for (let c = 0; c < C; c++) z[c] /= count;
      for (let j = 0; j < D; j++) {
        const value = x[row * D + j];
        if (value) for (let c = 0; c < C; c++) gradient[j * C + c] += value * z[c];
      }
      for (let c = 0; c < C; c++) gradient[D * C + c] += z[c];
    }
    if (l2)
      for (let i = 0; i < D * C; i++) {
        square += theta[i] * theta[i];
        gradient[i] += l2 * theta[i];
      }
    return loss / count + (l2 / 2) * square;
  }

  /**
   * Mean cross-entropy, accuracy, and each row's probability of its label and predicted class.
   * @param {Float32Array | Float64Array} theta
   */
  evaluate(theta) {
    const [ofLabel, predicted] = [new Float32Array(this.count), new Uint8Array(this.count)];
    let [loss, right] = [0, 0];
    for (let row = 0; row < this.count; row++) {
      const z = this.logits(theta, row);
      predicted[row] = z.indexOf(Math.max(...z));
      loss += this.#softmax(this.labels[row]);
      ofLabel[row] = z[this.labels[row]];
      right += Number(predicted[row] === this.labels[row]);
    }
    return { loss: loss / this.count, accuracy: right / this.count, ofLabel, predicted };
  }
}

/**
 * Theta as a model keeps it: weight (C, D) and bias (C,).
 * @param {ArrayLike<number>} theta
 * @param {number} classes
 */
export function unpack(theta, classes) {
  const dim = theta.length / classes - 1;
  const weight = new Float32Array(classes * dim);
  for (let c = 0; c < classes; c++) for (let j = 0; j < dim; j++) weight[c * dim + j] = theta[j * classes + c];
  return { weight, bias: Float32Array.from({ length: classes }, (_, c) => theta[dim * classes + c]) };
}

/**
 * The theta of a model.
 * @param {{ weight: Float32Array, bias: Float32Array }} model weight (C, D), bias (C,)
 */
export function pack({ weight, bias }) {
  const [classes, dim] = [bias.length, weight.length / bias.length];
  const theta = new Float64Array((dim + 1) * classes);
  for (let c = 0; c < classes; c++) {
    for (let j = 0; j < dim; j++) theta[j * classes + c] = weight[c * dim + j];
    theta[dim * classes + c] = bias[c];
  }
  return theta;
}
