/** What tfjs.mjs and jax-js.mjs share in trying out operators. */

/** Numbers by a formula. */
export function readings(count) {
  return Float32Array.from({ length: count }, (_, i) => Math.sin(7 * i + 1));
}

/**
 * Which operators can be trained through, found by doing it.
 *
 * @param operators by name whatever `readGradients` takes
 * @param readGradients gives the values of all gradients of an operator
 * @returns by name `true`, or why there is no gradient
 */
export async function gradientsOf(operators, readGradients) {
  const found = {};
  for (const [name, operator] of Object.entries(operators)) {
    try {
      const gradients = await readGradients(operator);
      found[name] = gradients.every((values) => values.every(Number.isFinite)) || "gradients that are not finite";
    } catch (error) {
      found[name] = error.message.split("\n")[0];
    }
  }
  return found;
}
